//! The description of an edge: plain data, no Envoy in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::listener::drill_fields;

/// The signed header that marks a drill request, in lower case.
pub const CONTEXT_HEADER: &str = "x-drill-context";

/// The header by which the filter steers to hosts of the `owned` mode, in lower case.
pub const ROUTE_HEADER: &str = "x-drill-route";

/// Everything that the gateway is told.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The drill domain: drill hosts are `<host>.<route-key>.<domain>`.
    pub domain: String,
    /// Whether the native guard stands behind the filter.
    pub guard: bool,
    /// What runs in the place of the drill filter.
    pub filter: Filter,
    /// The access log of requests that carried a drill context: field names and Envoy's format
    /// strings, one JSON line a request; none if absent.
    pub access_log: Option<BTreeMap<String, String>>,
    /// How much of headers a request may have; Envoy's own limits, 60 KiB and 100 headers, if
    /// absent.
    pub headers: Option<HeaderLimits>,
    /// The production cluster: it serves every host that nothing else claims.
    pub production: Cluster,
    /// The clusters that drills name.
    pub sandboxes: Vec<Cluster>,
    /// The active drills.
    pub drills: Vec<Drill>,
    /// Hosts in `owned` mode, in lower case: a drill for one of them is steered by
    /// [`ROUTE_HEADER`] inside the host's own virtual host. The guard, and so the listener,
    /// names them: a change here drains the listener's connections.
    pub owned: Vec<String>,
}

impl Edge {
    /// An edge without drills: domain `drill.internal`, guard on, no filter, production at
    /// `production`.
    pub fn new(production: SocketAddr) -> Self {
        Self {
            domain: "drill.internal".to_owned(),
            guard: true,
            filter: Filter::AllowAll,
            access_log: Some(drill_fields()),
            headers: None,
            production: Cluster::new("production", [production]),
            sandboxes: Vec::new(),
            drills: Vec::new(),
            owned: Vec::new(),
        }
    }

    /// Whether `host` is in `owned` mode.
    pub(super) fn owns(&self, host: &str) -> bool {
        self.owned
            .iter()
            .any(|owned| owned.eq_ignore_ascii_case(host))
    }
}

/// How much of headers a request may have.
#[derive(Debug, Clone, Copy)]
pub struct HeaderLimits {
    /// All of them together, in KiB.
    pub kib: u32,
    /// How many there may be.
    pub count: u32,
}

/// What Envoy runs in the place of the drill filter.
#[derive(Debug, Clone)]
pub enum Filter {
    /// A native filter that lets all pass: what Istio's agent puts in place of a module that it
    /// could not fetch under FAIL_OPEN.
    AllowAll,
    /// The wasm module.
    Module(Module),
    /// A filter of Envoy's own, by its typed configuration: something to compare the module with.
    Native(Value),
    /// None at all: what Envoy is without any of this.
    Absent,
}

/// A wasm module and its configuration.
#[derive(Debug, Clone)]
pub struct Module {
    /// The module's file.
    pub path: PathBuf,
    /// The plugin configuration, handed to the module as JSON text.
    pub configuration: Value,
    /// What happens to requests after the module trapped.
    pub failure_policy: FailurePolicy,
    /// Environment variables of the module's VM.
    pub environment: BTreeMap<String, String>,
}

impl Module {
    /// The module at `path` with `configuration`, FAIL_OPEN and no environment.
    pub fn new(path: impl Into<PathBuf>, configuration: Value) -> Self {
        Self {
            path: path.into(),
            configuration,
            failure_policy: FailurePolicy::default(),
            environment: BTreeMap::new(),
        }
    }
}

/// Envoy's `failure_policy` of a wasm filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// Later requests bypass the filter.
    #[default]
    FailOpen,
    /// Later requests get 503.
    FailClosed,
    /// The module is loaded anew.
    FailReload,
}

impl FailurePolicy {
    /// Envoy's name of the policy.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::FailOpen => "FAIL_OPEN",
            Self::FailClosed => "FAIL_CLOSED",
            Self::FailReload => "FAIL_RELOAD",
        }
    }
}

/// One drill: hosts steered to a sandbox.
#[derive(Debug, Clone)]
pub struct Drill {
    /// The secret label of the drill's hosts (and the value of [`ROUTE_HEADER`] in `owned` mode).
    pub route_key: String,
    /// The hosts that the drill covers, in lower case, without port.
    pub hosts: Vec<String>,
    /// The only paths that the drill covers, by their common prefix, with no route for the rest:
    /// Envoy answers 404 there. A Gateway API HTTPRoute is like that, which knows no rule for a
    /// fixed answer. If absent, the drill covers all paths, and a last route answers 503 to what
    /// no other takes. In `owned` mode nothing but the prefix changes.
    pub only_under: Option<String>,
    /// The name of the cluster that serves the drill.
    pub cluster: String,
    /// The time limit of a whole request, retries included.
    pub timeout: Duration,
    /// When a request is tried again.
    pub retries: Retries,
}

impl Drill {
    /// A drill of one host and all its paths: 30 s a request, 2 retries of 10 s each.
    pub fn new(
        route_key: impl Into<String>,
        host: impl Into<String>,
        cluster: impl Into<String>,
    ) -> Self {
        Self {
            route_key: route_key.into(),
            hosts: vec![host.into()],
            only_under: None,
            cluster: cluster.into(),
            timeout: Duration::from_secs(30),
            retries: Retries {
                attempts: 2,
                per_try: Duration::from_secs(10),
            },
        }
    }
}

/// Retries on a 5xx, on a reset and on a try that took too long.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often a request is tried again after its first try.
    pub attempts: u32,
    /// The time limit of one try.
    pub per_try: Duration,
}

/// A cluster with fixed endpoints.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name, which drills refer to.
    pub name: String,
    /// Its endpoints; none is a cluster that answers `no healthy upstream`.
    pub endpoints: Vec<SocketAddr>,
    /// The time limit of a TCP (and TLS) handshake.
    pub connect_timeout: Duration,
    /// Circuit breaker.
    pub limits: Limits,
    /// Eject an endpoint after so many 5xx in a row; never if absent.
    pub eject_after: Option<u32>,
    /// Whether Envoy speaks TLS to the endpoints.
    pub tls: bool,
}

impl Cluster {
    /// A cluster that connects within 5 s, without limits, ejection or TLS.
    pub fn new(name: impl Into<String>, endpoints: impl Into<Vec<SocketAddr>>) -> Self {
        Self {
            name: name.into(),
            endpoints: endpoints.into(),
            connect_timeout: Duration::from_secs(5),
            limits: Limits::default(),
            eject_after: None,
            tls: false,
        }
    }
}

/// Circuit breaker limits of a cluster; past them Envoy answers `overflow`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections to all endpoints.
    pub connections: u32,
    /// Requests that wait for a connection.
    pub pending_requests: u32,
    /// Requests in flight.
    pub requests: u32,
    /// Retries in flight.
    pub retries: u32,
}

impl Default for Limits {
    /// No limits, which is also Istio's default.
    fn default() -> Self {
        Self {
            connections: u32::MAX,
            pending_requests: u32::MAX,
            requests: u32::MAX,
            retries: u32::MAX,
        }
    }
}

/// A duration as protobuf's JSON form writes it.
pub(super) fn proto_duration(duration: Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}
