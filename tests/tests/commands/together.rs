//! Pipelines and the controller at one gate: nobody disturbs another.

use drillgate::api::Phase;
use drillgate_tests::control_plane::{ControlPlane, Controller, Scene};
use serde_json::json;

use crate::{Desk, eventually, finish, signal};

/// A cluster of its own with our definitions, and a controller that leads.
async fn with_a_controller() -> (ControlPlane, Controller, Desk) {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let mut controller = Controller::start(&plane.kubeconfig());
    controller.leads().await;
    let desk = Desk::at(&plane, scene);
    (plane, controller, desk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_and_a_controller_at_one_gate_do_not_disturb_each_other() {
    let (plane, controller, desk) = with_a_controller().await;
    let scene = &desk.scene;
    scene.apply(scene.gate()).await;
    scene.gate_until(is_ready).await;

    scene.apply(scene.drill("resource")).await;
    let mut runs = Vec::new();
    for name in ["one", "two"] {
        let mut drill = scene.drill(name);
        drill["spec"]["environment"] = json!(name);
        desk.write(&format!("{name}.yaml"), &drill);
        runs.push(desk.start(&["run", "-f", &format!("{name}.yaml"), "--", "sleep", "600"]));
    }
    let active = |drill: &drillgate::api::Drill| drill.phase() == Some(Phase::Active);
    let resource = scene.drill_until("resource", active).await;
    eventually("all three stand", async || desk.entries().await.len() == 3).await;
    let three = desk.drills().await;
    let whole = three.iter().filter(|drill| drill["state"] == "Active");
    assert_eq!(whole.count(), 3, "{three:#?}");

    // One run ends: the others stand as they were.
    let mut runs = runs.into_iter();
    let first = runs.next().expect("a run");
    signal(&first, "TERM").await;
    finish(first).await.assert(143);
    let mut left = three.clone();
    left.retain(|drill| drill["name"] != format!("{}/one", scene.sandbox).as_str());
    assert_eq!(desk.drills().await, left);

    // The controller's drill ends: the other run's stands as it was.
    scene.delete(&scene.drill("resource")).await;
    scene.gone(&scene.drill("resource")).await;
    let id = resource.metadata.uid.expect("a UID");
    left.retain(|drill| drill["id"] != id.as_str());
    assert_eq!(desk.drills().await, left);

    // A controller that is killed and comes back does not touch the run's drill either.
    controller.signal("KILL");
    controller.ended().await;
    let mut again = Controller::start(&plane.kubeconfig());
    again.leads().await;
    scene.apply(scene.drill("next")).await;
    scene.drill_until("next", active).await;
    left.extend(
        desk.drills()
            .await
            .into_iter()
            .filter(|drill| !drill["resource"].is_null()),
    );
    left.sort_by_key(|drill| drill["name"].as_str().map(str::to_owned));
    assert_eq!(desk.drills().await, left);

    let last = runs.next().expect("a run");
    signal(&last, "TERM").await;
    finish(last).await.assert(143);
    scene.delete(&scene.drill("next")).await;
    scene.gone(&scene.drill("next")).await;
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_with_a_resource_is_not_stopped_behind_the_controllers_back() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let desk = Desk::at(&plane, scene);
    desk.scene.apply(desk.scene.drill("orders")).await;
    let name = format!("{}/orders", desk.scene.sandbox);
    let done = desk.run(&["stop", &name]).await;
    done.assert(2)
        .says("kubectl delete drill orders --namespace");
    desk.run(&["status", &name]).await.assert(1).says("Waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_with_a_resource_waits_for_the_place_that_a_pipelines_drill_has() {
    let (_plane, _controller, desk) = with_a_controller().await;
    let scene = &desk.scene;
    let mut gate = scene.gate();
    gate["spec"]["ownedHosts"] = json!(["orders.example.com"]);
    scene.apply(gate).await;
    scene.gate_until(is_ready).await;
    let owned = |name: &str, environment: &str| {
        let mut drill = scene.drill(name);
        drill["spec"]["environment"] = json!(environment);
        drill["spec"]["mode"] = json!("Owned");
        let route = &mut drill["spec"]["routes"][0];
        route["host"] = json!("orders.example.com");
        route["production"] = json!({"host": "orders-live", "port": 80});
        drill
    };
    desk.write("drill.yaml", &owned("pipeline", "one"));
    desk.run(&["start", "-f", "drill.yaml"]).await.assert(0);

    // Two owners would be two VirtualServices of one host, of which the older one's rules count.
    scene.apply(owned("resource", "two")).await;
    let told = scene.drill_until("resource", |drill| {
        let conditions = drill.status.iter().flat_map(|status| &status.conditions);
        conditions
            .into_iter()
            .any(|held| held.type_ == "Accepted" && held.reason == "HostInUse")
    });
    let message = told.await.status.and_then(|status| status.message);
    let message = message.unwrap_or_default();
    let holder = format!("drill {}/pipeline owns orders.example.com", scene.sandbox);
    assert!(message.contains(&holder), "{message}");

    // Nobody has to touch it: the place becomes free, and it takes it.
    let pipeline = format!("{}/pipeline", scene.sandbox);
    desk.run(&["stop", &pipeline]).await.assert(0);
    let active = |drill: &drillgate::api::Drill| drill.phase() == Some(Phase::Active);
    scene.drill_until("resource", active).await;
}

fn is_ready(gate: &drillgate::api::DrillGate) -> bool {
    let conditions = gate.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|held| held.type_ == "Ready" && held.status == "True")
}
