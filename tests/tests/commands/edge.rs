//! A run in front of a real Envoy with the real filter. The test stands in for istiod: it hands on
//! what stands in the cluster.

use std::time::Duration;

use drillgate::lab::{Drill, Filter, Module};
use drillgate_tests::control_plane::Scene;
use drillgate_tests::{Harness, SANDBOX, module};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Desk;

/// Hands the filter's configuration and the drills' routes on to Envoy, over and over.
async fn hand_on(scene: &Scene, harness: &mut Harness) {
    let mut before = Value::Null;
    loop {
        let configuration = scene.plugin_configuration().await;
        if configuration != before {
            let drills = drills(scene, &configuration).await;
            let current = configuration.clone();
            harness
                .change(|edge| {
                    edge.drills = drills;
                    if let Filter::Module(Module { configuration, .. }) = &mut edge.filter {
                        *configuration = current;
                    }
                })
                .await;
            before = configuration;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The drills whose routes stand, with the route keys that are in the routes' own hosts.
async fn drills(scene: &Scene, configuration: &Value) -> Vec<Drill> {
    let domain = configuration["domain"].as_str().expect("a domain");
    let mut drills = Vec::new();
    for route in scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await
    {
        let host = route.data["spec"]["hosts"][0].as_str().expect("a host");
        let original = route.data["spec"]["http"][0]["rewrite"]["authority"].as_str();
        if let Some(original) = original {
            let key = host
                .strip_prefix(original)
                .and_then(|rest| rest.strip_suffix(domain));
            drills.push(Drill::new(
                key.expect("a key").trim_matches('.'),
                original,
                SANDBOX,
            ));
        }
    }
    drills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_reaches_the_sandbox_through_the_proxy_and_production_sees_nothing_of_it() {
    let desk = Desk::new().await;
    let mut harness =
        Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    let mut gate = desk.scene.gate();
    gate["spec"]["probe"] =
        json!({"address": harness.address().to_string(), "host": "orders.example.com"});
    desk.write("gate.yaml", &gate);
    desk.run(&[
        "gate",
        "install",
        "-f",
        "gate.yaml",
        "--yes",
        "--wait",
        "0s",
    ])
    .await;

    let script = "set -e; for path in a b c; do curl -sS --fail $DRILL_PROXY/$path; echo; done; \
                  curl -sS --fail -H \"$DRILL_HEADER\" -H \"Host: $DRILL_HOST\" $EDGE/direct";
    let edge = format!("EDGE=http://{}", harness.address());
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--summary",
        "summary.json",
        "--",
        "env",
        &edge,
        "sh",
        "-c",
        script,
    ];
    let done = tokio::select! {
        done = desk.run(&arguments) => done,
        () = hand_on(&desk.scene, &mut harness) => panic!("it goes on for ever"),
    };
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
    let mut gate = desk.scene.gate();
    gate["spec"]["probe"] =
        json!({"address": harness.address().to_string(), "host": "orders.example.com"});
    desk.write("gate.yaml", &gate);
    let install = [
        "gate",
        "install",
        "-f",
        "gate.yaml",
        "--yes",
        "--wait",
        "1s",
    ];
    desk.run(&install).await.assert(5).says("edge False");
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
