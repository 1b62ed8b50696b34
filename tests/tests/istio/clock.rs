//! Gateways whose clock is wrong by ten minutes (of Envoy: all else has the right time). The
//! controller's probe finds out, and says so.

use axum::Router;
use drillgate_tests::istio::{Mesh, Settings, Stage, claims, drill_request, request_with};
use serde_json::json;

use crate::delivery::drill_without_edge;
use crate::ledger::ROUTED;
use crate::with_controller;

const TEN_MINUTES: i64 = 600;

/// A stage with a gate, whose gateway's clock is so many seconds ahead, and a drill.
async fn drilled(clock_ahead: i64, told: &str) -> (Stage, String) {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    let special = Settings {
        clock_ahead,
        ..Settings::default()
    };
    let stage = Stage::set_special(mesh, [Router::new(), Router::new()], special).await;
    stage.scene.apply(stage.gate()).await;
    stage.gate_told("EdgeProgrammed", "False", told).await;
    let id = drill_without_edge(&stage).await;
    (stage, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_ten_minutes_ahead_ends_contexts_and_drills_early_and_none_is_productions()
 {
    let (stage, id) = drilled(TEN_MINUTES, "403, expired").await;
    // An hour is how long the drill lasts, and how old a context may be.
    stage.until(&drill_request(&id), ROUTED).await;
    let mut short = claims(&id);
    short.expires_at = Some(short.issued_at + TEN_MINUTES / 2);
    assert_eq!(stage.outcome(&request_with(&short)).await, "403 expired");
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["ttl"] = json!("5m");
    stage.scene.apply(drill).await;
    let before = stage.until(&drill_request(&id), "403 drill-over").await;
    assert!(before.iter().all(|outcome| outcome == ROUTED), "{before:?}");
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_ten_minutes_behind_refuses_fresh_contexts_and_none_is_productions() {
    let (stage, id) = drilled(-TEN_MINUTES, "403, not-yet-valid").await;
    // As old as its clock is behind, and good for a minute.
    let mut past = claims(&id);
    past.issued_at -= TEN_MINUTES;
    past.expires_at = Some(past.issued_at + 60);
    stage.until(&request_with(&past), ROUTED).await;
    let refused = stage.outcome(&drill_request(&id)).await;
    assert_eq!(refused, "403 not-yet-valid");
    stage.assert_production_untouched().await;
}
