//! `EdgeProgrammed` is what a real Envoy with the real filter says. Here the test stands in for
//! istiod: it hands the filter's configuration on when it wants to.

use drillgate::api::{Drill, Phase};
use drillgate_tests::control_plane::{GATE, Scene};
use drillgate_tests::gate::HOST;
use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

use crate::{condition, eventually, gate_condition, is_in, started};

/// Hands the filter's configuration, as it stands in the cluster, on to Envoy.
async fn hand_on(scene: &Scene, harness: &mut Harness) {
    let configuration = scene.plugin_configuration().await;
    harness.configure(configuration).await;
}

fn edge_is(drill: &Drill, status: &str, text: &str) -> bool {
    condition(drill, "EdgeProgrammed").is_some_and(|held| held.0 == status && held.2.contains(text))
}

pub async fn gate_told(scene: &Scene, status: &str, text: &str) {
    scene
        .gate_until(|gate| {
            gate_condition(gate, "EdgeProgrammed")
                .is_some_and(|held| held.0 == status && held.2.contains(text))
        })
        .await;
}

pub fn probed(scene: &Scene, harness: &Harness) -> Value {
    let mut gate = scene.gate();
    gate["spec"]["probe"] = json!({"address": harness.address().to_string(), "host": HOST});
    gate
}

/// A gateway that runs with the gate, and with no drill.
async fn programmed(scene: &Scene) -> Harness {
    let mut harness =
        Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    scene.apply(probed(scene, &harness)).await;
    // Its filter has other keys yet, and so cannot even read the probe.
    gate_told(scene, "False", "unknown-key").await;
    hand_on(scene, &mut harness).await;
    gate_told(scene, "True", "1 of 1 gateways run with it").await;
    harness
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_is_active_only_when_the_gateway_itself_runs_with_it() {
    let (_plane, scene, _controller) = started().await;
    let mut harness = programmed(&scene).await;

    scene.apply(scene.drill("orders")).await;
    let waiting = scene
        .drill_until("orders", |drill| edge_is(drill, "False", "unknown-drill"))
        .await;
    assert!(is_in(&waiting, Phase::Programming));
    assert_eq!(condition(&waiting, "Ready").unwrap().0, "False");
    hand_on(&scene, &mut harness).await;
    let active = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    assert!(edge_is(&active, "True", "1 of 1 gateways run with it"));
    assert_eq!(harness.production.drill_requests(), 0);
    assert_eq!(harness.sandbox.total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_the_filter_is_told_apart_from_one_with_it() {
    let (_plane, scene, _controller) = started().await;
    // The allow-all that takes the filter's place, and no guard.
    let harness = Harness::start(|edge| edge.guard = false).await;
    scene.apply(probed(&scene, &harness)).await;
    gate_told(&scene, "False", "policy is not there yet").await;
    // Not even the controller's own probe has reached production.
    assert_eq!(harness.production.drill_requests(), 0);
}

/// What the gateway was sent before may come late: it then runs with the gate, and not with the drill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_falls_back_behind_a_drill_is_sent_its_filter_again() {
    let (_plane, scene, _controller) = started().await;
    let mut harness = programmed(&scene).await;
    let without = scene.plugin_configuration().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| edge_is(drill, "False", "unknown-drill"))
        .await;
    hand_on(&scene, &mut harness).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;

    harness.configure(without.clone()).await;
    scene
        .drill_until("orders", |drill| edge_is(drill, "False", "unknown-drill"))
        .await;
    eventually("the filter is sent again", async || {
        scene.plugin_configuration().await["attempt"].is_i64()
    })
    .await;
    let again = scene.plugin_configuration().await;
    assert_eq!(again["generation"], without["generation"]);
    // It is told after the filter has been sent.
    eventually("an event tells", async || {
        let events = scene.events(&scene.gateway, GATE).await;
        events.iter().any(|event| event.contains("SentAgain"))
    })
    .await;
    harness.configure(again).await;
    scene
        .drill_until("orders", |drill| edge_is(drill, "True", "1 of 1"))
        .await;
    assert_eq!(harness.production.drill_requests(), 0);
}
