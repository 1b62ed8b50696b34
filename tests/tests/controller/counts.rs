//! How many drills a gate tells of: as long as there are any, it may not be deleted.

use std::time::Duration;

use drillgate::api::DrillGate;
use drillgate_tests::control_plane::Scene;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::batches::{ONE_SHOT, entries, one_shot};
use crate::{gate_condition, gated};

/// How long the first drill may take to be told of: less than the pause between other numbers.
const AT_ONCE: Duration = Duration::from_secs(10);

fn tells(count: i32) -> impl Fn(&DrillGate) -> bool {
    move |gate| gate.status.as_ref().and_then(|status| status.active_drills) == Some(count)
}

/// Writes what a pipeline has in the active list: `drills`.
async fn lists(scene: &Scene, drills: Value) {
    let body = entries(scene, drills).await;
    let manager = format!("drillgate-{ONE_SHOT}");
    scene.apply_as(&body, &manager).await;
}

#[tokio::test]
async fn a_pipelines_drill_is_told_of_at_once_and_until_it_is_over() {
    let (_plane, scene, _controller) = gated().await;
    scene.gate_until(tells(0)).await;
    lists(&scene, json!({ ONE_SHOT: one_shot(4_000_000_000) })).await;
    let told = timeout(AT_ONCE, scene.gate_until(tells(1))).await;
    assert!(told.is_ok(), "the gate does not tell of it at once");
    scene.apply(scene.drill("orders")).await;
    scene.gate_until(tells(2)).await;
    lists(&scene, json!({})).await;
    scene.gate_until(tells(1)).await;
    scene.delete(&scene.drill("orders")).await;
    scene.gate_until(tells(0)).await;
}

#[tokio::test]
async fn a_gate_that_is_refused_and_still_stands_tells_of_its_drills() {
    let (_plane, scene, _controller) = gated().await;
    let mut gate = scene.gate();
    gate["spec"]["gateways"] = json!(["missing"]);
    scene.apply(gate).await;
    scene
        .gate_until(|gate| gate_condition(gate, "Ready").is_some_and(|held| held.0 == "False"))
        .await;
    lists(&scene, json!({ ONE_SHOT: one_shot(4_000_000_000) })).await;
    let told = timeout(AT_ONCE, scene.gate_until(tells(1))).await;
    assert!(told.is_ok(), "the gate does not tell of it at once");
    lists(&scene, json!({})).await;
    scene.gate_until(tells(0)).await;
}
