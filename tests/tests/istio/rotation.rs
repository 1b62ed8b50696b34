//! Keys under load: as they come and go, and wherever they are.

use std::sync::LazyLock;

use drill_context::HEADER_NAME;
use drillgate::keyfile::Jwk;
use drillgate::lab::Request;
use drillgate_tests::control_plane::key;
use drillgate_tests::gate::{self, DRILL, ED25519, ROUTE_KEY};
use drillgate_tests::istio::{KEY, Mesh, Settings, Stage, claims, drill_request, signed};
use drillgate_tests::load::{Kind, Sent, Visits};
use drillgate_tests::module_path;
use serde_json::{Value, json};

use crate::ledger::{Ledger, ROUTED, load, some};
use crate::{eventually, serving_both};

/// The key that comes: the edge has its public half. The one that goes, [`KEY`], is a secret in the
/// filter's configuration.
const NEXT: &str = ED25519;
const UNKNOWN_KEY: &str = "403 unknown-key";

/// The variable of the proxy that holds a key, and that key.
const VARIABLE: &str = "DRILL_KEY";
static SECRET: LazyLock<String> = LazyLock::new(|| {
    let secret = key(KEY, 7)["k"].as_str().map(str::to_owned);
    secret.unwrap()
});

/// The gate's entry for a key.
fn entry(kid: &str, secret: &str) -> Value {
    json!({"kid": kid, "secretRef": {"name": secret}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_exchanged_under_load_without_a_refusal_and_a_revoked_one_stays_refused() {
    let visits = Visits::default();
    let stage = serving_both(visits.router(), visits.router()).await;
    let plane = &Mesh::shared().await.plane;
    let secrets = ["drill-keys", "drill-keys-next"];
    plane.grant_keys(&stage.scene.gateway, &secrets).await;
    let next = Jwk::ed25519(NEXT.parse().unwrap(), &[7; 32]).unwrap();
    let file = serde_json::from_str(&next.expose()).unwrap();
    let secret = stage.scene.secret(secrets[1], &file);
    stage.scene.apply(secret).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;

    let with_keys = async |keys: Value| {
        let mut gate = stage.gate();
        gate["spec"]["keys"] = keys;
        stage.scene.apply(gate).await;
    };
    let load = load(&stage, &id, "orders.example.com.x.drill.internal", NEXT);
    some(&load).await;
    let listeners = stage.gateway.listeners().await;

    let (old, new) = (entry(KEY, secrets[0]), entry(NEXT, secrets[1]));
    with_keys(json!([old, new])).await;
    let signed_by = |kid: &str| {
        let value = signed(&claims(&id), kid);
        Request::get("orders.example.com", "/drill").header(HEADER_NAME, value)
    };
    eventually("the new key counts", async || {
        stage.outcome(&signed_by(NEXT)).await == ROUTED
    })
    .await;
    let both = load.next_stage();
    some(&load).await;

    load.next_stage();
    with_keys(json!([new])).await;
    eventually("the old key is revoked", async || {
        stage.outcome(&signed_by(KEY)).await == UNKNOWN_KEY
    })
    .await;
    let revoked = load.next_stage();
    some(&load).await;
    // What comes to the gateway later does not bring it back.
    stage.gate_ready().await;
    some(&load).await;
    let held = stage.scene.plugin_configuration().await["keys"].clone();
    assert_eq!(held, next.expose_config(), "and no secret");

    let ledger = Ledger {
        name: "keys",
        sent: load.end().await,
    };
    ledger.print();
    ledger.assert_exact(&visits, &[ROUTED, UNKNOWN_KEY], false);
    let all_of = |stage: u64, kind: Kind, outcome: &str| {
        let of_stage = |sent: &&Sent| sent.stage == Some(stage) && sent.kind == kind;
        let of_stage: Vec<_> = ledger.sent.iter().filter(of_stage).collect();
        assert!(!of_stage.is_empty(), "no {kind:?}");
        for sent in of_stage {
            assert_eq!(sent.outcome, outcome, "{sent:?}");
        }
    };
    all_of(0, Kind::Valid, ROUTED);
    all_of(both, Kind::Valid, ROUTED);
    all_of(both, Kind::ValidByOther, ROUTED);
    all_of(both + 1, Kind::ValidByOther, ROUTED);
    all_of(revoked, Kind::Valid, UNKNOWN_KEY);
    all_of(revoked, Kind::ValidByOther, ROUTED);
    assert_eq!(stage.gateway.listeners().await, listeners);
    assert_eq!(stage.production.drill_requests(), 0);
}

/// A filter that is made by hand: a gate puts the keys of its Secrets into the configuration.
fn plugin_by_hand(stage: &Stage) -> Value {
    let mut configuration = gate::good(1);
    configuration["keys"] = json!({KEY: {"alg": "HS256", "env": VARIABLE}});
    let labels = &stage.istio_gateway(json!(["*"]))["spec"]["selector"];
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
        "metadata": {"name": "by-hand", "namespace": stage.scene.gateway},
        "spec": {
            "selector": {"matchLabels": labels},
            "url": format!("file://{}", module_path().display()),
            "phase": "AUTHN",
            "pluginConfig": configuration,
            "vmConfig": {"env": [{"name": VARIABLE, "valueFrom": "HOST"}]},
        },
    })
}

fn route_by_hand(stage: &Stage) -> (String, Value) {
    let host = format!("orders.example.com.{ROUTE_KEY}.drill.internal");
    let to = json!({"destination": {"host": stage.sandbox_host(), "port": {"number": 80}}});
    let http = json!([{"route": [to]}]);
    let route = stage.production_routes("by-hand", json!([host]), http);
    (host, route)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_an_environment_variable_of_the_proxy_counts_and_istio_never_has_it() {
    let special = Settings {
        variable: Some((VARIABLE, &SECRET)),
        ..Settings::default()
    };
    let mesh = Mesh::shared().await;
    let visits = Visits::default();
    let routers = [visits.router(), visits.router()];
    let stage = Stage::set_special(mesh, routers, special).await;
    let (own, route) = route_by_hand(&stage);
    stage.scene.apply(route).await;
    stage.scene.apply(plugin_by_hand(&stage)).await;
    stage.until(&drill_request(DRILL), ROUTED).await;
    stage.protected();

    let load = load(&stage, DRILL, &own, KEY);
    some(&load).await;
    let ledger = Ledger {
        name: "a key in a variable",
        sent: load.end().await,
    };
    ledger.print();
    ledger.assert_exact(&visits, &[ROUTED], false);
    let page = format!("config_dump?proxyID={}", stage.gateway.name());
    let pushed = mesh.istiod.debug(&page).await.to_string();
    let held = stage.gateway.admin().config_dump().await.unwrap();
    for dump in [pushed, held.to_string()] {
        assert!(dump.contains(VARIABLE) && !dump.contains(SECRET.as_str()));
    }
    stage.assert_production_untouched().await;
}
