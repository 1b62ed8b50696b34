//! gRPC on the Gateway API: a drill's HTTPRoute beside a GRPCRoute of production's, and why a drill has
//! no GRPCRoute of its own.

use drillgate::api::{Drill, Phase};
use drillgate_tests::istio::{KEY, Mesh, Stage, claims, drill_request, signed};
use drillgate_tests::{reported_health_router, watch_health};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckResponse;
use tonic_health::server::HealthReporter;

use crate::desk::Desk;
use crate::ledger::ROUTED;
use crate::protocols::{HOST, assert_drills_by_grpc, for_grpc};
use crate::{Ending, LIMIT, eventually, with_controller};

/// A host that no drill has.
const OTHER: &str = "grpc.drill.internal";

/// What `drillgate run` ends with if the drill cannot be brought up.
const REFUSED: i32 = 125;

/// A stage where production has a GRPCRoute in place of its HTTPRoute, and what changes the status of
/// production's service and of the sandbox's.
async fn routed_by_grpc() -> (Stage, [HealthReporter; 2]) {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    let (production, of_production) = reported_health_router("production").await;
    let (sandbox, of_sandbox) = reported_health_router("sandbox").await;
    let stage = Stage::set_by_gateway_api_with(mesh, [production, sandbox], false).await;
    let mut route = stage.production_http_route();
    stage.scene.delete(&route).await;
    route["kind"] = json!("GRPCRoute");
    stage.scene.apply(route).await;
    stage.scene.apply(for_grpc(stage.production_entry())).await;
    stage.scene.apply(for_grpc(stage.sandbox_entry())).await;
    (stage, [of_production, of_sandbox])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_gateway_api_a_grpc_drill_beside_a_grpc_route_of_productions_is_the_same() {
    let (stage, _reporters) = routed_by_grpc().await;
    assert_drills_by_grpc(&stage, stage.referring_gate()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_a_grpc_route_of_productions_leads_to_is_refused_until_it_does_not() {
    let (stage, _reporters) = routed_by_grpc().await;
    stage.install(stage.referring_gate()).await;
    let mut route = stage.production_http_route();
    route["kind"] = json!("GRPCRoute");
    let mut mistaken = route.clone();
    let to_sandbox = stage.backend(&stage.sandbox_host());
    mistaken["spec"]["rules"] = json!([{"backendRefs": [to_sandbox]}]);
    stage.scene.apply(mistaken).await;

    let desk = Desk::at(&Mesh::shared().await.plane);
    desk.write("drill.yaml", &stage.scene.drill("orders"));
    let refusal = format!(
        "production: GRPCRoute {}/orders sends",
        stage.scene.production
    );
    let line = ["run", "-f", "drill.yaml", "--", "true"];
    desk.run_to(REFUSED, &line).await.says(&refusal);
    // The controller has seen the route once it refuses the drill.
    let drill = stage.scene.drill("orders");
    eventually("the controller refuses it", async || {
        stage.scene.apply(drill.clone()).await;
        let has_begun = |drill: &Drill| drill.phase().is_some();
        let found = stage.scene.drill_until("orders", has_begun).await;
        let status = found.status.unwrap();
        let is_refused = status.message.is_some_and(|told| told.contains(&refusal));
        if !is_refused {
            stage.scene.delete(&drill).await;
            stage.scene.gone(&drill).await;
        }
        is_refused
    })
    .await;
    stage.scene.apply(route).await;
    let active = |drill: &Drill| drill.phase() == Some(Phase::Active);
    stage.scene.drill_until("orders", active).await;
}

/// A stream of statuses.
struct Watched(Streaming<HealthCheckResponse>);

impl Watched {
    async fn at(stage: &Stage, context: Option<&str>, service: &str) -> Result<Self, Status> {
        let stream = watch_health(stage.address(), HOST, context, service).await;
        stream.map(Self)
    }

    async fn next(&mut self) -> i32 {
        let next = timeout(LIMIT, self.0.message()).await.expect("a message");
        next.expect("it goes on").expect("it goes on").status
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_gateway_api_streams_of_a_drill_are_the_sandboxs_and_those_of_productions_go_on() {
    let (stage, [of_production, of_sandbox]) = routed_by_grpc().await;
    stage.install(stage.referring_gate()).await;
    let id = stage.drill().await;
    let context = signed(&claims(&id), KEY);
    stage.until(&drill_request(&id), ROUTED).await;
    let mut drills = Watched::at(&stage, Some(&context), "sandbox")
        .await
        .unwrap();
    let mut productions = Watched::at(&stage, None, "production").await.unwrap();
    for (stream, reporter, name) in [
        (&mut drills, &of_sandbox, "sandbox"),
        (&mut productions, &of_production, "production"),
    ] {
        assert_eq!(stream.next().await, ServingStatus::Serving as i32);
        let status = ServingStatus::NotServing;
        reporter.set_service_status(name, status).await;
        assert_eq!(stream.next().await, status as i32, "{name}");
    }
    let refused = Watched::at(&stage, Some("forged"), "production").await;
    let refused = refused.map_err(|status| status.code()).err();
    assert_eq!(refused, Some(Code::PermissionDenied));

    stage.sandbox.down().await.unwrap();
    let failed = Watched::at(&stage, Some(&context), "production").await;
    let failed = failed.map_err(|status| status.code()).err();
    assert_eq!(failed, Some(Code::Unavailable));
    let _ended = Ending::of(&stage, &id).await;
    let status = ServingStatus::Serving;
    of_production.set_service_status("production", status).await;
    assert_eq!(productions.next().await, status as i32);
    assert_eq!(stage.production.drill_requests(), 0);
}

/// The first route of Envoy's virtual host for `domain` that leads to a service.
async fn leading(stage: &Stage, domain: &str) -> Option<Value> {
    let hosts = stage.gateway.virtual_hosts(domain).await;
    let routes = hosts.first()?["routes"].as_array()?.clone();
    let mut actions = routes.into_iter().map(|route| route["route"].clone());
    actions.find(|action| action.is_object())
}

/// The drill's HTTPRoute, word by word, as a GRPCRoute: what the API server and istiod make of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_route_can_neither_end_a_call_that_hangs_nor_name_the_host_to_the_sandbox() {
    let (stage, _reporters) = routed_by_grpc().await;
    stage.install(stage.referring_gate()).await;
    let mut drill = stage.scene.drill("orders");
    drill["spec"]["routes"][0]["timeout"] = json!("7s");
    let id = stage.drill_as(drill).await;
    stage.until(&drill_request(&id), ROUTED).await;
    let made = stage.scene.get(&stage.drills_route().await).await.unwrap();
    let own_host = made.data["spec"]["hostnames"][0].as_str().unwrap();
    let of_drill = leading(&stage, own_host).await.unwrap();
    assert_eq!(of_drill["timeout"], "7s");
    assert_eq!(of_drill["host_rewrite_literal"], HOST);

    let mut asked = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
        "metadata": {"name": "drill", "namespace": stage.scene.sandbox},
        "spec": made.data["spec"],
    });
    asked["spec"]["hostnames"] = json!([OTHER]);
    // Of the fields of a rule that it does not know the API server names one, now this, now that.
    for field in ["timeouts", "filters[0].urlRewrite"] {
        let unknown = format!(".spec.rules[0].{field}: field not declared in schema");
        eventually(&unknown, async || {
            let told = stage.scene.try_apply(asked.clone()).await;
            told.unwrap_err().to_string().contains(&unknown)
        })
        .await;
    }

    // A header called Host is Istio's way out, and nothing that the API promises. What is left has no
    // end: a call that the sandbox does not answer lasts until the client gives up.
    let headers = &made.data["spec"]["rules"][0]["matches"][0]["headers"];
    asked["spec"]["rules"] = json!([{
        "matches": [{"headers": headers}],
        "filters": [{
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": {"set": [{"name": "Host", "value": HOST}]},
        }],
        "backendRefs": made.data["spec"]["rules"][0]["backendRefs"],
    }]);
    stage.scene.apply(asked).await;
    eventually("the gateway has it", async || {
        leading(&stage, OTHER).await.is_some()
    })
    .await;
    let by_grpc = leading(&stage, OTHER).await.unwrap();
    assert_eq!(by_grpc["timeout"], "0s");
    assert_eq!(by_grpc["host_rewrite_literal"], HOST);
}
