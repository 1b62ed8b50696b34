//! OpenTelemetry's collector, as `make collector` builds it, with the settings of `docs/siem.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::control_plane::process::Process;
use crate::control_plane::start::free_ports;
use crate::control_plane::tools::collector_tool;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The file that it writes, in its folder.
const FILE: &str = "drill-audit.json";

/// A running collector; killed when dropped.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Collector {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If it is not there, or not ready in time; then with the end of its log.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("drillgate-collector-")
            .tempdir()
            .expect("make a folder");
        let [port] = free_ports();
        let settings = [
            ("documented.yaml", documented()),
            ("here.yaml", here(port, &folder.path().join(FILE))),
        ];
        let line = settings.map(|(name, settings)| {
            let path = folder.path().join(name);
            fs::write(&path, settings).expect("write a file");
            format!("--config=file:{}", path.display())
        });
        let (binary, log) = (collector_tool("otelcol"), folder.path().join("log"));
        let collector = Self {
            process: Process::start(&binary, &line, &log, Some(folder.path())),
            folder,
            port,
        };
        collector.ready().await;
        collector
    }

    async fn ready(&self) {
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(
                !self.process.has_ended() && Instant::now() < deadline,
                "the collector is not ready:\n{}",
                self.process.log_tail()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The file that it writes.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// What it has written so far, an export a line.
    pub fn file(&self) -> String {
        fs::read_to_string(self.path()).unwrap_or_default()
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
                "endpoints": [{"address": "127.0.0.1", "ports": {"grpc": self.port}}],
            },
        })
    }
}

/// The settings that `docs/siem.md` shows, as they stand there.
fn documented() -> String {
    let page = include_str!("../../../docs/siem.md");
    let mut blocks = page.split("```").skip(1).step_by(2);
    let settings = blocks.find_map(|block| {
        let settings = block.strip_prefix("yaml\n")?;
        settings.starts_with("receivers:\n").then_some(settings)
    });
    settings.expect("a collector's settings").to_owned()
}

/// What is another one here: the port, the file, and no metrics of its own on a port that all have.
fn here(port: u16, file: &Path) -> String {
    let settings = json!({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": format!("127.0.0.1:{port}")}}}},
        "exporters": {"file": {"path": file}},
        "service": {"telemetry": {"metrics": {"level": "none"}}},
    });
    settings.to_string()
}
