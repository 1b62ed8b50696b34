//! A run in front of a real Envoy with the real filter. The test stands in for istiod: it hands on
//! what stands in the cluster.

use drillgate_tests::control_plane::hand_on;
use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

use crate::{Desk, eventually, finish, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_reaches_the_sandbox_through_the_proxy_and_production_sees_nothing_of_it() {
    let desk = Desk::new().await;
    let mut harness =
        Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    desk.probe(&harness);
    desk.install_within("0s").await;

    let script = "set -e; for path in a b c; do curl -sS --fail $DRILL_PROXY/$path; echo; done; \
                  curl -sS --fail -H \"$DRILL_HEADER\" -H \"Host: $DRILL_HOST\" $EDGE/direct";
    let edge = format!("EDGE=http://{}", harness.address());
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--no-controls",
        "--summary",
        "summary.json",
        "--",
        "env",
        &edge,
        "sh",
        "-c",
        script,
    ];
    let done = desk.run_at(&mut harness, &arguments).await;
    done.assert(0)
        .says("edge ready: 1 of 1 gateways run with it");
    assert_eq!(done.stdout.matches("\"sandbox\"").count(), 4, "{done:#?}");
    assert_eq!(harness.sandbox.total(), 4);
    assert_eq!(harness.production.drill_requests(), 0);
    let summary: Value = serde_json::from_str(&desk.read("summary.json")).expect("JSON");
    assert_eq!(
        (&summary["requests"]["sent"], &summary["requests"]["routed"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_not_run_where_the_edge_does_not_come_up() {
    let desk = Desk::new().await;
    // A gateway that nobody hands anything on to.
    let harness = Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    desk.probe(&harness);
    desk.install_within("1s").await.assert(5).says("edge False");
    let done = desk
        .run(&[
            "run",
            "-f",
            "drill.yaml",
            "--wait",
            "1s",
            "--",
            "touch",
            "ran",
        ])
        .await;
    done.assert(125)
        .says("the edge did not run with the drill in time")
        .says("nothing is left");
    assert!(!desk.folder.path().join("ran").exists());
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_is_not_taken_away_on_purpose_once_the_run_was_told_to_end() {
    let desk = Desk::new().await;
    let mut harness =
        Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    desk.probe(&harness);
    desk.install_within("0s").await;
    let polite = "trap 'exit 0' TERM; touch ready; while true; do sleep 0.1; done";
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--disruption",
        "sandbox",
        "--",
        "sh",
        "-c",
        polite,
    ];
    let ready = desk.folder.path().join("ready");
    let run = async {
        let child = desk.start(&arguments);
        eventually("the command runs", async || ready.exists()).await;
        signal(&child, "TERM").await;
        finish(child).await
    };
    let done = tokio::select! {
        done = run => done,
        () = hand_on(&desk.scene, &mut harness) => panic!("it goes on for ever"),
    };
    done.assert(143).says("nothing is left");
    assert!(!done.stderr.contains("with the sandbox away"), "{done:#?}");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}
