//! Stages whose gateway takes HTTPS, with a certificate that istiod hands it from a Secret (SDS).

use axum::Router;
use drillgate::lab::Protocol;
use serde_json::{Value, json};

use super::bridge::TlsBridge;
use super::certificates::Certificates;
use super::gateway::Settings;
use super::mesh::Mesh;
use super::stage::Stage;

/// The drilled host.
const HOST: &str = "orders.example.com";

/// The name of the Secret with its certificate.
pub(super) const CERTIFICATE: &str = "edge-tls";

impl Stage {
    /// As [`Stage::set_with`], where the one server of the Gateway takes HTTPS.
    ///
    /// # Panics
    /// As [`Stage::set`].
    pub async fn set_by_credential(mesh: &Mesh, routers: [Router; 2]) -> Self {
        let mut stage = Self::bare(mesh, routers, Settings::default()).await;
        stage.go_by_tls().await;
        let mut gateway = stage.istio_gateway(json!(["*"]));
        let server = &mut gateway["spec"]["servers"][0];
        server["port"]["name"] = json!("https");
        server["port"]["protocol"] = json!("HTTPS");
        server["tls"] = json!({"mode": "SIMPLE", "credentialName": CERTIFICATE});
        stage.serve_by(gateway).await;
        stage
    }

    /// From now on, clients speak TLS, ask for the drilled host in the handshake, and trust the
    /// certificate that the Secret has.
    ///
    /// # Panics
    /// If no port can be bound, or the Secret is refused.
    pub(super) async fn go_by_tls(&mut self) {
        let listener = self.listener();
        self.tls = Some(TlsBridge::start(listener, HOST, Protocol::Http1).await);
        self.scene
            .apply(self.certificate(Certificates::shared()))
            .await;
    }

    /// Whether clients speak TLS.
    pub fn is_by_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The Secret with the gateway's certificate: the drilled host's of these.
    ///
    /// # Panics
    /// If their files cannot be read.
    pub fn certificate(&self, certificates: &Certificates) -> Value {
        let [certificate, key] = certificates.of(HOST);
        let read = |path| std::fs::read_to_string(path).expect("read a file");
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": CERTIFICATE, "namespace": self.scene.gateway},
            "stringData": {"tls.crt": read(certificate), "tls.key": read(key)},
        })
    }
}
