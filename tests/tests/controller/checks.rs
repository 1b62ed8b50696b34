//! The checks of a drill that the controller runs, through a real Envoy with the real filter.

use drillgate::api::Drill;
use drillgate::checks::outcome::Verdict;
use drillgate_tests::control_plane::{CONTROLLER, Controller, hand_on};
use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

use crate::edge::{gate_told, probed};
use crate::{condition, started};

fn passed_is(drill: &Drill, status: &str, text: &str) -> bool {
    condition(drill, "ChecksPassed").is_some_and(|held| held.0 == status && held.2.contains(text))
}

fn told(drill: &Drill) -> Vec<(String, Verdict)> {
    let checks = drill.status.iter().flat_map(|status| &status.checks);
    let checks = checks.map(|check| (check.name.clone(), check.verdict));
    checks.collect()
}

/// A check that passes if the named one answers.
fn who(name: &str) -> Value {
    json!({"name": name, "http": [{"expect": {"json": [{"path": "$.who", "equals": name}]}}]})
}

async fn edge() -> Harness {
    Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_active_drill_is_checked_once_for_each_generation_of_its_spec() {
    let (plane, scene, controller) = started().await;
    let mut harness = edge().await;
    scene.apply(probed(&scene, &harness)).await;
    gate_told(&scene, "False", "unknown-key").await;
    let mut drill = scene.drill("orders");
    drill["spec"]["checks"] =
        json!([who("sandbox"), {"name": "serves", "grpc": {"service": "sandbox"}}]);
    scene.apply(drill.clone()).await;
    let (asked, sandbox) = (harness.production.drill_requests(), harness.sandbox.total());
    assert_eq!((asked, sandbox), (0, 0));
    let passed = tokio::select! {
        passed = scene.drill_until("orders", |drill| passed_is(drill, "True", "2 of 2")) => passed,
        () = hand_on(&scene, &mut harness) => panic!("it goes on for ever"),
    };
    let both = ["sandbox", "serves"].map(|name| (name.to_owned(), Verdict::Passed));
    assert_eq!(told(&passed), both);
    assert_eq!(harness.sandbox.total(), 2);

    // A new leader finds them told, and a new generation is checked anew.
    drop(controller);
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;
    drill["spec"]["checks"] = json!([
        who("sandbox"), who("production"),
        {"name": "program", "command": {"argv": ["touch", "ran"]}},
    ]);
    scene.apply(drill).await;
    let failed = scene
        .drill_until("orders", |drill| {
            passed_is(drill, "False", "failed: production")
        })
        .await;
    let expected = [
        ("sandbox", Verdict::Passed),
        ("production", Verdict::Failed),
        ("program", Verdict::NotRun),
    ];
    let expected = expected.map(|(name, verdict)| (name.to_owned(), verdict));
    assert_eq!(told(&failed), expected);
    let status = failed.status.expect("a status");
    let messages: Vec<&str> = status.checks.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages[1],
        "$.who is \"sandbox\", and \"production\" is wanted"
    );
    assert!(messages[2].contains("`drillgate run`"), "{messages:?}");
    assert_eq!(harness.sandbox.total(), 4);
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_checks_keep_nobody_waiting_and_end_with_their_drill() {
    let (_plane, scene, _controller) = started().await;
    let mut harness = edge().await;
    scene.apply(probed(&scene, &harness)).await;
    gate_told(&scene, "False", "unknown-key").await;
    harness.sandbox.behave(drillgate::lab::Behaviour::Hang);
    let mut slow = scene.drill("orders");
    slow["spec"]["checks"] = json!([{"name": "slow", "http": [{}], "timeout": "1h"}]);
    scene.apply(slow.clone()).await;
    scene.apply(scene.drill("shop")).await;
    let walk = async {
        scene
            .drill_until("orders", |drill| passed_is(drill, "Unknown", "they run"))
            .await;
        let shop = scene
            .drill_until("shop", |drill| {
                drill.phase() == Some(drillgate::api::Phase::Active)
            })
            .await;
        assert_eq!(condition(&shop, "ChecksPassed"), None);
        slow["spec"]["ttl"] = json!("5s");
        scene.apply(slow.clone()).await;
        scene
            .drill_until("orders", |drill| {
                drill.is_over() && passed_is(drill, "Unknown", "the drill was over before")
            })
            .await;
    };
    tokio::select! {
        () = walk => {}
        () = hand_on(&scene, &mut harness) => panic!("it goes on for ever"),
    }
    assert_eq!(harness.production.drill_requests(), 0);
}
