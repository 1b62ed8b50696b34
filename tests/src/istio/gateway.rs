//! An ingress gateway: pilot-agent and the Envoy that it starts.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use drillgate::lab::{Admin, Request, Stats};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::clock::shifted;
use super::istiod::{Istiod, START};
use crate::control_plane::process::Process;
use crate::control_plane::start::free_ports;
use crate::control_plane::tools::istio_tool;
use crate::harness::envoy;

/// For how long Envoy lets connections of a listener be that it takes out of use. Istio's own
/// default is 45 s; a test that waits for the end of a connection need not wait as long. Long enough
/// for a client on a busy machine to see in time that it is to leave.
const DRAIN: &str = "10s";

/// What is looked at of Envoy's counters, beside what Istio shows anyway.
const SHOWN: [&str; 2] = [
    ".*outlier_detection\\.ejections_active",
    ".*upstream_rq_pending_overflow",
];

/// What is special about a gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// The Gateway of the Gateway API whose pod it is. Istio labels those that it starts itself; its
    /// policies look for that.
    pub gateway: Option<&'static str>,
    /// By how many seconds its clock is ahead.
    pub clock_ahead: i64,
    /// A variable of its environment, and the value.
    pub variable: Option<(&'static str, &'static str)>,
}

/// A running gateway; both of its processes are killed when it is dropped.
#[derive(Debug)]
pub struct IngressGateway {
    process: Process,
    folder: TempDir,
    name: String,
    admin: Admin,
    status: SocketAddr,
}

impl IngressGateway {
    /// Starts a gateway of `istiod`'s mesh, called as its namespace. It serves the Gateways that
    /// select `istio: <name>`. By `token` istiod knows whose it is.
    ///
    /// # Panics
    /// If it is not there.
    pub(super) fn start(istiod: &Istiod, name: &str, token: &str, special: Settings) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("drillgate-gateway-")
            .tempdir()
            .expect("make a folder");
        let mut labels = format!("istio=\"{name}\"\n");
        if let Some(gateway) = special.gateway {
            labels += &format!("gateway.networking.k8s.io/gateway-name=\"{gateway}\"\n");
        }
        lay_out(folder.path(), &labels, token);
        let [admin, status, health, metrics] = free_ports();
        let settings = json!({
            "binaryPath": envoy().binary,
            "discoveryAddress": format!("127.0.0.1:{}", istiod.xds()),
            "controlPlaneAuthPolicy": "NONE",
            "proxyAdminPort": admin,
            "statusPort": status,
            "concurrency": 1,
            "drainDuration": DRAIN,
            "fileFlushInterval": "0.05s",
            // Of what Envoy counts, Istio shows little unless asked.
            "proxyStatsMatcher": {"inclusionRegexps": SHOWN},
        });
        let mut line = vec![
            "-i".to_owned(),
            format!("--chdir={}", folder.path().display()),
            format!("HOME={}", folder.path().display()),
            "INSTANCE_IP=127.0.0.1".to_owned(),
            format!("POD_NAME={name}"),
            format!("POD_NAMESPACE={name}"),
            "ISTIO_META_CLUSTER_ID=Kubernetes".to_owned(),
            format!("CA_ADDR=127.0.0.1:{}", istiod.xds()),
            "PEER_METADATA_DISCOVERY=false".to_owned(),
            "FILE_MOUNTED_CERTS=true".to_owned(),
            format!("ENVOY_STATUS_PORT={health}"),
            format!("ENVOY_PROMETHEUS_PORT={metrics}"),
            format!("PROXY_CONFIG={settings}"),
        ];
        let variable = special.variable;
        line.extend(variable.map(|(name, value)| format!("{name}={value}")));
        if special.clock_ahead != 0 {
            line.extend(shifted(special.clock_ahead));
        }
        line.extend([
            istio_tool("pilot-agent").display().to_string(),
            "proxy".to_owned(),
            "router".to_owned(),
            format!("--domain={name}.svc.cluster.local"),
        ]);
        let log = folder.path().join("log");
        Self {
            process: Process::start(Path::new("/usr/bin/env"), &line, &log, Some(folder.path())),
            folder,
            name: format!("{name}.{name}"),
            admin: Admin::new(([127, 0, 0, 1], admin).into()),
            status: ([127, 0, 0, 1], status).into(),
        }
    }

    /// Waits until it calls itself ready, as the kubelet does.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn ready(&self) {
        assert!(
            self.is_ready_within(START).await,
            "the gateway is not ready:\n{}",
            self.process.log_tail()
        );
    }

    /// Whether it becomes so in this time.
    pub(super) async fn is_ready_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let probe = Request::get("agent", "/healthz/ready");
        loop {
            let answer = probe.send(self.status).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return true;
            }
            if self.process.has_ended() || Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills the agent and leaves Envoy alone.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill_agent(&self) {
        self.process.signal("KILL");
    }

    /// What istiod calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Envoy's admin interface.
    pub fn admin(&self) -> Admin {
        self.admin
    }

    /// What both have logged.
    pub fn log(&self) -> String {
        self.file("log")
    }

    /// A file of its folder, such as an access log.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Where a file of its folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that Envoy counts about its listeners: equal before and after a change that
    /// touched none. What still drains since an earlier change ends by itself, and is left out.
    ///
    /// # Panics
    /// If Envoy does not answer.
    pub async fn listeners(&self) -> Stats {
        let stats = self.admin.stats("^listener_manager\\.").await;
        let mut stats = stats.unwrap_or_else(|error| panic!("{error}"));
        // It counts the looks at the listeners, too.
        stats.retain(|name, _| !name.contains(".lds.") && !name.ends_with("_draining"));
        stats
    }

    /// What the clusters for `host` count by this name, all together.
    ///
    /// # Panics
    /// If Envoy does not answer.
    pub async fn counted(&self, host: &str, name: &str) -> u64 {
        let stats = self.admin.stats(&format!("\\.{name}$")).await;
        let stats = stats.unwrap_or_else(|error| panic!("{error}"));
        let of_host = stats.iter().filter(|(name, _)| name.contains(host));
        of_host.map(|(_, count)| count).sum()
    }

    /// Envoy's memory that is in RAM, in bytes.
    ///
    /// # Panics
    /// If Envoy does not run.
    pub fn envoy_resident_bytes(&self) -> u64 {
        self.process.child_resident_bytes()
    }

    /// The process id of Envoy.
    pub fn envoy_id(&self) -> u32 {
        self.process.child_id()
    }

    /// The virtual hosts of Envoy's routes that serve `domain`, as they are.
    ///
    /// # Panics
    /// If Envoy does not answer.
    pub async fn virtual_hosts(&self, domain: &str) -> Vec<Value> {
        let dump = self.admin.config_dump().await;
        let dump = dump.unwrap_or_else(|error| panic!("{error}"));
        let mut found = Vec::new();
        for part in dump["configs"].as_array().into_iter().flatten() {
            for routes in part["dynamic_route_configs"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let hosts = routes["route_config"]["virtual_hosts"].as_array();
                let serves = |host: &&Value| {
                    let domains = host["domains"].as_array().into_iter().flatten();
                    domains.into_iter().any(|name| name == domain)
                };
                found.extend(hosts.into_iter().flatten().filter(serves).cloned());
            }
        }
        found
    }

    /// Envoy's configuration of the one cluster for `host` and `port`; nothing if it has none.
    ///
    /// # Panics
    /// If Envoy does not answer.
    pub async fn cluster(&self, host: &str, port: u16) -> Option<Value> {
        let dump = self.admin.config_dump().await;
        let dump = dump.unwrap_or_else(|error| panic!("{error}"));
        let parts = dump["configs"].as_array()?.iter();
        let mut clusters = parts
            .filter_map(|part| part["dynamic_active_clusters"].as_array())
            .flatten();
        let name = format!("outbound|{port}||{host}");
        let found = clusters.find(|cluster| cluster["cluster"]["name"] == name)?;
        Some(found["cluster"].clone())
    }
}

/// What pilot-agent expects of the pod's image and volumes.
fn lay_out(folder: &Path, labels: &str, token: &str) {
    for path in [
        "etc/istio/proxy",
        "etc/istio/pod",
        "var/lib/istio/envoy",
        "var/lib/istio/data",
        "var/run/secrets/workload-spiffe-uds",
        "var/run/secrets/tokens",
    ] {
        fs::create_dir_all(folder.join(path)).expect("make a folder");
    }
    for (path, text) in [
        ("etc/istio/pod/labels", labels),
        ("var/run/secrets/tokens/istio-token", token),
    ] {
        fs::write(folder.join(path), text).expect("write a file");
    }
    let template = folder.join("var/lib/istio/envoy/envoy_bootstrap_tmpl.json");
    fs::copy(istio_tool("envoy_bootstrap.json"), template).expect("copy a file");
}
