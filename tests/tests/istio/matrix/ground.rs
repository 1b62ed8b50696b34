//! Where it fails: a mesh of its own with a drill, by Istio's kinds or the Gateway API's, by HTTP or
//! HTTPS.

use drillgate_tests::control_plane::Controller;
use drillgate_tests::istio::{Mesh, Stage};
use drillgate_tests::load::Visits;
use serde_json::{Value, json};

use crate::ledger::TIMEOUT;
use crate::{controller, eventually};

/// How the gateway is described, and what it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Istio's Gateway, by HTTP.
    Istio,
    /// The same by HTTPS, with a certificate from a Secret.
    IstioByTls,
    /// The Gateway API's, by HTTP.
    GatewayApi,
    /// The same by HTTPS.
    GatewayApiByTls,
}

/// A mesh of one's own with a drill that is active.
pub struct Ground {
    pub controller: Controller,
    pub stage: Stage,
    pub visits: Visits,
    pub id: String,
    pub mesh: Mesh,
}

impl Ground {
    pub async fn prepare(shape: Shape) -> Self {
        let mesh = Mesh::start().await;
        let controller = controller(&mesh).await;
        let visits = Visits::default();
        let [production, sandbox] = [visits.router(), visits.router()];
        let both = [production.clone(), sandbox.clone()];
        let stage = match shape {
            Shape::Istio => Stage::set_with(&mesh, production, sandbox).await,
            Shape::IstioByTls => Stage::set_by_credential(&mesh, both).await,
            Shape::GatewayApi => Stage::set_by_gateway_api_with(&mesh, both, false).await,
            Shape::GatewayApiByTls => Stage::set_by_gateway_api_with(&mesh, both, true).await,
        };
        let gate = match stage.is_by_gateway_api() {
            true => stage.referring_gate(),
            false => stage.gate(),
        };
        stage.install(gate).await;
        let id = stage.drill_as(drill(&stage, 1000)).await;
        Self {
            controller,
            stage,
            visits,
            id,
            mesh,
        }
    }

    /// Edits the drill's circuit breaker, and waits until the gateway has it.
    pub async fn limit(&self, requests: u32) {
        let stage = &self.stage;
        stage.scene.apply(drill(stage, requests)).await;
        eventually("the gateway has the limit", async || {
            let cluster = stage.gateway.cluster(&stage.sandbox_host(), 80).await;
            let limits = &cluster.unwrap_or_default()["circuit_breakers"]["thresholds"][0];
            limits["max_requests"] == requests
        })
        .await;
    }

    /// What Envoy counts by this name of the way to the sandbox.
    pub async fn counted(&self, name: &str) -> u64 {
        let gateway = &self.stage.gateway;
        gateway.counted(&self.stage.sandbox_host(), name).await
    }
}

/// A drill whose requests are answered for soon, and that lets so many through at once.
fn drill(stage: &Stage, requests: u32) -> Value {
    let mut drill = stage.scene.drill("orders");
    let route = &mut drill["spec"]["routes"][0];
    route["timeout"] = json!(format!("{}s", TIMEOUT.as_secs()));
    if !stage.is_by_gateway_api() {
        route["retries"] = json!({"attempts": 0});
    }
    drill["spec"]["circuitBreaker"] = json!({
        "maxConnections": requests, "maxPendingRequests": requests, "maxRequests": requests,
        "interval": "1s", "baseEjectionTime": "1s",
    });
    drill
}
