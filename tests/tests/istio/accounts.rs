//! The ledger of a run against the log of a real gateway.

use drillgate_tests::control_plane::CONTROL_PLANE_VARIABLE;
use drillgate_tests::istio::{Mesh, Stage};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::gated;

/// Sends three requests through the proxy, and two with a context of its own.
const SUITE: &str = r#"
for i in 1 2 3; do curl -fsS "$DRILL_PROXY/proxied" -H "Host: $DRILL_HOST" >/dev/null || exit 1; done
for i in 1 2; do curl -fsS "http://EDGE/alone" -H "Host: $DRILL_HOST" -H "$DRILL_HEADER" >/dev/null || exit 1; done
"#;

/// Points the drill's route at production by hand, and asks until production answers.
const TO_PRODUCTION: &str = r#"
kubectl() { "$TOOLS/kubectl" --namespace NAMESPACE "$@"; }
name=$(kubectl get virtualservices -l "drillgate.dev/drill-id=$DRILL_ID" -o name)
test -n "$name" || exit 2
kubectl patch "$name" --type=json >/dev/null \
  -p '[{"op": "replace", "path": "/spec/http/0/route/0/destination/host", "value": "PRODUCTION"}]' || exit 3
for i in $(seq 900); do
  curl -sS "http://EDGE/" -H "Host: $DRILL_HOST" -H "$DRILL_HEADER" | grep -q production && exit 0
  sleep 0.1
done
exit 4
"#;

async fn drilling(script: &str) -> (Stage, Desk, String) {
    let stage = gated().await;
    let desk = Desk::at(&Mesh::shared().await.plane);
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["checks"] = json!([{"name": "alive", "http": [{"path": "/"}]}]);
    desk.write("drill.yaml", &drill);
    let tools = std::env::var(CONTROL_PLANE_VARIABLE).unwrap();
    let script = script
        .replace("EDGE", &stage.address().to_string())
        .replace("NAMESPACE", &stage.scene.sandbox)
        .replace("PRODUCTION", &stage.production_host());
    (stage, desk, format!("TOOLS={tools}\n{script}"))
}

/// Runs the drill around `script`, with what `log` prints as the gateway's log.
async fn run(desk: &Desk, code: i32, log: &str, options: &[&str], script: &str) -> Value {
    let begin = ["run", "-f", "drill.yaml", "--evidence", "evidence"];
    let command = ["--", "sh", "-c", script];
    let arguments = [&begin[..], &["--edge-log", log], options, &command];
    desk.run_to(code, &arguments.concat()).await;
    desk.report()
}

fn log(stage: &Stage) -> String {
    format!("cat {}", stage.gateway.path("log").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edges_log_has_every_request_of_a_run_also_those_that_nobody_counted() {
    let (stage, desk, script) = drilling(SUITE).await;
    let before = stage.sandbox.total();
    let report = run(
        &desk,
        0,
        &log(&stage),
        &["--disruption", "sandbox"],
        &script,
    )
    .await;
    let ledger = &report["ledger"];
    let number = |side: &str| ledger[side]["number"].as_u64().unwrap();
    let recorded = |verdict: &str| ledger["edge"]["counts"][verdict].as_u64().unwrap();
    assert_eq!(recorded("routed"), number("routed") + 2, "{ledger}");
    assert_eq!(
        recorded("routed"),
        stage.sandbox.total() - before,
        "{ledger}"
    );
    assert_eq!(recorded("failed"), number("failed"), "{ledger}");
    assert!(recorded("failed") > 0, "{ledger}");
    assert_eq!(ledger["edge"]["counts"]["elsewhere"], json!({}), "{ledger}");
    let all = number("routed") + number("refused") + number("failed") + number("unanswered");
    assert_eq!(all, number("sent"), "{ledger}");
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_leads_to_production_fails_the_run_by_the_edges_log() {
    let (stage, desk, script) = drilling(TO_PRODUCTION).await;
    let report = run(&desk, 1, &log(&stage), &[], &script).await;
    let failures = report["failures"].to_string();
    let said = "the edge has sent requests of the drill elsewhere than to its sandboxes";
    assert!(failures.contains(said), "{failures}");
    assert!(failures.contains(&stage.production_host()), "{failures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lacks_what_was_answered_fails_the_run() {
    let (_stage, desk, script) = drilling("true").await;
    let report = run(&desk, 1, "true", &[], &script).await;
    let failures = report["failures"].to_string();
    assert!(failures.contains("the log is not whole"), "{failures}");
}
