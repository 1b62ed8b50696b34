//! istiod.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use drillgate::lab::{Error, Request, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::control_plane::ControlPlane;
use crate::control_plane::process::Process;
use crate::control_plane::start::free_ports;
use crate::control_plane::tools::istio_tool;

/// The mesh's root namespace.
pub(super) const ROOT_NAMESPACE: &str = "istio-system";

/// How long a start may take on a busy machine.
pub(super) const START: Duration = Duration::from_secs(120);

/// Everything of istiod that a gateway on loopback has no use for, or that needs pods.
const ENVIRONMENT: [&str; 9] = [
    "POD_NAME=istiod-0",
    "POD_NAMESPACE=istio-system",
    "ENABLE_CA_SERVER=false",
    // Or else it gives no Secret to whoever comes without TLS.
    "XDS_AUTH_PLAINTEXT=true",
    "INJECTION_WEBHOOK_CONFIG_NAME=",
    "VALIDATION_WEBHOOK_CONFIG_NAME=",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false",
    // Filters that only Istio's own Envoy has.
    "PILOT_ENABLE_METADATA_EXCHANGE=false",
    "PILOT_ENABLE_ALPN_FILTER=false",
];

/// A running istiod; killed when dropped.
#[derive(Debug)]
pub struct Istiod {
    process: Option<Process>,
    folder: PathBuf,
    line: Vec<String>,
    http: u16,
    xds: u16,
    monitoring: u16,
}

impl Istiod {
    /// Starts an istiod for the cluster of `plane`, with its files in the folder of that.
    ///
    /// # Panics
    /// If it is not there, or not ready in time; then with the end of its log.
    pub async fn start(plane: &ControlPlane) -> Self {
        let folder = plane.folder().join("istiod");
        std::fs::create_dir_all(&folder).expect("make a folder");
        let [http, xds, https, monitoring] = free_ports();
        let mesh = folder.join("mesh.json");
        std::fs::write(&mesh, mesh_config(xds).to_string()).expect("write a file");
        let mut line = vec!["-i".to_owned(), format!("HOME={}", folder.display())];
        line.extend(ENVIRONMENT.map(str::to_owned));
        line.extend([
            istio_tool("pilot-discovery").display().to_string(),
            "discovery".to_owned(),
            format!("--kubeconfig={}", plane.kubeconfig().display()),
            format!("--meshConfig={}", mesh.display()),
            "--clusterID=Kubernetes".to_owned(),
            format!("--grpcAddr=127.0.0.1:{xds}"),
            "--secureGRPCAddr=".to_owned(),
            format!("--httpAddr=127.0.0.1:{http}"),
            format!("--httpsAddr=127.0.0.1:{https}"),
            format!("--monitoringAddr=127.0.0.1:{monitoring}"),
        ]);
        let mut istiod = Self {
            process: None,
            folder,
            line,
            http,
            xds,
            monitoring,
        };
        istiod.start_again().await;
        istiod
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same ports, unless it runs.
    ///
    /// # Panics
    /// If it is not ready in time.
    pub async fn start_again(&mut self) {
        if self.process.is_some() {
            return;
        }
        let log = self.folder.join("log");
        let process = Process::start(Path::new("/usr/bin/env"), &self.line, &log, None);
        let deadline = Instant::now() + START;
        while !self.ready().await {
            assert!(
                !process.has_ended() && Instant::now() < deadline,
                "istiod is not ready:\n{}",
                process.log_tail()
            );
            sleep(Duration::from_millis(50)).await;
        }
        self.process = Some(process);
    }

    /// What it answers to a GET of one of its `/debug` pages, which are JSON.
    ///
    /// # Panics
    /// If it does not answer with JSON.
    pub async fn debug(&self, page: &str) -> Value {
        let path = format!("/debug/{page}");
        let answer = self
            .get(self.http, &path)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| {
            panic!("{path}: {error}: {}", String::from_utf8_lossy(&answer.body))
        })
    }

    /// Its metrics, as Prometheus reads them.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn metrics(&self) -> String {
        let answer = self.get(self.monitoring, "/metrics").await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Its memory that is in RAM, in bytes.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resident_bytes(&self) -> u64 {
        self.process.as_ref().expect("it runs").resident_bytes()
    }

    /// The port from which gateways get their configuration, by gRPC.
    pub fn xds(&self) -> u16 {
        self.xds
    }

    async fn ready(&self) -> bool {
        let answer = self.get(self.http, "/ready").await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    async fn get(&self, port: u16, path: &str) -> Result<Response, Error> {
        let address = ([127, 0, 0, 1], port).into();
        Request::get("istiod", path).send(address).await
    }
}

/// The mesh's settings. Access logs of the providers lie in the folder of each gateway.
fn mesh_config(xds: u16) -> Value {
    let log = |name: &str, path: &str| {
        let format = json!({"text": "%REQ(:AUTHORITY)% %FILTER_STATE(wasm.drill_id:PLAIN)%\n"});
        json!({"name": name, "envoyFileAccessLog": {"path": path, "logFormat": format}})
    };
    let mut providers = vec![
        log("drills", "drills.log"),
        log("everything", "everything.log"),
    ];
    providers.extend(documented_providers());
    json!({
        "rootNamespace": ROOT_NAMESPACE,
        "ingressControllerMode": "OFF",
        // Or else every cluster waits for a certificate, and no gateway ever gets a listener.
        "enableAutoMtls": false,
        "defaultConfig": {
            "discoveryAddress": format!("127.0.0.1:{xds}"),
            "controlPlaneAuthPolicy": "NONE",
        },
        "extensionProviders": providers,
        "defaultProviders": {"accessLogging": ["everything"]},
    })
}

/// The providers that `docs/siem.md` shows, as they stand there; but a file in place of a terminal.
fn documented_providers() -> Vec<Value> {
    let page = include_str!("../../../docs/siem.md");
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix("yaml\nextensionProviders:\n"));
    let listed = blocks.flat_map(|block| {
        let block = block.replace("/dev/stdout", "audit.log");
        serde_saphyr::from_str::<Vec<Value>>(&block).expect("a list of providers")
    });
    listed.collect()
}
