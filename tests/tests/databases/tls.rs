//! Servers with TLS: whom the connection trusts, and whom it does not.

use drillgate_tests::databases::{ENGINES, Kind, Server, make_users};
use serde_json::json;

use crate::scene::Scene;

const CHECK: &str = "sql: {database: copy, query: SELECT 1, expect: {value: '1'}}";

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_its_name_as_far_as_the_mode_says() {
    for kind in ENGINES {
        let mut scene = Scene::production(kind);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        let server = Server::start_with_tls(kind, &certificate, &key);
        make_users(&server);
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let database = match kind {
            Kind::PostgreSql => "postgres",
            Kind::MariaDb => "information_schema",
        };
        let copy = &mut scene.databases[0];
        copy["port"] = json!(server.port);
        copy["database"] = json!(database);
        for (host, mode, ca, is_trusted) in [
            ("localhost", "VerifyFull", &certificate, true),
            ("127.0.0.1", "VerifyFull", &certificate, false),
            ("127.0.0.1", "VerifyCA", &certificate, true),
            ("localhost", "VerifyCA", &other.cert.pem(), false),
            ("localhost", "VerifyFull", &other.cert.pem(), false),
            ("127.0.0.1", "Require", &other.cert.pem(), true),
        ] {
            scene.databases[0]["host"] = json!(host);
            scene.databases[0]["tls"] = json!({"mode": mode, "ca": {"value": ca}});
            if is_trusted {
                scene.passes(CHECK).await;
            } else {
                scene.fails(CHECK, &["database copy", "TLS"]).await;
            }
        }
    }
}
