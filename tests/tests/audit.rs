//! What a drill request leaves behind: one record in the proxy's log, one access log line by
//! filter state, one count; and nothing that must stay secret.

use std::collections::BTreeSet;
use std::time::Duration;

use drill_context::{HEADER_NAME, TokenType, sign};
use drillgate::lab::Request;
use drillgate_tests::audit::{counter, records};
use drillgate_tests::gate::{self, DRILL, ENVIRONMENT, HOST, HS256, ROUTE_KEY};
use drillgate_tests::{Harness, arrived};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// One request of each kind; gives how many carried the header.
async fn traffic(harness: &Harness) -> usize {
    let mut claims = gate::claims();
    claims.token_id = Some("run-42".parse().unwrap());
    let token = gate::signed(&claims);
    let drill =
        |value: &str| Request::get(HOST, "/orders/42?secret=hunter2").header(HEADER_NAME, value);
    harness.send(&Request::get(HOST, "/orders/42")).await;
    harness.send(&drill(&token)).await;
    harness.send(&drill(&format!("{token}hunter2"))).await;
    claims.environment = "billing-dr".parse().unwrap();
    harness.send(&drill(&gate::signed(&claims))).await;
    harness.sandbox.down().await.unwrap();
    harness.send(&drill(&token)).await;
    harness.sandbox.revive().await.unwrap();
    4
}

#[tokio::test]
async fn each_drill_request_leaves_one_record_with_its_fields() {
    let harness = gate::gate(|_| {}).await;
    let sent = traffic(&harness).await;
    let records = records(harness.gateway.envoy(), sent).await;
    assert_eq!(records.len(), sent);

    let [routed, forged, elsewhere, unreachable] = records.as_slice() else {
        panic!("{records:?}");
    };
    for (field, value) in [
        ("verdict", json!("routed")),
        ("drill", json!(DRILL)),
        ("environment", json!(ENVIRONMENT)),
        ("kid", json!(HS256)),
        ("jti", json!("run-42")),
        ("method", json!("GET")),
        ("authority", json!(HOST)),
        ("path", json!("/orders/42")),
        ("status", json!(200)),
        ("code_details", json!("via_upstream")),
        ("upstream_cluster", json!("sandbox")),
        ("generation", json!(1)),
    ] {
        assert_eq!(routed[field], value, "{field}");
    }
    assert!(routed["duration_ms"].is_u64());
    assert_eq!(routed["request_id"].as_str().unwrap().len(), 36);
    assert!(
        routed["source_address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );

    assert_eq!(forged["verdict"], "refused");
    assert_eq!(forged["status"], 403);
    assert_eq!(forged["drill"], Value::Null);
    assert_eq!(forged["upstream_cluster"], Value::Null);
    assert_eq!(elsewhere["reason"], "wrong-environment");
    assert_eq!(elsewhere["environment"], "billing-dr");
    assert_eq!(unreachable["verdict"], "sandbox-unreachable");
    assert_eq!(unreachable["status"], 503);
    let details = unreachable["code_details"].as_str().unwrap();
    assert!(details.contains("remote_connection_failure"), "{details}");
}

#[tokio::test]
async fn an_access_log_gets_the_same_by_filter_state() {
    let harness = gate::gate(|_| {}).await;
    let sent = traffic(&harness).await;
    let envoy = harness.gateway.envoy();
    let lines = envoy.access_log(sent, LIMIT).await.unwrap();
    assert_eq!(lines.len(), sent);
    let field = |line: usize, name: &str| lines[line][name].as_str().map(str::to_owned);
    let expected = |value: &str| Some(value.to_owned());
    assert_eq!(field(0, "drill_verdict"), expected("routed"));
    assert_eq!(field(0, "drill_id"), expected(DRILL));
    assert_eq!(field(0, "drill_environment"), expected(ENVIRONMENT));
    assert_eq!(field(0, "drill_key"), expected(HS256));
    assert_eq!(field(0, "drill_token"), expected("run-42"));
    assert_eq!(field(0, "drill_generation"), expected("1"));
    assert_eq!(field(1, "drill_verdict"), expected("refused"));
    assert_eq!(field(1, "drill_id"), None);
    assert_eq!(field(2, "drill_reason"), expected("wrong-environment"));
    assert_eq!(field(3, "drill_verdict"), expected("sandbox-unreachable"));
}

#[tokio::test]
async fn counters_go_by_verdict_and_a_gauge_has_the_generation() {
    let harness = gate::gate(|_| {}).await;
    let sent = traffic(&harness).await;
    records(harness.gateway.envoy(), sent).await;
    for (name, count) in [
        ("requests.routed", 1),
        ("requests.wrong-environment", 1),
        ("requests.sandbox-unreachable", 1),
        ("requests.stale", 0),
        ("config.generation", 1),
        ("config.rejected", 0),
    ] {
        assert_eq!(
            counter(harness.gateway.envoy(), name).await,
            Some(count),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_record_too() {
    let harness = gate::gate(|_| {}).await;
    harness.sandbox.behave(drillgate::lab::Behaviour::Hang);
    let request = gate::drill_request("/slow");
    tokio::select! {
        answer = request.send(harness.address()) => panic!("{answer:?}"),
        () = arrived(&harness.sandbox, 1) => {}
    }
    let records = records(harness.gateway.envoy(), 1).await;
    assert_eq!(records[0]["verdict"], "unanswered");
}

#[tokio::test]
async fn no_token_key_query_or_route_key_is_in_logs_metrics_or_replies() {
    let harness = gate::gate(|_| {}).await;
    let sent = traffic(&harness).await;
    let token = gate::token();
    let reply = harness
        .send(&Request::get(HOST, "/?hunter2").header(HEADER_NAME, format!("{token}.hunter2")))
        .await;
    let odd = Request::get(HOST, "/a%0Ab").header(HEADER_NAME, b"hunter2\xff\t{\"}");
    harness.send(&odd).await;
    let envoy = harness.gateway.envoy();
    records(envoy, sent + 2).await;

    let stats = envoy.admin().stats("wasmcustom").await.unwrap();
    let seen = format!("{} {stats:?} {:?}", envoy.log().unwrap(), reply);
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let mut forbidden: BTreeSet<&str> = token.split('.').collect();
    forbidden.extend(["hunter2", secret, ROUTE_KEY]);
    for text in forbidden {
        assert!(!seen.contains(text), "{text} in {seen}");
    }
}

#[tokio::test]
async fn a_probe_is_answered_by_the_edge_and_reaches_no_upstream() {
    let harness = gate::gate(|_| {}).await;
    let probe = sign(&gate::key(HS256), TokenType::Probe, &gate::claims());
    let request = Request::get("anything.example", "/").header(HEADER_NAME, probe);
    let response = harness.send(&request).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-drill-verdict"), Some("probe"));
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(answer["generation"], 1);
    assert_eq!(answer["activeDrills"], 1);
    assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(harness.production.total() + harness.sandbox.total(), 0);
    let records = records(harness.gateway.envoy(), 1).await;
    assert_eq!(records[0]["verdict"], "probe");
}

#[tokio::test]
async fn a_verdict_that_an_upstream_forges_is_replaced_for_drills_and_left_alone_otherwise() {
    let harness = gate::gate(|_| {}).await;
    let forged = (
        "x-drill-verdict".parse().unwrap(),
        "forged".parse().unwrap(),
    );
    harness.sandbox.forge([forged.clone()]);
    harness.production.forge([forged]);
    let response = harness.send(&gate::drill_request("/")).await;
    assert_eq!(response.header("x-drill-verdict"), Some("routed"));
    let response = harness.send(&Request::get(HOST, "/")).await;
    assert_eq!(response.header("x-drill-verdict"), Some("forged"));
}
