//! Checks through a real edge: an answer that is wrong, late, or somebody else's fails them.

mod calls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use drillgate::api::Check;
use drillgate::checks::outcome::{Outcome, Verdict};
use drillgate::checks::{Context, Edge, run};
use drillgate::lab::Behaviour;
use drillgate::proxy::{Counts, Settings, Signer};
use drillgate_tests::gate::{self, DRILL, ENVIRONMENT, HOST, drilled, now};
use drillgate_tests::{Harness, envoy};
use http::{HeaderMap, StatusCode};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// A service with orders, one of which takes its time. It repeats the headers that it got.
fn shop() -> Router {
    let login = async |headers: HeaderMap| {
        let seen = format!("{headers:?}");
        let body = json!({"token": "s3cret-of-the-suite", "id": 42, "seen": seen});
        (
            StatusCode::CREATED,
            [("set-cookie", "sid=c00kie-of-the-suite")],
            Json(body),
        )
    };
    let order = async |Path(id): Path<String>, headers: HeaderMap| -> Json<Value> {
        let token = headers.get("authorization").map(|it| format!("{it:?}"));
        Json(json!({"id": 42, "path": id, "state": "paid", "token": token}))
    };
    let slow = async || {
        sleep(Duration::from_millis(400)).await;
        Json(json!({}))
    };
    Router::new()
        .route("/login", post(login))
        .route("/orders/{id}", get(order))
        .route("/slow", get(slow))
}

async fn harness() -> Harness {
    Harness::start_with(&envoy(), shop(), drilled).await
}

fn edge(address: SocketAddr) -> Edge {
    let upstream = format!("http://{address}").parse().unwrap();
    let (drill, environment) = (DRILL.parse().unwrap(), ENVIRONMENT.parse().unwrap());
    let signer = Signer::new(gate::jwk(), drill, environment, 60, "check-").unwrap();
    let mut settings = Settings::new(upstream, Arc::new(signer), now);
    settings.hosts = vec![HOST.to_owned()];
    Edge::new(&settings).unwrap()
}

async fn outcome(edge: &Edge, check: Value) -> Outcome {
    let mut whole = json!({"name": "c"});
    for (name, value) in check.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let check: Check = serde_json::from_value(whole).unwrap();
    let context = Context {
        environment: &[],
        edge: Some(edge),
        databases: None,
        recovery_started: Timestamp::now(),
        deadline: Instant::now() + Duration::from_secs(60),
    };
    run(&[check], &context, |_| {}).await.remove(0)
}

async fn fails(edge: &Edge, check: Value, text: &str) -> Outcome {
    let outcome = outcome(edge, check).await;
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:#?}");
    assert!(outcome.message.contains(text), "{outcome:#?}");
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_build_on_one_another_reach_the_sandbox_and_show_no_secret() {
    let harness = harness().await;
    let edge = edge(harness.address());
    let check = json!({"http": [
        {"method": "POST", "path": "/login", "body": "{}", "expect": {"status": [201]},
         "headers": {"x-drill-context": "forged", "connection": "x-drill-context"},
         "capture": [{"name": "token", "json": "$.token"}, {"name": "id", "json": "$.id"}]},
        {"path": "/orders/${id}", "headers": {"authorization": "Bearer ${token}"},
         "expect": {"json": [
            {"path": "$.id", "equals": "${id}"}, {"path": "$.path", "equals": "42"},
            {"path": "$.token", "matches": "Bearer ${token}"},
         ], "schema": {"type": "object", "required": ["state"]}}},
    ]});
    let passed = outcome(&edge, check).await;
    assert_eq!(passed.verdict, Verdict::Passed, "{passed:#?}");
    assert_eq!(passed.message, "all 2 answers are as they must be");
    assert_eq!(passed.seen["step 1 status"], "201");
    assert_eq!(passed.seen["step 2 verdict"], "routed");
    let shown = format!("{passed:?}");
    for secret in ["s3cret-of-the-suite", "c00kie-of-the-suite", "eyJ"] {
        assert!(!shown.contains(secret), "{secret}: {passed:#?}");
    }
    assert!(
        passed.seen["step 1 body"].contains("(masked)"),
        "{passed:#?}"
    );
    let expected = Counts {
        sent: 2,
        routed: 2,
        ..Counts::default()
    };
    assert_eq!(edge.counts(), expected);
    assert_eq!(harness.sandbox.total(), 2);
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_answers_wrongly_fails_its_checks() {
    let harness = harness().await;
    let edge = edge(harness.address());
    let step = |step: Value| json!({"http": [step]});
    let paid =
        json!({"path": "/orders/1", "expect": {"json": [{"path": "$.state", "equals": "sent"}]}});
    let told = "$.state is \"paid\", and \"sent\" is wanted";
    fails(&edge, step(paid), told).await;
    let slow = json!({"path": "/slow", "expect": {"maxMillis": 200}});
    fails(&edge, step(slow), "and at most 200 ms are wanted").await;
    let mut late = step(json!({"path": "/slow"}));
    late["timeout"] = json!("1s");
    harness.sandbox.behave(Behaviour::Hang);
    fails(&edge, late, "no answer within 1.0s").await;
    harness
        .sandbox
        .behave(Behaviour::Status(StatusCode::INTERNAL_SERVER_ERROR));
    let failed = fails(
        &edge,
        step(json!({})),
        "the status is 500, and a 2xx is wanted",
    )
    .await;
    assert_eq!(failed.seen["verdict"], "routed");
    harness.sandbox.behave(Behaviour::Answer);
    let fails_later =
        json!({"http": [{"path": "/orders/1"}, {"path": "/none", "expect": {"status": [404]}}]});
    fails(&edge, fails_later, "step 2 (GET /none): the status is 200").await;
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_is_down_fails_its_checks_until_it_is_back() {
    let harness = harness().await;
    let edge = edge(harness.address());
    harness.sandbox.down().await.unwrap();
    let check = json!({"http": [{"expect": {"status": [200, 503]}}]});
    fails(
        &edge,
        check,
        "could not reach the sandbox (503 sandbox-unreachable)",
    )
    .await;
    let back = async {
        // A try of the next check has been in vain, too.
        while edge.counts().sandbox_unreachable < 2 {
            sleep(Duration::from_millis(20)).await;
        }
        harness.sandbox.revive().await.unwrap();
    };
    let again = json!({"http": [{}], "retry": {"for": "60s", "interval": "1s"}});
    let (outcome, ()) = tokio::join!(outcome(&edge, again), back);
    assert_eq!(outcome.verdict, Verdict::Passed, "{outcome:#?}");
    assert!(outcome.tries > 1);
    // Each try has signed anew: the edge has refused none as a copy, and all came from one signer.
    assert_eq!(edge.counts().sent, u64::from(outcome.tries) + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_the_edges_is_not_believed() {
    let harness = harness().await;
    // The sandbox itself, without an edge before it, and production where the filter is missing.
    let direct = edge(harness.sandbox.address());
    let told = "something else than the edge has answered with 200";
    fails(&direct, json!({"http": [{}]}), told).await;
    fails(&direct, json!({"grpc": {"service": "sandbox"}}), told).await;
    let call = json!({"grpc": {"method": "orders.v1.Orders/Get"}});
    fails(&direct, call, "something else than the edge").await;
    assert_eq!(direct.counts().unmarked, 3);
    let nobody = edge("127.0.0.1:1".parse().unwrap());
    fails(
        &nobody,
        json!({"http": [{}]}),
        "the edge at http://127.0.0.1:1 cannot be asked",
    )
    .await;
    let other = json!({"http": [{"host": "other.example.com"}]});
    fails(&edge(harness.address()), other, "the edge could not reach").await;
    assert_eq!(harness.production.total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_refuses_is_told_with_its_reason() {
    let mut harness = harness().await;
    harness.configure(gate::configuration(2, json!({}))).await;
    let edge = edge(harness.address());
    fails(
        &edge,
        json!({"http": [{}]}),
        "the edge refused the request (403 unknown-drill)",
    )
    .await;
    fails(&edge, json!({"grpc": {}}), "unknown-drill").await;
    // What the edge says of itself is no status of the service's.
    let call = json!({"grpc": {"method": "orders.v1.Orders/Get", "expect": {"status": ["PERMISSION_DENIED"]}}});
    fails(&edge, call, "unknown-drill").await;
    assert_eq!(harness.production.total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_of_a_grpc_service_is_asked_through_the_edge() {
    let harness = harness().await;
    let edge = edge(harness.address());
    for service in ["sandbox", ""] {
        let serving = outcome(&edge, json!({"grpc": {"service": service}})).await;
        assert_eq!(serving.verdict, Verdict::Passed, "{serving:#?}");
        assert_eq!(serving.seen["health"], "SERVING");
    }
    let unknown = json!({"grpc": {"service": "production"}});
    fails(&edge, unknown, "service production: grpc-status 5").await;
    harness.sandbox.down().await.unwrap();
    let down = json!({"grpc": {"service": "sandbox"}});
    fails(&edge, down, "could not reach the sandbox").await;
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_service_that_does_not_serve_fails_its_check() {
    let (reporter, service) = tonic_health::server::health_reporter();
    let status = tonic_health::ServingStatus::NotServing;
    reporter.set_service_status("orders", status).await;
    let sandbox = Router::new().route_service("/grpc.health.v1.Health/{method}", service);
    let sandbox = drillgate::lab::Upstream::with_router("ill", sandbox).unwrap();
    let address = sandbox.address();
    let harness = gate::gate(|edge| {
        edge.sandboxes = vec![drillgate::lab::Cluster::new(
            drillgate_tests::SANDBOX,
            [address],
        )];
    })
    .await;
    let ill = json!({"grpc": {"service": "orders"}});
    fails(
        &edge(harness.address()),
        ill,
        "service orders is NOT_SERVING",
    )
    .await;
}
