//! A gate on a Gateway of the Gateway API.

use axum::Router;
use drillgate::api::{Drill, Phase};
use drillgate::lab::{CONTEXT_HEADER, Request};
use drillgate_tests::istio::{Mesh, Stage, drill_request};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::workflow::{AFTERWARDS, assert_serves_the_drill};
use crate::{Ending, eventually, with_controller};

const ROUTED: &str = "200 routed sandbox";
const UNREACHABLE: &str = "503 sandbox-unreachable";

/// A stage with a Gateway of the Gateway API.
async fn started() -> Stage {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    Stage::set_by_gateway_api(mesh).await
}

/// The same, with a gate that is ready.
async fn gated() -> Stage {
    let stage = started().await;
    stage.install(stage.referring_gate()).await;
    stage
}

fn route(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_reaches_the_sandbox_and_its_end_leaves_nothing() {
    let stage = gated().await;
    let of_the_gate = stage.scene.ours().await;
    assert!(
        of_the_gate.contains(&"HTTPRoute drillgate-edge-guard".to_owned()),
        "{of_the_gate:?}"
    );
    // What production is sent, and how Envoy routes it there: the same to the letter, but for the
    // request's number.
    let plain = Request::get("orders.example.com", "/same");
    let production = async || {
        let answer = stage.send(&plain).await;
        let mut seen: Value = serde_json::from_slice(&answer.body).unwrap();
        let headers = seen["headers"].as_array_mut().unwrap();
        headers.retain(|header| header[0] != "x-request-id");
        let routes = stage.gateway.virtual_hosts("orders.example.com").await;
        assert_eq!(routes.len(), 1);
        (seen, routes)
    };
    let before = production().await;
    let id = stage.drill().await;
    assert_serves_the_drill(&stage, &id).await;
    assert_eq!(production().await, before);
    let listeners = stage.gateway.listeners().await;

    let ending = Ending::of(&stage, &id).await;
    ending.assert_only(&AFTERWARDS);
    stage.until(&drill_request(&id), "403 unknown-drill").await;
    assert_eq!(stage.scene.ours().await, of_the_gate);
    assert_eq!(stage.gateway.listeners().await, listeners);
    assert_eq!(production().await, before);
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_is_down_is_answered_for_with_503_and_retries_are_told_of() {
    let stage = gated().await;
    let id = stage.drill().await;
    let told = stage
        .scene
        .drill_until("orders", |drill| {
            let conditions = drill.status.iter().flat_map(|status| &status.conditions);
            let mut found = conditions.filter(|held| held.type_ == "RoutesComplete");
            found.any(|held| held.status == "False" && held.message.contains("retries"))
        })
        .await;
    assert_eq!(told.phase(), Some(Phase::Active));
    let request = drill_request(&id);
    stage.until(&request, ROUTED).await;
    stage.sandbox.down().await.unwrap();
    assert_eq!(stage.outcome(&request).await, UNREACHABLE);
    stage.sandbox.revive().await.unwrap();
    stage.until(&request, ROUTED).await;
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_that_are_deleted_by_hand_are_made_again_and_production_sees_nothing() {
    let stage = gated().await;
    let id = stage.drill().await;
    let request = drill_request(&id);
    stage.until(&request, ROUTED).await;
    let guard = route(&stage.scene.gateway, "drillgate-edge-guard");
    for object in [stage.drills_route().await, guard] {
        let uid = async || {
            let found = stage.scene.get(&object).await?;
            found.metadata.uid
        };
        let before = uid().await;
        stage.scene.delete(&object).await;
        let again = async || {
            let outcome = stage.outcome(&request).await;
            assert!(
                [ROUTED, UNREACHABLE].contains(&outcome.as_str()),
                "{outcome}"
            );
            let now = uid().await;
            now.is_some() && now != before
        };
        eventually("it is made again", again).await;
        let meanwhile = stage.until(&request, ROUTED).await;
        assert!(
            meanwhile.iter().all(|outcome| outcome == UNREACHABLE),
            "{meanwhile:?}"
        );
    }
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_filter_the_policy_refuses_and_the_guard_answers() {
    let stage = started().await;
    let mut gate = stage.referring_gate();
    gate["spec"]["module"]["url"] = json!("http://127.0.0.1:1/filter.wasm");
    stage.scene.apply(gate).await;
    stage
        .gate_told("EdgeProgrammed", "False", "the filter is not loaded")
        .await;
    let with = |host: &str| Request::get(host, "/").header(CONTEXT_HEADER, "any");
    stage.until(&with("orders.example.com"), "403").await;
    // The guard comes by another way than the policy.
    stage.until(&with("x.drill.internal"), "500").await;
    stage.protected();
    for (request, expected) in [
        (with("orders.example.com"), "403"),
        (with("anything.example.org"), "403"),
        (with("x.drill.internal"), "500"),
        (Request::get("x.drill.internal", "/"), "403"),
        (Request::get("x.drill.internal:80", "/"), "500"),
        (Request::get("orders.example.com", "/"), "200 production"),
    ] {
        assert_eq!(stage.outcome(&request).await, expected, "{request:?}");
    }
    stage.assert_production_untouched().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_allows_no_routes_of_the_drills_namespace_is_named_and_waited_for() {
    let stage = gated().await;
    // Production's route is cut off by that, too: nothing of this is the gate's.
    stage.scene.apply(stage.kubernetes_gateway("Same")).await;
    let waits = |drill: &Drill| {
        let status = drill.status.iter();
        let mut messages = status.filter_map(|status| status.message.as_deref());
        messages
            .any(|message| message.contains("listener http") && message.contains("allowedRoutes"))
    };
    // The controller has seen the Gateway once a drill is refused for it.
    let drill = stage.scene.drill("orders");
    eventually("the drill is refused", async || {
        stage.scene.apply(drill.clone()).await;
        let found = stage
            .scene
            .drill_until("orders", |drill| drill.phase().is_some())
            .await;
        let is_refused = waits(&found);
        if !is_refused {
            stage.scene.delete(&drill).await;
            stage.scene.gone(&drill).await;
        }
        is_refused
    })
    .await;
    stage.scene.apply(stage.kubernetes_gateway("All")).await;
    let active = |drill: &Drill| drill.phase() == Some(Phase::Active);
    stage.scene.drill_until("orders", active).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_around_a_command_goes_through_http_routes_too() {
    let stage = started().await;
    let mesh = Mesh::shared().await;
    let desk = Desk::at(&mesh.plane);
    desk.write("gate.yaml", &stage.referring_gate());
    desk.write("drill.yaml", &stage.scene.drill("orders"));
    desk.run(&["gate", "install", "-f", "gate.yaml", "--yes"])
        .await
        .says("edge True");
    let of_the_gate = stage.scene.ours().await;
    let script = "curl -sS --fail $DRILL_PROXY/by-proxy";
    desk.run(&["run", "-f", "drill.yaml", "--", "sh", "-c", script])
        .await
        .says("sandbox");
    assert_eq!(stage.scene.ours().await, of_the_gate);
    stage.assert_production_untouched().await;
}

/// The listener takes `*.example.com`, and the drills' hosts are below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_by_https_is_as_one_by_http() {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    let routers = [Router::new(), Router::new()];
    let stage = Stage::set_by_gateway_api_with(mesh, routers, true).await;
    // Ready with a probe: the controller has made a session of its own.
    stage.install(stage.referring_gate()).await;
    let id = stage.drill().await;
    assert_serves_the_drill(&stage, &id).await;
    let ending = Ending::of(&stage, &id).await;
    ending.assert_only(&AFTERWARDS);
    stage.until(&drill_request(&id), "403 unknown-drill").await;
    stage.assert_production_untouched().await;
}
