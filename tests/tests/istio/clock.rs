//! Gateways whose clock is wrong by ten minutes (of Envoy: all else has the right time). The
//! controller's probe finds out, and says so.

use drillgate_tests::istio::{KEY, Mesh, Settings, Stage, claims, drill_request, request_with};
use drillgate_tests::load::{Load, Visits};
use serde_json::json;

use crate::delivery::drill_without_edge;
use crate::failures::OVER;
use crate::ledger::{Ledger, ROUTED, load, some};
use crate::with_controller;

const TEN_MINUTES: i64 = 600;

const NOT_YET: &str = "403 not-yet-valid";

/// A drill's own host, but of no drill that there is.
const OWN: &str = "orders.example.com.x.drill.internal";

/// A stage with a gate, whose gateway's clock is so many seconds ahead, and a drill.
async fn drilled(clock_ahead: i64, told: &str, visits: &Visits) -> (Stage, String) {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    let special = Settings {
        clock_ahead,
        ..Settings::default()
    };
    let routers = [visits.router(), visits.router()];
    let stage = Stage::set_special(mesh, routers, special).await;
    stage.scene.apply(stage.gate()).await;
    stage.gate_told("EdgeProgrammed", "False", told).await;
    let id = drill_without_edge(&stage).await;
    (stage, id)
}

/// Ends the load, whose valid requests got what is in `valid`, all of it.
async fn assert_exact(name: &str, load: Load, visits: &Visits, valid: &[&str]) {
    some(&load).await;
    let sent = load.end().await;
    let ledger = Ledger { name, sent };
    ledger.print();
    ledger.assert_exact(visits, valid, false);
    for outcome in valid {
        assert!(ledger.has(outcome), "{name}: no {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_ten_minutes_ahead_ends_contexts_and_drills_early_and_none_is_productions()
 {
    let visits = Visits::default();
    let (stage, id) = drilled(TEN_MINUTES, "403, expired", &visits).await;
    // An hour is how long the drill lasts, and how old a context may be.
    stage.until(&drill_request(&id), ROUTED).await;
    let load = load(&stage, &id, OWN, KEY);
    some(&load).await;
    let mut short = claims(&id);
    short.expires_at = Some(short.issued_at + TEN_MINUTES / 2);
    assert_eq!(stage.outcome(&request_with(&short)).await, "403 expired");
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["ttl"] = json!("5m");
    stage.scene.apply(drill).await;
    let before = stage.until(&drill_request(&id), OVER).await;
    assert!(before.iter().all(|outcome| outcome == ROUTED), "{before:?}");
    assert_exact("a clock ahead", load, &visits, &[ROUTED, OVER]).await;
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_ten_minutes_behind_refuses_fresh_contexts_and_none_is_productions() {
    let visits = Visits::default();
    let (stage, id) = drilled(-TEN_MINUTES, "403, not-yet-valid", &visits).await;
    // As old as its clock is behind, and good for a minute.
    let mut past = claims(&id);
    past.issued_at -= TEN_MINUTES;
    past.expires_at = Some(past.issued_at + 60);
    stage.until(&request_with(&past), ROUTED).await;
    let load = load(&stage, &id, OWN, KEY);
    assert_exact("a clock behind", load, &visits, &[NOT_YET]).await;
    stage.assert_production_untouched().await;
}
