//! A run with checks, on a real API server, and before a real Envoy.

use drillgate_tests::{Harness, REFLECTIONS, envoy, module, orders_router};
use serde_json::{Value, json};

use crate::{Desk, eventually, finish, signal};

const CHECKED: [&str; 5] = ["run", "-f", "drill.yaml", "--summary", "summary.json"];

const EVIDENCE: [&str; 2] = ["--evidence", "evidence"];

impl Desk {
    /// The drill, with these checks and objectives.
    fn checked(&self, checks: Value, objectives: Value) {
        let mut drill = self.scene.drill("orders");
        drill["spec"]["checks"] = checks;
        drill["spec"]["objectives"] = objectives;
        self.write("drill.yaml", &drill);
    }

    /// The report that the last run has left. The next one may leave another.
    fn report(&self) -> Value {
        let report = self.json_of("evidence/report.json");
        std::fs::remove_dir_all(self.folder.path().join("evidence")).expect("it is ours");
        report
    }

    fn json_of(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).expect("JSON")
    }
}

fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "command": {"argv": ["sh", "-c", script]}})
}

fn verdicts(of: &Value) -> Vec<&str> {
    let checks = of["checks"].as_array().expect("checks").iter();
    let verdicts = checks.map(|check| check["verdict"].as_str().expect("a verdict"));
    verdicts.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_through_a_real_edge_run_first_and_the_record_has_it_all() {
    let desk = Desk::new().await;
    let router = orders_router(&REFLECTIONS);
    let mut harness = Harness::start_with(&envoy(), router, |edge| {
        edge.filter = module(drillgate_tests::gate::good(1));
    })
    .await;
    desk.probe(&harness);
    desk.install_within("0s").await;
    let checks = json!([
        {"name": "answers", "http": [{"path": "/a", "expect": {"json": [{"path": "$.who", "equals": "sandbox"}]}}]},
        {"name": "serves", "grpc": {"service": "sandbox"}},
        {"name": "called", "grpc": {"method": "orders.v1.Orders/Get", "request": {"id": 1}}},
        shell("program", "test -n \"$DRILL_PROXY\" && curl -sS --fail $DRILL_PROXY/b"),
    ]);
    desk.checked(checks, json!({"rto": "10m"}));
    let reported = [&CHECKED[..], &EVIDENCE].concat();
    let done = desk.run_at(&mut harness, &reported).await;
    done.assert(0)
        .says("check answers passed: the answer is as it must be")
        .says("check serves passed: service sandbox is SERVING")
        .says("check called passed: the answer is as it must be")
        .says("check program passed")
        .says("nothing is left");
    let (summary, record) = (desk.json_of("summary.json"), desk.report());
    assert_eq!(verdicts(&summary), ["passed"; 4]);
    assert_eq!(verdicts(&record), ["passed"; 4]);
    let number = |name: &str| record["ledger"][name]["number"].clone();
    // Eight controls with a header, and the one after the drill: refused, or unreachable where the
    // routes are gone before the entry is.
    let kept_out = ["refused", "failed"].map(|name| number(name).as_u64().expect("a number"));
    assert_eq!(kept_out.iter().sum::<u64>(), 9, "{record}");
    // Four checks, one of which asks the server first what it is, in two requests; and what was asked
    // after the drill before the edge had taken over its end.
    let routed = number("routed").as_u64().expect("a number");
    assert!(routed >= 6, "{record}");
    assert_eq!(number("sent"), routed + 9, "{record}");
    assert_eq!(harness.sandbox.total(), routed);
    assert_eq!(number("production"), Value::Null);
    assert_eq!(record["verdict"], "passed");
    let controls = record["controls"].as_array().expect("controls");
    assert_eq!(controls.len(), 10, "{record}");
    assert!(controls.iter().all(|control| control["bites"] == true));
    assert_eq!(
        record["objects"].as_array().map(Vec::len),
        Some(3),
        "{record}"
    );
    assert_eq!(record["objectives"][0]["name"], "RTO");
    assert_eq!(record["errors"], json!([]));
    assert_eq!(harness.production.drill_requests(), 0);

    // What has failed fails the run, and keeps neither the others nor the command from running.
    desk.checked(
        json!([
            {"name": "wrong", "http": [{"expect": {"json": [{"path": "$.who", "equals": "production"}]}}]},
            {"name": "told", "severity": "Informative", "grpc": {"service": "nobody"}},
            shell("after", "true"),
        ]),
        json!({"rto": "10m"}),
    );
    let with_command = [&reported[..], &["--", "touch", "ran"]].concat();
    let done = desk.run_at(&mut harness, &with_command).await;
    done.assert(1)
        .says("check wrong failed: $.who is \"sandbox\", and \"production\" is wanted")
        .says("check told failed (informative)")
        .says("RTO: at most 600s is wanted, and it could not be measured");
    assert!(desk.folder.path().join("ran").exists());
    assert_eq!(verdicts(&desk.report()), ["failed", "failed", "passed"]);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_a_command_is_its_checks() {
    let desk = Desk::gated().await;
    desk.drill("true").await.assert(0);
    let nothing = desk.run(&["run", "-f", "drill.yaml"]).await;
    nothing.assert(125).says("there is nothing to run");
    desk.checked(json!([shell("good", "true")]), json!({}));
    desk.run(&CHECKED).await.assert(0).says("check good passed");
    desk.checked(
        json!([shell("bad", "exit 9"), shell("good", "true")]),
        json!({}),
    );
    let bad = desk.run(&CHECKED).await;
    bad.assert(1).says("check good passed");
    // The command's own code wins, where it has one to tell.
    let with = |script| [&CHECKED[..], &["--", "sh", "-c", script]].concat();
    desk.run(&with("exit 7")).await.assert(7);
    desk.run(&with("exit 0")).await.assert(1);
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_that_cannot_be_asked_or_make_no_sense_apply_nothing() {
    let desk = Desk::gated().await;
    desk.checked(json!([{"name": "orders", "http": [{}]}]), json!({}));
    let done = desk.run(&CHECKED).await;
    done.assert(125).says("(orders)").says("--upstream");
    desk.checked(
        json!([{"name": "orders", "http": [{"host": "a.b"}]}]),
        json!({}),
    );
    let done = desk.run(&CHECKED).await;
    done.assert(125)
        .says("spec.checks[0].http[0].host: a.b is none of");
    assert!(!done.stderr.contains("applied"), "{done:#?}");
    let late = [
        &CHECKED[..],
        &["--recovery-started", "2999-01-01T00:00:00Z"],
    ]
    .concat();
    desk.checked(json!([shell("good", "true")]), json!({"rto": "1h"}));
    desk.run(&late).await.assert(125).says("lies in the future");
    let early = [
        &CHECKED[..],
        &["--recovery-started", "2020-01-01T00:00:00Z"],
    ]
    .concat();
    desk.run(&early)
        .await
        .assert(1)
        .says("RTO: ")
        .says("and at most 3600s is wanted");
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_and_the_drills_end_stop_the_checks_and_take_the_drill_away() {
    let desk = Desk::gated().await;
    desk.checked(
        json!([
            shell("long", "touch began; sleep 60"),
            shell("never", "true")
        ]),
        json!({}),
    );
    let child = desk.start(&CHECKED);
    let began = desk.folder.path().join("began");
    eventually("the check runs", async || began.exists()).await;
    signal(&child, "INT").await;
    let done = finish(child).await;
    done.assert(130)
        .says("check never not run")
        .says("nothing is left");
    assert_eq!(
        verdicts(&desk.json_of("summary.json")),
        ["notRun", "notRun"]
    );
    let short = [&CHECKED[..], &["--ttl", "2s", "--", "touch", "ran"]].concat();
    let done = desk.run(&short).await;
    done.assert(124)
        .says("the drill's time is over")
        .says("nothing is left");
    assert!(!desk.folder.path().join("ran").exists());
    assert_eq!(desk.residue().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_whose_time_was_over_too_early_has_not_passed_though_no_required_check_failed() {
    let desk = Desk::gated().await;
    let informative = |name, script| {
        let mut check = shell(name, script);
        check["severity"] = json!("Informative");
        check["retry"] = json!({"for": "10m", "interval": "1s", "maxInterval": "1s"});
        check
    };
    let run = [&CHECKED[..], &EVIDENCE, &["--ttl", "3s"]].concat();
    let with_command = [&run[..], &["--", "touch", "ran"]].concat();
    let whole = "the drill's time is over before its checks have ended";
    for (last, run, why) in [
        // Cut off within a try, or between two of them: the last one, or one before it.
        (vec![informative("hangs", "sleep 60")], &run, whole),
        (vec![informative("retries", "exit 1")], &run, whole),
        (
            vec![
                informative("retries", "exit 1"),
                informative("waits", "true"),
            ],
            &with_command,
            "and the command was not run",
        ),
        (
            vec![informative("retries", "exit 1")],
            &with_command,
            "and the command was not run",
        ),
    ] {
        let checks = [vec![shell("good", "true")], last].concat();
        desk.checked(json!(checks), json!({}));
        let done = desk.run(run).await;
        done.assert(124).says("check good passed").says(why);
        let report = desk.report();
        assert_eq!(report["verdict"], "failed", "{report}");
        let failures = report["failures"].to_string();
        assert!(failures.contains(why), "{failures}");
    }
    assert!(!desk.folder.path().join("ran").exists());
    assert_eq!(desk.residue().await, Vec::<String>::new());
}
