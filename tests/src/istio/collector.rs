//! A collector of OpenTelemetry's logs: a receiver made of the protocol's own library. (The real
//! collector is a program of its own; what it gets from Envoy, this gets.)

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A running collector; it ends when dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    exports: Exports,
    task: JoinHandle<()>,
}

/// The exports as they came, each as OTLP has it in JSON.
#[derive(Debug, Clone, Default)]
struct Exports(Arc<Mutex<Vec<String>>>);

impl Collector {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        let address = listener.local_addr().expect("an address");
        let exports = Exports::default();
        let server = tonic::transport::Server::builder()
            .add_service(LogsServiceServer::new(exports.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(async move { server.await.expect("it serves") });
        Self {
            address,
            exports,
            task,
        }
    }

    /// What it has got so far, an export a line.
    pub fn file(&self) -> String {
        let exports = self
            .exports
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exports.join("\n")
    }

    /// The ServiceEntry by which the mesh finds it as `host`, on the usual port.
    pub fn entry(&self, namespace: &str, host: &str) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
            "metadata": {"name": "collector", "namespace": namespace},
            "spec": {
                "hosts": [host],
                "ports": [{"number": 4317, "name": "grpc", "protocol": "GRPC"}],
                "resolution": "STATIC",
                "endpoints": [{"address": "127.0.0.1", "ports": {"grpc": self.address.port()}}],
            },
        })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tonic::async_trait]
impl LogsService for Exports {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let export = serde_json::to_string(&request.into_inner());
        let export = export.map_err(|error| Status::internal(error.to_string()))?;
        let mut exports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exports.push(export);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
