//! Keys that come and go under load.

use drill_context::HEADER_NAME;
use drillgate::lab::Request;
use drillgate_tests::control_plane::key;
use drillgate_tests::istio::{KEY, Mesh, claims, drill_request, signed};
use drillgate_tests::load::{Kind, Sent, Visits};
use serde_json::{Value, json};

use crate::ledger::{Ledger, ROUTED, load, some};
use crate::{eventually, serving_both};

const NEXT: &str = "next";
const UNKNOWN_KEY: &str = "403 unknown-key";

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
    let secret = stage.scene.secret(secrets[1], &key(NEXT, 7));
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
