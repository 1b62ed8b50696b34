//! Ways to steer by a header, each set up as its own documents advise.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Claims, HEADER_NAME};
use drillgate::lab::{Behaviour, Request};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Mutex;

use super::rows::{Fault, Kind};
use crate::gate::{now, tampered};
use crate::istio::{ENVIRONMENT, Mesh, Stage, request_with};

/// A drill that is not there.
const STRANGER: &str = "0b9f2f0e-6d5e-4ec5-9d4b-5c3c1f0a7e11";

/// The drill, where the way does not name it itself.
const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// Who signs claims, and with what.
const ISSUER: &str = "https://ci.example.com";
const SECRET: [u8; 32] = [7; 32];

/// The columns, in their order.
pub(super) const WAYS: [Way; 4] = [Way::Rule, Way::Claims, Way::Authority, Way::Owned];

/// A way to steer by a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A rule in production's VirtualService that looks for the header's value.
    Rule,
    /// RequestAuthentication, and a rule in production's VirtualService that looks at the claims.
    Claims,
    /// drillgate.
    Authority,
    /// drillgate, on a host that it owns.
    Owned,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Rule => "header rule in the VirtualService",
            Way::Claims => "RequestAuthentication and claim routing",
            Way::Authority => "drillgate",
            Way::Owned => "drillgate, mode Owned",
        }
    }

    fn host(self) -> &'static str {
        match self {
            Way::Owned => "owned.example.com",
            _ => "orders.example.com",
        }
    }
}

/// A gateway that steers one way.
pub(super) struct Steered {
    stage: Stage,
    way: Way,
    id: Mutex<String>,
}

impl Steered {
    /// Sets it up. Production has a VirtualService for `/api` that is older than the one for all
    /// else, as large installations do.
    pub(super) async fn set(mesh: &Mesh, way: Way) -> Self {
        let stage = Stage::set(mesh, axum::Router::new()).await;
        let steered = Self {
            stage,
            way,
            id: Mutex::new(DRILL.to_owned()),
        };
        let stage = &steered.stage;
        let api = json!([{
            "match": [{"uri": {"prefix": "/api"}}], "route": [stage.to_production()],
        }]);
        let orders = stage.production_routes("orders", json!([way.host()]), json!([]));
        stage.scene.delete(&orders).await;
        let api = stage.production_routes("api", json!(["orders.example.com"]), api);
        stage.scene.apply(api).await;
        // Which one is older is told by the second.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        match way {
            Way::Rule => {}
            Way::Claims => {
                stage.scene.apply(steered.authentication()).await;
            }
            Way::Authority | Way::Owned => {
                let mut gate = stage.gate();
                if way == Way::Owned {
                    gate["spec"]["ownedHosts"] = json!([way.host()]);
                }
                stage.install(gate).await;
            }
        }
        steered.begin().await;
        steered
    }

    /// What a request gets.
    pub(super) async fn ask(&self, kind: Kind, path: &str) -> String {
        let id = self.id.lock().await.clone();
        let mut request = Request::get(self.way.host(), path);
        for value in self.values(kind, &id) {
            request = request.header(HEADER_NAME, value);
        }
        self.stage.outcome(&request).await
    }

    /// Breaks something.
    pub(super) async fn break_by(&self, fault: Fault) {
        let stage = &self.stage;
        match fault {
            Fault::Nothing => {}
            Fault::Refuses => stage.sandbox.down().await.expect("its port"),
            Fault::Hangs => stage.sandbox.behave(Behaviour::Hang),
            Fault::NoEndpoints => {
                stage.scene.apply(stage.sandbox_entry_to(&[])).await;
            }
            Fault::NoService => stage.scene.delete(&stage.sandbox_entry()).await,
            Fault::Over => self.end().await,
        }
    }

    /// Makes it whole again.
    pub(super) async fn mend(&self, fault: Fault) {
        let stage = &self.stage;
        match fault {
            Fault::Nothing => {}
            Fault::Refuses => stage.sandbox.revive().await.expect("its port"),
            Fault::Hangs => stage.sandbox.behave(Behaviour::Answer),
            Fault::NoEndpoints | Fault::NoService => {
                stage.scene.apply(stage.sandbox_entry()).await;
            }
            Fault::Over => self.begin().await,
        }
    }

    /// Lets the drill begin.
    async fn begin(&self) {
        let stage = &self.stage;
        match self.way {
            Way::Rule | Way::Claims => {
                stage.scene.apply(self.routes(true)).await;
            }
            Way::Authority => {
                stage.scene.apply(self.routes(false)).await;
                *self.id.lock().await = stage.drill_as(self.drill()).await;
            }
            Way::Owned => *self.id.lock().await = stage.drill_as(self.drill()).await,
        }
    }

    async fn end(&self) {
        let stage = &self.stage;
        match self.way {
            Way::Rule | Way::Claims => {
                stage.scene.apply(self.routes(false)).await;
            }
            Way::Authority | Way::Owned => {
                stage.scene.delete(&self.drill()).await;
                stage.scene.gone(&self.drill()).await;
            }
        }
    }

    /// Production's VirtualService, with the rule that steers or without.
    fn routes(&self, steers: bool) -> Value {
        let stage = &self.stage;
        let mut rules = Vec::new();
        if steers {
            let header = match self.way {
                Way::Claims => "@request.auth.claims.sub",
                _ => HEADER_NAME,
            };
            let sandbox = json!({"host": stage.sandbox_host(), "port": {"number": 80}});
            rules.push(json!({
                "match": [{"headers": {header: {"exact": DRILL}}}],
                "route": [{"destination": sandbox}],
                "timeout": "1s",
            }));
        }
        rules.push(json!({"route": [stage.to_production()]}));
        stage.production_routes("orders", json!([self.way.host()]), json!(rules))
    }

    fn drill(&self) -> Value {
        let mut drill = self.stage.scene.drill("orders");
        let route = &mut drill["spec"]["routes"][0];
        route["host"] = json!(self.way.host());
        route["timeout"] = json!("1s");
        route["retries"] = json!({"attempts": 0});
        if self.way == Way::Owned {
            let production = self.stage.production_host();
            route["production"] = json!({"host": production, "port": 80});
            drill["spec"]["mode"] = json!("Owned");
        }
        drill
    }

    fn authentication(&self) -> Value {
        let scene = &self.stage.scene;
        let key =
            json!({"kty": "oct", "kid": "ci", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)});
        let selector = self.stage.gate()["spec"]["selector"].clone();
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "drills", "namespace": scene.gateway},
            "spec": {
                "selector": selector,
                "jwtRules": [{
                    "issuer": ISSUER,
                    "jwks": json!({"keys": [key]}).to_string(),
                    "fromHeaders": [{"name": HEADER_NAME}],
                    "forwardOriginalToken": true,
                }],
            },
        })
    }

    /// The header's values.
    fn values(&self, kind: Kind, id: &str) -> Vec<String> {
        let signed = |drill: &str, age: i64| match self.way {
            // It has neither a signature nor a time.
            Way::Rule => drill.to_owned(),
            Way::Claims => jwt(drill, now() - age),
            Way::Authority | Way::Owned => of_ours(drill, now() - age),
        };
        match (kind, self.way) {
            (Kind::Plain, _) => Vec::new(),
            (Kind::Valid, _) => vec![signed(id, 0)],
            (Kind::Forged, Way::Rule) => vec![format!("{id}0")],
            (Kind::Forged, _) => vec![tampered(signed(id, 0))],
            // Nothing in a plain value ends; this is the value of a drill that was an hour ago.
            (Kind::Expired, Way::Rule) | (Kind::Stranger, _) => vec![signed(STRANGER, 0)],
            (Kind::Expired, _) => vec![signed(id, 3600)],
            (Kind::Duplicated, _) => vec![signed(id, 0), signed(STRANGER, 0)],
        }
    }
}

/// A JWT as RequestAuthentication takes it, good for a minute.
fn jwt(drill: &str, issued_at: i64) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "ci"});
    let claims = json!({"iss": ISSUER, "sub": drill, "iat": issued_at, "exp": issued_at + 60});
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length will do");
    mac.update(input.as_bytes());
    format!(
        "{input}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

fn of_ours(drill: &str, issued_at: i64) -> String {
    let (drill, environment) = (drill.parse(), ENVIRONMENT.parse());
    let mut claims = Claims::new(
        drill.expect("a UUID"),
        environment.expect("a label"),
        issued_at,
    );
    claims.expires_at = Some(issued_at + 60);
    let header = request_with(&claims).headers.remove(0).1;
    String::from_utf8(header).expect("a token")
}
