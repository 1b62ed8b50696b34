//! What a run leaves for those who doubt it, and what makes it fail.

use drillgate::lab::Filter;
use drillgate_tests::control_plane::kubectl;
use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

use crate::Desk;

const LEAKED: &str = "echo x >> seen; wc -l < seen";

impl Desk {
    /// The gate without a probe: nobody asks the gateway itself.
    async fn unasked(&self) {
        self.install_within("0s").await;
        let mut drill = self.scene.drill("orders");
        drill["spec"]["checks"] = json!([{"name": "ran", "command": {"argv": ["touch", "ran"]}}]);
        self.write("drill.yaml", &drill);
    }

    /// Why a drill has failed, by the evidence in this folder.
    pub fn failures(&self, folder: &str) -> Vec<String> {
        let report: Value =
            serde_json::from_str(&self.read(&format!("{folder}/report.json"))).expect("a report");
        assert_eq!(report["verdict"], "failed", "{report}");
        serde_json::from_value(report["failures"].clone()).expect("sentences")
    }

    fn has_run(&self) -> bool {
        self.folder.path().join("ran").exists()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_edge_fails_the_run_whatever_its_checks_say_and_production_sees_nothing() {
    let desk = Desk::new().await;
    desk.unasked().await;
    let without_filter = Harness::start(|edge| edge.filter = Filter::AllowAll).await;
    let upstream = format!("http://{}", without_filter.address());
    let run = |upstream, folder| {
        [
            "run",
            "-f",
            "drill.yaml",
            "--upstream",
            upstream,
            "--evidence",
            folder,
        ]
    };
    desk.run(&run(&upstream, "one")).await.assert(1);
    assert!(desk.has_run());
    let failures = desk.failures("one");
    let forged = failures
        .iter()
        .find(|failure| failure.starts_with("control forged: "));
    assert!(
        forged
            .unwrap()
            .contains("403 without a verdict of the filter"),
        "{failures:?}"
    );
    assert_eq!(without_filter.production.drill_requests(), 0);

    std::fs::remove_file(desk.folder.path().join("ran")).unwrap();
    let without_guard = Harness::start(|edge| {
        edge.filter = Filter::AllowAll;
        edge.guard = false;
    })
    .await;
    let upstream = format!("http://{}", without_guard.address());
    let done = desk.run(&run(&upstream, "two")).await;
    done.assert(125).says("the gate's policy is not in force");
    assert!(!desk.has_run());
    let failures = desk.failures("two");
    let forged = failures
        .iter()
        .find(|failure| failure.starts_with("control forged: "));
    assert!(forged.unwrap().contains("nothing was sent"), "{failures:?}");
    assert_eq!(without_guard.production.drill_requests(), 0);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leak_that_production_counts_fails_the_run_and_the_signed_folder_says_so() {
    let desk = Desk::new().await;
    desk.unasked().await;
    let new = [
        "keys",
        "new",
        "--kid",
        "audit",
        "--alg",
        "Ed25519",
        "--out",
        "audit.jwk",
    ];
    desk.run(&new).await.assert(0);
    let mut harness =
        Harness::start(|edge| edge.filter = module(drillgate_tests::gate::good(1))).await;
    desk.probe(&harness);
    desk.install_within("0s").await;
    let arguments = [
        "run",
        "-f",
        "drill.yaml",
        "--evidence",
        "evidence",
        "--evidence-key",
        "audit.jwk",
        "--count-production",
        LEAKED,
        "--count-sandbox",
        "echo 1000",
    ];
    let done = desk.run_at(&mut harness, &arguments).await;
    done.assert(1)
        .says("production has seen 1 of the drill's requests (--count-production");
    let failures = desk.failures("evidence");
    assert!(
        failures
            .iter()
            .any(|failure| failure.starts_with("production has seen 1")),
        "{failures:?}"
    );

    let verify = ["report", "verify", "evidence", "--key", "audit.jwk"];
    desk.run(&verify).await.assert(0);
    let page = desk.folder.path().join("evidence/report.html");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replacen("failed", "passed", 1)).unwrap();
    desk.run(&verify).await.assert(1).says("report.html");
    assert_eq!(harness.production.drill_requests(), 0);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_after_the_drill_fails_the_run_and_is_named() {
    let desk = Desk::new().await;
    desk.unasked().await;
    // Somebody else has to take this off before the object goes: until then it routes on.
    let mut drill = desk.scene.drill("orders");
    let keep = "kubectl get destinationrules --namespace \"$GATEWAY\" --selector drillgate.dev/drill-id=$DRILL_ID --output name | xargs kubectl patch --namespace \"$GATEWAY\" --type merge --patch '{\"metadata\":{\"finalizers\":[\"example.com/audit\"]}}'";
    let keep = keep.replace("$GATEWAY", &desk.scene.gateway);
    let keep = keep.replace("kubectl", &kubectl().display().to_string());
    drill["spec"]["checks"] = json!([{"name": "keeps", "command": {"argv": ["sh", "-c", keep]}}]);
    desk.write("drill.yaml", &drill);
    let run = ["run", "-f", "drill.yaml", "--evidence", "one"];
    let done = desk.run(&run).await;
    done.assert(125)
        .says("check keeps passed")
        .says("deleted, and still there")
        .says("kept by the finalizer example.com/audit");
    let failures = desk.failures("one");
    let left = failures
        .iter()
        .filter(|failure| failure.contains("still there"));
    assert!(left.count() > 0, "{failures:?}");
    let report: Value = serde_json::from_str(&desk.read("one/report.json")).expect("a report");
    let residue: Vec<String> = serde_json::from_value(report["residue"].clone()).expect("names");
    let [kept] = residue.as_slice() else {
        panic!("what has gone is no residue: {residue:?}");
    };
    assert!(kept.starts_with("DestinationRule "), "{kept}");
    assert!(kept.contains("the finalizer example.com/audit"), "{kept}");
}
