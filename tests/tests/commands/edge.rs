//! A run in front of a real Envoy with the real filter. The test stands in for istiod: it hands on
//! what stands in the cluster.

use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

use crate::Desk;

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
