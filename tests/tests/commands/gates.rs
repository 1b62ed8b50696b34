//! `gate install`, `check` and `uninstall`.

use drillgate_tests::control_plane::{ControlPlane, Scene, key};
use serde_json::json;

use crate::{Desk, finish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_is_installed_once_checked_and_taken_away() {
    let desk = Desk::new().await;
    let check = ["gate", "check", "-f", "gate.yaml"];
    desk.run(&check)
        .await
        .assert(1)
        .says("does not stand as the file says");
    let install = ["gate", "install", "-f", "gate.yaml", "--yes"];
    desk.run(&install)
        .await
        .assert(0)
        .says("installed")
        .says("VirtualService ");
    desk.run(&install)
        .await
        .assert(0)
        .says("stands already, unchanged");
    desk.run(&check)
        .await
        .assert(0)
        .says("stands as the file says");
    desk.run(&["diff", "-f", "gate.yaml"]).await.assert(0);
    let uninstall = [
        "gate",
        "uninstall",
        "edge",
        "--namespace",
        &desk.scene.gateway,
        "--yes",
    ];
    desk.run(&uninstall).await.assert(0).says("uninstalled");
    assert_eq!(desk.scene.ours().await, Vec::<String>::new());
    desk.run(&uninstall).await.assert(0).says("is not there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_may_come_by_standard_input() {
    let desk = Desk::new().await;
    let install = ["gate", "install", "-f", "-", "--yes"];
    let gate = std::fs::File::open(desk.folder.path().join("gate.yaml")).expect("a file");
    let child = desk.command(&install).stdin(gate).spawn();
    let done = finish(child.expect("start the binary")).await;
    done.assert(0).says("installed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_touches_listeners_is_done_unasked() {
    let desk = Desk::new().await;
    let done = desk.run(&["gate", "install", "-f", "gate.yaml"]).await;
    done.assert(2)
        .says("listeners of the gateway")
        .says("--yes");
    assert_eq!(desk.scene.ours().await, Vec::<String>::new());
    desk.install().await;
    let all = desk.scene.ours().await;
    let uninstall = [
        "gate",
        "uninstall",
        "edge",
        "--namespace",
        &desk.scene.gateway,
    ];
    desk.run(&uninstall).await.assert(2).says("--yes");
    assert_eq!(desk.scene.ours().await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_gate_keeps_its_seed_and_loses_what_its_file_leaves_out() {
    let desk = Desk::gated().await;
    let seed = async || {
        let filter = desk.scene.plugin().await;
        let filter = desk.scene.get(&filter).await.expect("a filter");
        filter.metadata.annotations.unwrap_or_default()["drillgate.dev/route-seed"].clone()
    };
    let before = (seed().await, desk.scene.ours().await.len());
    let mut gate = desk.scene.gate();
    gate["spec"]["protectedNamespaces"] = json!([]);
    desk.write("gate.yaml", &gate);
    desk.run(&["diff", "-f", "gate.yaml"]).await.assert(1);
    desk.install().await;
    assert_eq!(
        (seed().await, desk.scene.ours().await.len()),
        (before.0, before.1 - 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_with_drills_is_not_taken_away() {
    let desk = Desk::gated().await;
    desk.run(&["start", "-f", "drill.yaml"]).await.assert(0);
    let uninstall = [
        "gate",
        "uninstall",
        "edge",
        "--namespace",
        &desk.scene.gateway,
        "--yes",
    ];
    desk.run(&uninstall)
        .await
        .assert(2)
        .says("/orders (")
        .says("drillgate stop");
    assert_eq!(desk.entries().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_against_a_gate_is_told_and_nothing_is_applied() {
    let desk = Desk::new().await;
    let mut gate = desk.scene.gate();
    gate["spec"]["gateways"] = json!(["nowhere"]);
    gate["spec"]["keys"] = json!([{"kid": "ci", "secretRef": {"name": "no-such-secret"}}]);
    desk.write("gate.yaml", &gate);
    let done = desk
        .run(&["gate", "install", "-f", "gate.yaml", "--yes"])
        .await;
    done.assert(2)
        .says("spec.gateways[0]: ")
        .says("spec.keys[0]: ");
    assert_eq!(desk.scene.ours().await, Vec::<String>::new());
    // A key that is at hand needs no Secret.
    gate["spec"]["gateways"] = json!(["public"]);
    desk.write("gate.yaml", &gate);
    let with_key = [
        "gate",
        "install",
        "-f",
        "gate.yaml",
        "--yes",
        "--key",
        "ci.jwk",
    ];
    desk.run(&with_key).await.assert(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_rendered_or_compared_unless_it_is_asked_for() {
    let desk = Desk::gated().await;
    let secret = key("ci", 7)["k"].as_str().expect("a secret").to_owned();
    let rendered = desk.run(&["render", "-f", "gate.yaml"]).await;
    assert!(!rendered.assert(0).stdout.contains(&secret));
    let shown = desk
        .run(&["render", "-f", "gate.yaml", "--show-secrets"])
        .await;
    assert!(shown.assert(0).stdout.contains(&secret));
    // A replaced key is a difference, though neither is shown.
    desk.scene
        .apply(desk.scene.secret("drill-keys", &key("ci", 8)))
        .await;
    let diff = desk.run(&["diff", "-f", "gate.yaml"]).await;
    let shown = |sign: char| {
        let mut lines = diff.assert(1).stdout.lines();
        lines.any(|line| line.starts_with(sign) && line.contains("secret: (secret "))
    };
    assert!(shown('-') && shown('+'), "{diff:#?}");
    let new = key("ci", 8)["k"].as_str().expect("a secret").to_owned();
    assert!(!diff.stdout.contains(&secret) && !diff.stdout.contains(&new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_the_controller_looks_after_is_left_to_it() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let desk = Desk::at(&plane, scene);
    desk.scene.apply(desk.scene.gate()).await;
    let done = desk
        .run(&["gate", "install", "-f", "gate.yaml", "--yes"])
        .await;
    done.assert(2).says("the controller looks after DrillGate");
    let uninstall = [
        "gate",
        "uninstall",
        "edge",
        "--namespace",
        &desk.scene.gateway,
        "--yes",
    ];
    desk.run(&uninstall)
        .await
        .assert(2)
        .says("kubectl delete drillgate edge");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_needs_a_gate_and_says_where_one_could_be() {
    let desk = Desk::new().await;
    let run = desk.start(&["run", "-f", "drill.yaml", "--", "true"]);
    finish(run)
        .await
        .assert(125)
        .says("is not known")
        .says("--gate");
    let with_file = ["start", "-f", "drill.yaml", "--gate", "gate.yaml"];
    desk.run(&with_file)
        .await
        .assert(2)
        .says("drillgate gate install");
}
