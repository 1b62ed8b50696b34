//! What drill requests get when several parts fail at once, or nobody mends what is gone; the
//! matrix has one failure at a time, under load.

use drillgate::api::{Drill, Phase};
use drillgate::lab::Request;
use drillgate_tests::gate::tampered;
use drillgate_tests::istio::{KEY, Mesh, Stage, drill_request};
use drillgate_tests::load::Visits;
use serde_json::{Value, json};

use crate::ledger::{Ledger, ROUTED, UNREACHABLE, load, some};
use crate::{controller, eventually};

/// What the filter answers to a host that the drill is not about.
const UNCOVERED: &str = "403 uncovered-host";

/// What it answers once the drill's time is over.
pub const OVER: &str = "403 drill-over";

/// An object by its name alone.
pub fn named(kind: (&str, &str), namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": kind.0, "kind": kind.1, "metadata": {"name": name, "namespace": namespace},
    })
}

pub const VIRTUAL_SERVICE: (&str, &str) = ("networking.istio.io/v1", "VirtualService");
const HTTP_ROUTE: (&str, &str) = ("gateway.networking.k8s.io/v1", "HTTPRoute");
const POLICY: (&str, &str) = ("security.istio.io/v1", "AuthorizationPolicy");

/// The kind of a stage's routes.
fn route_kind(stage: &Stage) -> (&'static str, &'static str) {
    match stage.is_by_gateway_api() {
        true => HTTP_ROUTE,
        false => VIRTUAL_SERVICE,
    }
}

pub fn guard(stage: &Stage) -> Value {
    let kind = route_kind(stage);
    named(kind, &stage.scene.gateway, "drillgate-edge-guard")
}

pub fn policy(stage: &Stage) -> Value {
    named(POLICY, &stage.scene.gateway, "drillgate-edge-guard")
}

fn forged(id: &str) -> Request {
    let mut request = drill_request(id);
    let token = String::from_utf8(request.headers.remove(0).1).unwrap();
    request.header("x-drill-context", tampered(token))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_goes_on_without_istiod_the_api_server_and_the_controller_and_ends_on_time() {
    let mut mesh = Mesh::start().await;
    let mut running = controller(&mesh).await;
    let stage = Stage::set(&mesh, axum::Router::new()).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    let as_ever = async |what: &str| {
        assert_eq!(stage.outcome(&drill_request(&id)).await, ROUTED, "{what}");
        assert_eq!(
            stage.outcome(&forged(&id)).await,
            "403 bad-signature",
            "{what}"
        );
        stage.assert_production_untouched().await;
    };
    mesh.istiod.kill();
    as_ever("istiod is killed").await;
    mesh.plane.stop_apiserver();
    as_ever("the API server is killed, too").await;
    running.signal("KILL");
    running.ended().await;
    as_ever("and the controller").await;

    mesh.plane.start_apiserver().await;
    mesh.istiod.start_again().await;
    as_ever("all but the controller are back").await;
    running = controller(&mesh).await;
    stage.scene.delete(&stage.scene.drill("orders")).await;
    stage.scene.gone(&stage.scene.drill("orders")).await;

    let mut short = stage.scene.drill("orders");
    short["spec"]["ttl"] = json!("30s");
    let id = stage.drill_as(short).await;
    running.signal("KILL");
    running.ended().await;
    let before = stage.until(&drill_request(&id), OVER).await;
    assert!(before.iter().all(|outcome| outcome == ROUTED), "{before:?}");
    let standing = stage.scene.ours().await;
    stage.assert_production_untouched().await;
    let _again = controller(&mesh).await;
    let ended = |drill: &Drill| drill.phase() == Some(Phase::Ended);
    stage.scene.drill_until("orders", ended).await;
    assert!(stage.scene.ours().await.len() < standing.len());
    stage.until(&drill_request(&id), "403 unknown-drill").await;
    stage.assert_production_untouched().await;
}

/// One layer at a time is taken away, and nobody mends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_layer_that_is_left_keeps_drill_requests_from_a_production_that_serves_every_host() {
    let mesh = Mesh::start().await;
    let running = controller(&mesh).await;
    let stage = Stage::set(&mesh, axum::Router::new()).await;
    let all = json!([{"route": [stage.to_production()]}]);
    let everything = stage.production_routes("everything", json!(["*"]), all);
    stage.scene.apply(everything).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    let covered = drill_request(&id);
    let mut uncovered = drill_request(&id);
    uncovered.authority = "other.example.com".to_owned();
    stage.until(&covered, ROUTED).await;
    assert_eq!(stage.outcome(&uncovered).await, UNCOVERED);
    let (plugin, route) = (stage.scene.plugin().await, stage.drills_route().await);
    running.signal("KILL");
    running.ended().await;

    let before = stage.gateway.listeners().await;
    let kept = stage.scene.get(&policy(&stage)).await.unwrap();
    stage.scene.delete(&policy(&stage)).await;
    eventually("the policy is gone from the gateway", async || {
        stage.gateway.listeners().await != before
    })
    .await;
    for (request, expected) in [(&covered, ROUTED), (&uncovered, UNCOVERED)] {
        assert_eq!(stage.outcome(request).await, expected, "without the policy");
    }
    assert_eq!(stage.outcome(&forged(&id)).await, "403 bad-signature");
    let before = stage.gateway.listeners().await;
    let again = json!({
        "apiVersion": POLICY.0, "kind": POLICY.1,
        "metadata": {"name": kept.metadata.name, "namespace": kept.metadata.namespace},
        "spec": kept.data["spec"],
    });
    stage.scene.apply(again).await;
    eventually("the policy is back at the gateway", async || {
        stage.gateway.listeners().await != before
    })
    .await;

    stage.scene.delete(&route).await;
    stage.until(&covered, UNREACHABLE).await;
    assert_eq!(
        stage.outcome(&uncovered).await,
        UNCOVERED,
        "without the route"
    );
    stage.scene.delete(&plugin).await;
    stage.until(&covered, "403").await;
    assert_eq!(stage.outcome(&uncovered).await, "403", "without the filter");
    stage.assert_production_untouched().await;
}

/// A wildcard of production's would be the next best route for a drill host that no drill has: the
/// filter makes none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_host_that_the_drill_does_not_cover_is_refused_all_the_same() {
    let mesh = Mesh::start().await;
    let running = controller(&mesh).await;
    let stage = Stage::set(&mesh, axum::Router::new()).await;
    let all = json!([{"route": [stage.to_production()]}]);
    let everything = stage.production_routes("everything", json!(["*"]), all);
    stage.scene.apply(everything).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    running.signal("KILL");
    running.ended().await;

    let domain = "*.drill.internal";
    assert!(!stage.gateway.virtual_hosts(domain).await.is_empty());
    stage.scene.delete(&guard(&stage)).await;
    eventually("the guard is gone from the gateway", async || {
        stage.gateway.virtual_hosts(domain).await.is_empty()
    })
    .await;
    let mut uncovered = drill_request(&id);
    uncovered.authority = "other.example.com".to_owned();
    assert_eq!(stage.outcome(&uncovered).await, UNCOVERED);
    assert_eq!(stage.outcome(&drill_request(&id)).await, ROUTED);
    stage.assert_production_untouched().await;
}

/// Of all that there is, Envoy alone runs on. (etcd does, too: nobody is left who asks it.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_whose_time_runs_out_while_only_envoy_is_left_is_ended_by_the_edge_itself() {
    let mut mesh = Mesh::start().await;
    let running = controller(&mesh).await;
    let visits = Visits::default();
    let stage = Stage::set_with(&mesh, visits.router(), visits.router()).await;
    stage.install(stage.gate()).await;
    let mut short = stage.scene.drill("orders");
    short["spec"]["ttl"] = json!("40s");
    let id = stage.drill_as(short).await;
    let load = load(&stage, &id, &stage.drills_host().await, KEY);
    stage.until(&drill_request(&id), ROUTED).await;
    running.signal("KILL");
    running.ended().await;
    mesh.istiod.kill();
    mesh.plane.stop_apiserver();
    stage.gateway.kill_agent();
    let alone = load.next_stage();
    let before = stage.until(&drill_request(&id), OVER).await;
    assert!(before.iter().all(|outcome| outcome == ROUTED), "{before:?}");
    some(&load).await;
    let ledger = Ledger {
        name: "only Envoy is left",
        sent: load.end().await,
    };
    ledger.print();
    ledger.assert_exact(&visits, &[ROUTED, OVER], false);
    let met = |outcome: &str| {
        let mut sent = ledger.sent.iter().filter(|sent| sent.stage == Some(alone));
        sent.any(|sent| sent.outcome == outcome)
    };
    assert!(met(ROUTED) && met(OVER));
    stage.assert_production_untouched().await;
}
