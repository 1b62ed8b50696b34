//! The controller as a process, against a real API server.

mod crash;
mod edge;
mod leader;
mod life;
mod objects;
mod outages;
mod refusals;
mod rest;
mod upkeep;

use std::time::Duration;

use drillgate::api::{Drill, DrillGate, Phase};
use drillgate_tests::control_plane::{ControlPlane, Controller, Scene};
use tokio::time::{sleep, timeout};

/// How long something that the controller does may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A control plane, a scene and a controller that leads.
async fn started() -> (ControlPlane, Scene, Controller) {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let mut controller = Controller::start(&plane.kubeconfig());
    controller.leads().await;
    (plane, scene, controller)
}

/// The same, with a gate that is ready.
async fn gated() -> (ControlPlane, Scene, Controller) {
    let (plane, scene, controller) = started().await;
    scene.apply(scene.gate()).await;
    let is_ready = |held: (String, String, String)| held.0 == "True";
    scene
        .gate_until(|gate| gate_condition(gate, "Ready").is_some_and(is_ready))
        .await;
    (plane, scene, controller)
}

fn is_in(drill: &Drill, phase: Phase) -> bool {
    drill.status.as_ref().and_then(|status| status.phase) == Some(phase)
}

/// A condition of a drill: its status, reason and message.
fn condition(drill: &Drill, kind: &str) -> Option<(String, String, String)> {
    let status = drill.status.as_ref()?;
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)?;
    Some((
        found.status.clone(),
        found.reason.clone(),
        found.message.clone(),
    ))
}

/// A condition of a gate: its status, reason and message.
fn gate_condition(gate: &DrillGate, kind: &str) -> Option<(String, String, String)> {
    let status = gate.status.as_ref()?;
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)?;
    Some((
        found.status.clone(),
        found.reason.clone(),
        found.message.clone(),
    ))
}

/// Waits until `holds` does.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = timeout(LIMIT, async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "it does not come true that {what}");
}
