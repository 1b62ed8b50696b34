//! Production while drills come and go.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use drillgate::lab::{Connection, Protocol, Request, Stats};
use drillgate_tests::istio::{Stage, drill_request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{LIMIT, gated, serving};

/// For longer than this, no connection outlives the end of its listener (`drainDuration`).
pub const PAST_THE_DRAIN: Duration = Duration::from_secs(13);

/// An endless stream of events.
fn events() -> Router {
    let answer = async || {
        let ticks = futures::stream::unfold((), async |()| {
            sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, Infallible>("data: tick\n\n"), ()))
        });
        Response::new(Body::from_stream(ticks))
    };
    Router::new().route("/events", get(answer))
}

/// Opens the stream through the gateway.
async fn open(stage: &Stage) -> (Connection, Incoming) {
    let mut connection = Connection::open(stage.address(), Protocol::Http1)
        .await
        .unwrap();
    let answer = connection
        .start(&Request::get("orders.example.com", "/events"))
        .await;
    let mut body = answer.unwrap().into_body();
    assert!(ticks(&mut body).await, "it has begun");
    (connection, body)
}

/// Whether the stream goes on.
async fn ticks(body: &mut Incoming) -> bool {
    let next = timeout(LIMIT, body.frame())
        .await
        .expect("a tick or an end");
    next.is_some_and(|frame| frame.is_ok())
}

/// Routes of production's that are older than any drill, and would like to have its requests.
async fn greedy_routes(stage: &Stage) {
    let to = |path: Value| json!({"match": [{"uri": path}], "route": [stage.to_production()]});
    let mut rewritten = to(json!({"prefix": "/api"}));
    rewritten["rewrite"] = json!({"uri": "/rewritten", "authority": "inside.example.com"});
    let regex = to(json!({"regex": "/v[0-9]+/.*"}));
    let all = json!({"route": [stage.to_production()]});
    let routes = stage.production_routes(
        "greedy",
        json!(["orders.example.com"]),
        json!([rewritten, regex]),
    );
    stage.scene.apply(routes).await;
    let wildcard = stage.production_routes("wildcard", json!(["*.example.com", "*"]), json!([all]));
    stage.scene.apply(wildcard).await;
    let wanted = Request::get("anything.example.org", "/");
    stage.until(&wanted, "200 production").await;
}

/// Envoy's routes for production's hosts.
async fn routes(stage: &Stage) -> Vec<String> {
    let mut found = Vec::new();
    for domain in ["orders.example.com", "*.example.com", "*"] {
        let hosts = stage.gateway.virtual_hosts(domain).await;
        assert_eq!(hosts.len(), 1, "{domain}");
        found.extend(hosts.iter().map(Value::to_string));
    }
    found
}

async fn state(stage: &Stage) -> (Vec<String>, Stats) {
    (routes(stage).await, stage.gateway.listeners().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_changes_neither_productions_routes_nor_a_listener_nor_a_stream() {
    let stage = serving(events()).await;
    greedy_routes(&stage).await;
    stage.install(stage.gate()).await;
    // What the gate did to the listeners has to be over.
    sleep(PAST_THE_DRAIN).await;
    let before = state(&stage).await;
    let (_connection, mut stream) = open(&stage).await;

    let id = stage.drill().await;
    for path in ["/", "/api/orders", "/api", "/v1/orders"] {
        let mut request = drill_request(&id);
        request.path = path.to_owned();
        let seen = stage.send(&request).await.seen().unwrap();
        let told = (
            seen.who.as_str(),
            seen.path.as_str(),
            seen.authority.as_str(),
        );
        assert_eq!(told, ("sandbox", path, "orders.example.com"));
    }
    let mut elsewhere = drill_request(&id);
    for host in ["other.example.com", "anything.example.org"] {
        elsewhere.authority = host.to_owned();
        assert_eq!(stage.outcome(&elsewhere).await, "403 uncovered-host");
    }
    let plain = Request::get("orders.example.com", "/api/x");
    let plain = stage.send(&plain).await;
    let seen = plain.seen().unwrap();
    assert_eq!(
        (seen.who.as_str(), seen.path.as_str()),
        ("production", "/rewritten/x")
    );
    assert_eq!(state(&stage).await, before);

    stage.scene.delete(&stage.scene.drill("orders")).await;
    stage.scene.gone(&stage.scene.drill("orders")).await;
    stage.until(&drill_request(&id), "403 unknown-drill").await;
    assert_eq!(state(&stage).await, before);
    let end = Instant::now() + PAST_THE_DRAIN;
    while Instant::now() < end {
        assert!(
            ticks(&mut stream).await,
            "the drill has cut production's stream"
        );
    }
    stage.assert_production_untouched().await;
}

/// The other side of it: what a gate changes is at the listeners, and this suite notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installing_a_gate_drains_the_connections_that_are_open() {
    let stage = serving(events()).await;
    let before = stage.gateway.listeners().await;
    let (_connection, mut stream) = open(&stage).await;
    stage.install(stage.gate()).await;
    assert_ne!(stage.gateway.listeners().await, before);
    let cut = timeout(LIMIT, async { while ticks(&mut stream).await {} });
    assert!(cut.await.is_ok(), "the stream goes on");
}

/// An edit of the gate's keys or limits is the filter's configuration and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn editing_the_filters_settings_touches_no_listener() {
    let stage = gated().await;
    let before = stage.gateway.listeners().await;
    let mut gate = stage.gate();
    gate["spec"]["maxAgeSeconds"] = json!(600);
    let generation = stage.scene.plugin_configuration().await["generation"].clone();
    stage.scene.apply(gate).await;
    crate::eventually("the filter has another configuration", async || {
        stage.scene.plugin_configuration().await["generation"] != generation
    })
    .await;
    stage.gate_ready().await;
    assert_eq!(stage.gateway.listeners().await, before);
}
