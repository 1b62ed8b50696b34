//! What the other suites take for granted: the lab does what it says, on a real Envoy.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use drillgate::lab::{
    Behaviour, CONTEXT_HEADER, Cluster, Connection, Drill, Edge, Error, Limits, Request, Resource,
};
use drillgate_tests::{Harness, SANDBOX, check_health, envoy};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tonic_health::pb::health_check_response::ServingStatus;

const SHOP: &str = "shop.example.com";
const DRILL_HOST: &str = "shop.example.com.k7f3q9.drill.internal";
const LIMIT: Duration = Duration::from_secs(60);

fn drill() -> Drill {
    Drill::new("k7f3q9", SHOP, SANDBOX)
}

/// Reaches the sandbox: with no filter in place, whoever knows the route key may.
fn drill_request() -> Request {
    Request::get(DRILL_HOST, "/orders").header(CONTEXT_HEADER, "any")
}

async fn with_drill() -> Harness {
    Harness::start(|edge| edge.drills = vec![drill()]).await
}

/// Response code details of the last of `requests` drill requests.
async fn details(harness: &Harness, requests: usize) -> String {
    let log = harness
        .gateway
        .envoy()
        .access_log(requests, LIMIT)
        .await
        .unwrap();
    assert_eq!(log.len(), requests, "one line for each drill request");
    log[requests - 1]["details"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sandbox_that_fails_is_tried_again_there_only() {
    let harness = with_drill().await;
    harness
        .sandbox
        .behave(Behaviour::Status(StatusCode::BAD_GATEWAY));
    assert_eq!(harness.send(&drill_request()).await.status, 502);
    assert_eq!(details(&harness, 1).await, "via_upstream");
    assert_eq!(harness.sandbox.total(), 3, "one try and two retries");

    harness.sandbox.behave(Behaviour::Reset);
    assert_eq!(harness.send(&drill_request()).await.status, 503);
    let reset = details(&harness, 2).await;
    assert!(reset.contains("connection_termination"), "{reset}");
    assert_eq!(harness.sandbox.total(), 6);
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn sandbox_that_is_down_refuses_connections_and_comes_back() {
    let harness = with_drill().await;
    assert_eq!(harness.send(&drill_request()).await.status, 200);
    harness.sandbox.down().await.unwrap();
    assert_eq!(harness.send(&drill_request()).await.status, 503);
    let refused = details(&harness, 2).await;
    assert!(refused.contains("remote_connection_failure"), "{refused}");
    harness.sandbox.revive().await.unwrap();
    assert_eq!(harness.send(&drill_request()).await.status, 200);
    assert_eq!(harness.sandbox.total(), 2);
}

#[tokio::test]
async fn sandbox_that_hangs_is_given_up_at_the_time_limit() {
    let mut drill = drill();
    drill.timeout = Duration::from_millis(300);
    let harness = Harness::start(|edge| edge.drills = vec![drill]).await;
    harness.sandbox.behave(Behaviour::Hang);
    let start = Instant::now();
    assert_eq!(harness.send(&drill_request()).await.status, 504);
    // Envoy's clock ticks in milliseconds, and it may be one behind.
    assert!(
        start.elapsed() > Duration::from_millis(290),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(details(&harness, 1).await, "response_timeout");
}

#[tokio::test]
async fn cluster_that_cannot_be_reached_says_why() {
    let mut harness = with_drill().await;
    let good = Cluster::new(SANDBOX, [harness.sandbox.address()]);
    let closed = Limits {
        requests: 0,
        ..Limits::default()
    };
    let cases = [
        (
            vec![Cluster {
                tls: true,
                ..good.clone()
            }],
            "TLS_error",
        ),
        (
            vec![Cluster {
                limits: closed,
                ..good.clone()
            }],
            "overflow",
        ),
        (
            vec![Cluster {
                endpoints: Vec::new(),
                ..good
            }],
            "no_healthy_upstream",
        ),
        (Vec::new(), "cluster_not_found"),
    ];
    for (requests, (clusters, reason)) in (1..).zip(cases) {
        harness.change(|edge| edge.sandboxes = clusters).await;
        assert_eq!(harness.send(&drill_request()).await.status, 503, "{reason}");
        let details = details(&harness, requests).await;
        assert!(details.contains(reason), "{details} is not {reason}");
    }
    assert_eq!(harness.sandbox.total(), 0);
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn endpoint_that_keeps_failing_is_ejected() {
    let mut harness = with_drill().await;
    harness
        .change(|edge| edge.sandboxes[0].eject_after = Some(3))
        .await;
    let failure = StatusCode::INTERNAL_SERVER_ERROR;
    harness.sandbox.behave(Behaviour::Status(failure));
    // Envoy ejects on its main thread, some time after the failure.
    let deadline = Instant::now() + LIMIT;
    while harness.send(&drill_request()).await.status == failure {
        assert!(Instant::now() < deadline, "never ejected");
    }
    let before = harness.sandbox.total();
    assert_eq!(harness.send(&drill_request()).await.status, 503);
    assert_eq!(harness.sandbox.total(), before);
}

#[tokio::test]
async fn upstream_tells_what_it_saw_and_forges_what_it_is_told() {
    let harness = with_drill().await;
    let forged = (
        HeaderName::from_static("x-drill-verdict"),
        HeaderValue::from_static("forged"),
    );
    harness.production.forge([forged]);
    let request = Request::get(SHOP, "/a?b=c")
        .with(Method::POST, "12345")
        .header("x-many", "1")
        .header("x-many", [b'2', 0xff]);
    let response = harness.send(&request).await;
    assert_eq!(response.header("x-drill-verdict"), Some("forged"));
    let seen = response.seen().unwrap();
    assert_eq!(
        (seen.who.as_str(), seen.method.as_str(), seen.body),
        ("production", "POST", 5)
    );
    assert_eq!(seen.header("x-many"), ["1", "2\u{fffd}"]);
    assert_eq!(harness.production.requests().len(), 1);
}

#[tokio::test]
async fn refused_update_is_reported_and_leaves_the_gateway_as_it_was() {
    let mut harness = with_drill().await;
    let twice = |edge: &mut Edge| edge.drills.push(drill());
    match harness.gateway.change(twice).await {
        Err(Error::Rejected {
            resource: Resource::Routes,
            reason,
        }) => {
            assert!(
                reason.contains(DRILL_HOST),
                "no reason of envoy's: {reason}"
            );
        }
        other => panic!("not reported as refused: {other:?}"),
    }
    assert_eq!(
        harness.send(&drill_request()).await.seen().unwrap().who,
        SANDBOX
    );
    harness.set_drills([drill()]).await;
}

#[tokio::test]
async fn drill_leaves_the_listener_alone() {
    let mut harness = Harness::start(|_| {}).await;
    let admin = harness.gateway.envoy().admin();
    let before = admin.stats("^listener_manager\\.listener_").await.unwrap();
    harness.set_drills([drill()]).await;
    harness.set_drills([]).await;
    assert_eq!(
        admin.stats("^listener_manager\\.listener_").await.unwrap(),
        before
    );
    assert_eq!(before["listener_manager.listener_added"], 1);
    assert_eq!(
        admin
            .stat("http.edge.rds.edge.config_reload")
            .await
            .unwrap(),
        3
    );
}

#[tokio::test]
async fn listener_keeps_its_port_when_it_changes() {
    let mut harness = with_drill().await;
    let address = harness.address();
    harness
        .change(|edge| edge.owned = vec![SHOP.to_owned()])
        .await;
    let admin = harness.gateway.envoy().admin();
    assert_eq!(admin.listener("edge").await.unwrap(), Some(address));
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn envoy_stops_when_asked() {
    let harness = Harness::start(|_| {}).await;
    let address = harness.address();
    let folder = harness.gateway.envoy().folder().to_owned();
    harness.gateway.stop().await.unwrap();
    assert!(Request::get(SHOP, "/").send(address).await.is_err());
    assert!(!folder.exists(), "the scratch folder is left behind");
}

#[tokio::test]
async fn grpc_reaches_the_upstream_that_the_authority_names() {
    let harness = with_drill().await;
    let address = harness.address();
    let answer = check_health(address, SHOP, None, "production")
        .await
        .unwrap();
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    let unknown = check_health(address, SHOP, None, SANDBOX)
        .await
        .unwrap_err();
    assert_eq!(
        unknown.code(),
        tonic::Code::NotFound,
        "only the sandbox knows this service"
    );

    let denied = check_health(address, SHOP, Some("any"), "production")
        .await
        .unwrap_err();
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let drilled = check_health(address, DRILL_HOST, Some("any"), SANDBOX)
        .await
        .unwrap();
    assert_eq!(drilled.into_inner().status(), ServingStatus::Serving);
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test]
async fn websocket_upgrade_passes() {
    let upgrade = || async {
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    let router = Router::new().route("/socket", get(upgrade));
    let harness = Harness::start_with(&envoy(), router, |_| {}).await;
    let request = Request::get(SHOP, "/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let mut connection = Connection::open(harness.address(), request.protocol)
        .await
        .unwrap();
    let response = connection.start(&request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
}
