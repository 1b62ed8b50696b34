//! A sandbox that cannot be reached, in every way that Envoy tells apart: the drill client gets
//! the one answer for it, nothing is tried anywhere else, and the audit record names the failure.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use drill_context::HEADER_NAME;
use drillgate::lab::{Behaviour, Connection, Protocol, Request, Response};
use drillgate_tests::audit::records;
use drillgate_tests::gate::{self, HOST, ROUTE_KEY};
use drillgate_tests::{Harness, SANDBOX, arrived, check_health, envoy};
use http::{HeaderMap, Method, StatusCode};
use tonic::Code;
use tonic::codegen::tokio_stream::{self, StreamExt};

/// What Envoy's response code details begin with when it gives up on an upstream.
const RESET: &str = "upstream_reset_before_response_started{";

/// The time limit of a drill whose sandbox hangs: so soon each try has reached it on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

fn grpc_post() -> Request {
    Request::get(HOST, "/grpc.health.v1.Health/Check")
        .by(Protocol::Http2)
        .with(Method::POST, [0; 5].as_slice())
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

fn assert_http(response: &Response) {
    assert_eq!(response.status, 503);
    assert_verdict(&response.headers);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.seen(), None, "an upstream answered");
}

fn assert_verdict(headers: &HeaderMap) {
    let verdicts: Vec<_> = headers.get_all("x-drill-verdict").iter().collect();
    assert_eq!(verdicts, ["sandbox-unreachable"]);
}

/// Sends a drill request by HTTP/1.1, by HTTP/2, by gRPC's own client and as gRPC by hand, and
/// asserts what a client gets while the sandbox is unreachable. `failures` are what Envoy's
/// response code details may begin with; `tries` is how often each request reached the sandbox.
async fn assert_unreachable(harness: &Harness, failures: &[&str], tries: u64) {
    // What the records say of the four: gRPC has its status elsewhere.
    const STATUSES: [u64; 4] = [503, 503, 200, 200];
    let envoy = harness.gateway.envoy();
    let tried = harness.sandbox.total();
    let recorded = records(envoy, 0).await.len();

    for protocol in [Protocol::Http1, Protocol::Http2] {
        let request = gate::drill_request("/orders").by(protocol);
        assert_http(&harness.send(&request).await);
    }
    let token = gate::token();
    let status = check_health(harness.address(), HOST, Some(&token), SANDBOX)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_verdict(&status.metadata().clone().into_headers());
    let response = harness.send(&grpc_post().header(HEADER_NAME, token)).await;
    assert_eq!(response.status, 200, "gRPC has its status in a header");
    assert_eq!(response.header("grpc-status"), Some("14"));
    assert_verdict(&response.headers);

    assert_eq!(harness.production.total(), 0, "production was reached");
    // The last try may come after its answer.
    arrived(&harness.sandbox, tried + 4 * tries).await;
    assert_eq!(harness.sandbox.total() - tried, 4 * tries);
    let records = records(envoy, recorded + STATUSES.len()).await;
    for (record, status) in records[recorded..].iter().zip(STATUSES) {
        assert_eq!(record["verdict"], "sandbox-unreachable", "{record}");
        assert_eq!(record["drill"], gate::DRILL);
        assert_eq!(record["status"], status, "{record}");
        let details = record["code_details"].as_str().unwrap();
        let named = failures.iter().any(|failure| details.starts_with(failure));
        assert!(named, "{details} is none of {failures:?}");
        assert_ne!(record["upstream_cluster"], "production", "{record}");
    }
    assert_eq!(records.len(), recorded + STATUSES.len());
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn a_sandbox_that_refuses_connections() {
    let harness = gate::gate(|_| {}).await;
    harness.sandbox.down().await.unwrap();
    assert_unreachable(&harness, &[&format!("{RESET}remote_connection_failure")], 0).await;
}

#[tokio::test]
async fn a_sandbox_that_hangs() {
    let harness = gate::gate(|edge| edge.drills[0].timeout = SHORT).await;
    harness.sandbox.behave(Behaviour::Hang);
    assert_unreachable(&harness, &["response_timeout"], 1).await;
}

#[tokio::test]
async fn a_sandbox_that_hangs_is_a_503_to_what_only_resembles_grpc() {
    let harness = gate::gate(|edge| edge.drills[0].timeout = SHORT).await;
    harness.sandbox.behave(Behaviour::Hang);
    for content_type in ["application/grpc;x=y", "Application/gRPC"] {
        let request = gate::drill_request("/orders")
            .by(Protocol::Http2)
            .with(Method::POST, [0; 5].as_slice())
            .header("content-type", content_type);
        assert_http(&harness.send(&request).await);
    }
}

#[tokio::test]
async fn a_sandbox_that_hangs_at_each_try() {
    let harness = gate::gate(|edge| edge.drills[0].retries.per_try = SHORT).await;
    harness.sandbox.behave(Behaviour::Hang);
    assert_unreachable(&harness, &["upstream_per_try_timeout"], 3).await;
}

#[tokio::test]
async fn a_sandbox_that_resets() {
    let harness = gate::gate(|_| {}).await;
    harness.sandbox.behave(Behaviour::Reset);
    let failures = [
        format!("{RESET}connection_termination"),
        format!("{RESET}remote_reset"),
    ];
    assert_unreachable(&harness, &failures.each_ref().map(String::as_str), 3).await;
}

#[tokio::test]
async fn a_sandbox_without_endpoints() {
    let harness = gate::gate(|edge| edge.sandboxes[0].endpoints.clear()).await;
    assert_unreachable(&harness, &["no_healthy_upstream"], 0).await;
}

#[tokio::test]
async fn a_sandbox_whose_circuit_breaker_is_open() {
    let harness = gate::gate(|edge| edge.sandboxes[0].limits.requests = 0).await;
    assert_unreachable(&harness, &[&format!("{RESET}overflow")], 0).await;
}

#[tokio::test]
async fn a_sandbox_that_does_not_speak_tls() {
    let harness = gate::gate(|edge| edge.sandboxes[0].tls = true).await;
    let failure = format!("{RESET}remote_connection_failure|TLS_error");
    assert_unreachable(&harness, &[&failure], 0).await;
}

#[tokio::test]
async fn a_sandbox_that_was_ejected() {
    let harness = gate::gate(|edge| edge.sandboxes[0].eject_after = Some(3)).await;
    let failure = StatusCode::INTERNAL_SERVER_ERROR;
    harness.sandbox.behave(Behaviour::Status(failure));
    // Envoy ejects on its main thread, some time after the failure.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut sent = 1;
    while harness.send(&gate::drill_request("/")).await.status == failure {
        assert!(Instant::now() < deadline, "never ejected");
        sent += 1;
    }
    records(harness.gateway.envoy(), sent).await;
    assert_unreachable(&harness, &["no_healthy_upstream"], 0).await;
}

#[tokio::test]
async fn a_sandbox_whose_cluster_is_missing() {
    let harness = gate::gate(|edge| edge.sandboxes.clear()).await;
    assert_unreachable(&harness, &["cluster_not_found"], 0).await;
}

#[tokio::test]
async fn a_path_that_the_drill_has_no_route_for() {
    let harness = gate::gate(|edge| edge.drills[0].only_under = Some("/covered".to_owned())).await;
    let covered = harness.send(&gate::drill_request("/covered/1")).await;
    assert_eq!(covered.seen().unwrap().who, SANDBOX);
    records(harness.gateway.envoy(), 1).await;
    assert_unreachable(&harness, &["route_not_found"], 0).await;
}

#[tokio::test]
async fn a_drill_whose_routes_are_gone_while_it_is_still_active() {
    let mut harness = gate::gate(|_| {}).await;
    harness.set_drills([]).await;
    assert_unreachable(&harness, &["direct_response"], 0).await;
}

/// What Envoy alone answers: should the two agree one day, the tests above would show nothing.
#[tokio::test]
async fn without_the_filter_the_same_failures_look_different() {
    let mut harness = Harness::start(|edge| {
        edge.guard = false;
        edge.drills = vec![gate::drill()];
        edge.drills[0].timeout = SHORT;
        edge.drills[0].only_under = Some("/covered".to_owned());
    })
    .await;
    let drill_host = format!("{HOST}.{ROUTE_KEY}.drill.internal");
    let request = |path| Request::get(&drill_host, path).header(HEADER_NAME, "any");
    harness.sandbox.behave(Behaviour::Hang);
    for (path, status) in [("/covered", 504), ("/elsewhere", 404)] {
        let response = harness.send(&request(path)).await;
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("x-drill-verdict"), None);
    }
    harness.set_drills([]).await;
    let response = harness.send(&request("/covered")).await;
    assert_eq!(response.header("cache-control"), None);
}

#[tokio::test]
async fn what_the_sandbox_itself_answers_passes_unchanged() {
    let harness = gate::gate(|_| {}).await;
    for status in [404, 500, 503, 504] {
        let status = StatusCode::from_u16(status).unwrap();
        harness.sandbox.behave(Behaviour::Status(status));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let request = gate::drill_request("/").by(protocol);
            let response = harness.send(&request).await;
            assert_eq!(response.status, status);
            assert_eq!(response.header("x-drill-verdict"), Some("routed"));
            assert_eq!(response.header("cache-control"), None);
        }
    }
    assert_eq!(harness.sandbox.total(), 2 + 6 * 3, "5xx are tried again");

    harness.sandbox.behave(Behaviour::Answer);
    let token = gate::token();
    let unknown = check_health(harness.address(), HOST, Some(&token), "unknown").await;
    let status = unknown.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "the service's own answer");
    assert_eq!(status.metadata().get("x-drill-verdict").unwrap(), "routed");
    for record in records(harness.gateway.envoy(), 9).await {
        assert_eq!(record["verdict"], "routed");
        assert_eq!(record["code_details"], "via_upstream");
    }
    harness.assert_production_untouched(HOST).await;
}

/// Half an answer, and then the connection or the stream breaks off.
async fn half_an_answer() -> Body {
    let frames = [Ok("half"), Err(std::io::Error::other("as it was told"))];
    let apart = tokio_stream::iter(frames).then(|frame| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        frame
    });
    Body::from_stream(apart)
}

#[tokio::test]
async fn a_sandbox_that_breaks_off_half_way_is_not_tried_again() {
    let router = Router::new().route("/half", get(half_an_answer));
    let harness = Harness::start_with(&envoy(), router, gate::drilled).await;
    let version = harness.gateway.envoy().admin().version().await.unwrap();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let request = gate::drill_request("/half").by(protocol);
        let mut connection = Connection::open(harness.address(), protocol).await.unwrap();
        let (head, body) = connection.start(&request).await.unwrap().into_parts();
        assert_eq!(head.status, 200);
        assert_eq!(head.headers["x-drill-verdict"], "routed");
        let body = axum::body::to_bytes(Body::new(body), 100).await;
        // Up to 1.36, Envoy breaks an HTTP/2 stream off with NO_ERROR, with the filter or without,
        // and the client takes the half for the whole.
        let taken_for_whole = protocol == Protocol::Http2 && version < (1, 37);
        assert_eq!(body.is_ok(), taken_for_whole, "{protocol:?}: {body:?}");
    }
    assert_eq!(harness.sandbox.total(), 2, "one try for each request");
    assert_eq!(harness.production.total(), 0);
    for record in records(harness.gateway.envoy(), 2).await {
        assert_eq!(record["verdict"], "routed");
        let details = record["code_details"].as_str().unwrap();
        assert!(details.starts_with("upstream_reset_after"), "{details}");
    }
    harness.assert_production_untouched(HOST).await;
}
