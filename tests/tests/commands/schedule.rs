//! `schedule run` and `schedule list`.

use drillgate_tests::control_plane::{ControlPlane, Controller, Scene};
use kube::ResourceExt;
use serde_json::json;

use crate::{Desk, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_of_a_schedule_is_started_now_and_waited_for() {
    let plane = ControlPlane::start().await;
    let desk = Desk::at(&plane, Scene::set(&plane).await);
    let mut schedule = desk.scene.schedule("nightly", "@yearly");
    schedule["spec"]["suspend"] = json!(true);
    desk.scene.apply(schedule).await;
    let full = format!("{}/nightly", desk.scene.sandbox);

    // Nobody brings it up: the command says so, and the drill stays.
    let alone = ["schedule", "run", &full, "--wait", "1s", "--output", "json"];
    let alone = desk.run(&alone).await;
    let started = alone.assert(5).says("is not active").json();
    let name = started["name"].as_str().unwrap();
    let (_, name) = name.split_once('/').unwrap();
    let drill = desk.scene.drill_until(name, |_| true).await;
    assert_eq!(started["id"], drill.uid().unwrap().as_str());
    assert!(name.starts_with("nightly-run-"), "{name}");
    assert_eq!(drill.labels()["drillgate.dev/schedule"], "nightly");
    assert_eq!(
        drill.annotations()["drillgate.dev/started-by"],
        "schedule run"
    );
    assert_eq!(drill.owner_references()[0].name, "nightly");
    desk.scene.delete(&desk.scene.drill(name)).await;

    desk.scene.apply(desk.scene.gate()).await;
    let mut controller = Controller::start(&plane.kubeconfig());
    controller.leads().await;
    let namespace = desk.scene.sandbox.clone();
    let run = ["schedule", "run", "nightly", "-n", &namespace, "--wait"];
    desk.run(&run)
        .await
        .assert(0)
        .says("phase        Active")
        .says("drillgate sign --drill ");
    eventually("the schedule lists it", async || {
        let list = desk.run(&["schedule", "list", "--output", "json"]).await;
        let list = list.assert(0).json();
        list[0]["active"]
            .as_array()
            .is_some_and(|active| active.len() == 1)
    })
    .await;
    let list = desk
        .run(&["schedule", "list", "--output", "json"])
        .await
        .json();
    assert_eq!(list[0]["name"], full.as_str());
    assert_eq!(
        (&list[0]["state"], &list[0]["timeZone"]),
        (&json!("Suspended"), &json!("UTC"))
    );
    let table = desk.run(&["schedule", "list"]).await;
    table.assert(0).says("NEXT").says(&full).says("@yearly");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_with_what_mends_it() {
    // A cluster without our definitions.
    let desk = Desk::new().await;
    for command in [vec!["schedule", "list"], vec!["schedule", "run", "nightly"]] {
        desk.run(&command)
            .await
            .assert(2)
            .says("does not know DrillSchedules")
            .says("drillgate crds | kubectl apply");
    }
    let plane = ControlPlane::start().await;
    let desk = Desk::at(&plane, Scene::set(&plane).await);
    desk.run(&["schedule", "run", "nightly"])
        .await
        .assert(2)
        .says("there is no DrillSchedule default/nightly")
        .says("drillgate schedule list");
    desk.run(&["schedule", "list"])
        .await
        .assert(0)
        .says("no schedules");
}
