//! A stage whose gateway serves a Gateway of the Gateway API in place of one of Istio's.
//!
//! There is no kubelet that would start it. So the Gateway is bound to a host, which a ServiceEntry
//! says is the gateway that runs.

use axum::Router;
use serde_json::{Value, json};

use super::gateway::Settings;
use super::mesh::Mesh;
use super::secured::CERTIFICATE;
use super::stage::Stage;
use crate::control_plane::referring;

/// The Gateway's name.
const GATEWAY: &str = "public";

impl Stage {
    /// Sets a stage without a gate, as [`Stage::set`], with a Gateway and an HTTPRoute of the Gateway API
    /// in place of what is Istio's.
    ///
    /// # Panics
    /// As [`Stage::set`].
    pub async fn set_by_gateway_api(mesh: &Mesh) -> Self {
        Self::set_by_gateway_api_with(mesh, [Router::new(), Router::new()], false).await
    }

    /// The same, where production and the sandbox serve these routers, too. With `tls`, its listener is
    /// one for HTTPS that takes the hosts of `example.com`, the drills' among them.
    ///
    /// # Panics
    /// As [`Stage::set`].
    pub async fn set_by_gateway_api_with(mesh: &Mesh, routers: [Router; 2], tls: bool) -> Self {
        let special = Settings {
            gateway: Some(GATEWAY),
            ..Settings::default()
        };
        let mut stage = Self::bare(mesh, routers, special).await;
        let mut gateway = stage.kubernetes_gateway("All");
        if tls {
            stage.go_by_tls().await;
            let listener = &mut gateway["spec"]["listeners"][0];
            listener["protocol"] = json!("HTTPS");
            listener["hostname"] = json!("*.example.com");
            listener["tls"] = json!({"certificateRefs": [{"name": CERTIFICATE}]});
        }
        let scene = &stage.scene;
        // What every scene has, and this one must not.
        scene.delete(&scene.istio_gateway(json!(["*"]))).await;
        scene.apply(stage.gateway_entry()).await;
        scene.apply(gateway).await;
        scene.apply(stage.production_http_route()).await;
        stage.serves().await;
        stage
    }

    /// The Gateway, whose one listener takes every host and routes of these namespaces: All or Same.
    pub fn kubernetes_gateway(&self, from: &str) -> Value {
        let mut gateway = self.scene.kubernetes_gateway();
        let spec = &mut gateway["spec"];
        spec["addresses"] = json!([{"type": "Hostname", "value": self.gateway_host()}]);
        let listener = &mut spec["listeners"][0];
        listener["port"] = json!(self.listener().port());
        listener["allowedRoutes"]["namespaces"]["from"] = json!(from);
        gateway
    }

    /// The gate, which refers to the Gateway.
    pub fn referring_gate(&self) -> Value {
        let mut gate = referring(self.gate());
        if self.is_by_tls() {
            gate["spec"]["domain"] = json!("drill.example.com");
        }
        gate
    }

    fn gateway_host(&self) -> String {
        format!("gateway.{}.svc.cluster.local", self.scene.gateway)
    }

    /// The gateway as a service of its own namespace.
    fn gateway_entry(&self) -> Value {
        let port = self.listener().port();
        let labels = json!({"gateway.networking.k8s.io/gateway-name": GATEWAY});
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
            "metadata": {"name": "gateway", "namespace": self.scene.gateway},
            "spec": {
                "hosts": [self.gateway_host()],
                "ports": [{"number": port, "name": "http", "protocol": "HTTP"}],
                "resolution": "STATIC",
                "endpoints": [{"address": "127.0.0.1", "ports": {"http": port}, "labels": labels}],
            },
        })
    }

    /// Production's route.
    pub fn production_http_route(&self) -> Value {
        let all = json!([{"backendRefs": [self.backend(&self.production_host())]}]);
        self.production_http_routes("orders", json!(["orders.example.com"]), all)
    }

    /// An HTTPRoute of production's.
    pub fn production_http_routes(&self, name: &str, hosts: Value, rules: Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": self.scene.production},
            "spec": {
                "parentRefs": [{"name": GATEWAY, "namespace": self.scene.gateway}],
                "hostnames": hosts,
                "rules": rules,
            },
        })
    }

    /// A service that the mesh calls so, as an HTTPRoute refers to it.
    pub fn backend(&self, host: &str) -> Value {
        json!({"group": "networking.istio.io", "kind": "Hostname", "name": host, "port": 80})
    }
}
