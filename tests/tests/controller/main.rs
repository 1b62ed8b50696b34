//! The controller as a process, against a real API server.

mod batches;
mod checks;
mod counts;
mod crash;
mod edge;
mod leader;
mod life;
mod objects;
mod outages;
mod refusals;
mod rest;
mod rights;
mod schedule;
mod upkeep;

use std::time::Duration;

use drillgate::api::{Drill, DrillGate, Phase};
use drillgate_tests::control_plane::{CONTROLLER, Call, ControlPlane, Controller, Proxy, Scene};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::time::{sleep, timeout};

/// How long something that the controller does may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A control plane, a scene and a controller that leads.
async fn started() -> (ControlPlane, Scene, Controller) {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;
    (plane, scene, controller)
}

/// The same, with a gate that is ready.
async fn gated() -> (ControlPlane, Scene, Controller) {
    let (plane, scene, controller) = started().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    (plane, scene, controller)
}

/// Waits until the gate is ready.
async fn gate_ready(scene: &Scene) {
    scene
        .gate_until(|gate| gate_condition(gate, "Ready").is_some_and(|held| held.0 == "True"))
        .await;
}

/// A control plane, a scene, a proxy in front of the API server and a controller behind it.
async fn proxied() -> (ControlPlane, Scene, Proxy, Controller) {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let proxy = Proxy::start(&plane, CONTROLLER).await;
    let mut controller = Controller::start(&proxy.kubeconfig());
    controller.leads().await;
    (plane, scene, proxy, controller)
}

/// How many requests have come through `proxy` that are `wanted`.
fn count(proxy: &Proxy, wanted: impl Fn(&Call) -> bool) -> usize {
    proxy.requests().iter().filter(|call| wanted(call)).count()
}

fn is_in(drill: &Drill, phase: Phase) -> bool {
    drill.phase() == Some(phase)
}

/// What a condition says: its status, reason and message.
type Told = (String, String, String);

/// A condition of a drill.
fn condition(drill: &Drill, kind: &str) -> Option<Told> {
    told(&drill.status.as_ref()?.conditions, kind)
}

/// A condition of a gate.
fn gate_condition(gate: &DrillGate, kind: &str) -> Option<Told> {
    told(&gate.status.as_ref()?.conditions, kind)
}

fn told(conditions: &[Condition], kind: &str) -> Option<Told> {
    let found = conditions.iter().find(|held| held.type_ == kind)?.clone();
    Some((found.status, found.reason, found.message))
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
