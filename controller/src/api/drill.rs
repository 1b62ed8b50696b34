//! `Drill`: one drill through a gate.
// Each column of `kubectl get` has a type of its own, and clippy takes them for one attribute.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::{DNS_LABEL, DNS_NAME, is_default};
use super::{Check, Database, DrillStatus, Duration, Objectives, Phase};

/// Owned mode needs to know production, authority mode must not.
const PRODUCTION: &str = "self.routes.all(r, has(r.production) == (self.mode == 'Owned'))";

/// A drill: for a while, signed requests for these hosts reach the sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "drillgate.dev",
    version = "v1alpha1",
    kind = "Drill",
    namespaced,
    shortname = "drl",
    status = "DrillStatus",
    derive = "PartialEq",
    doc = "A Drill steers signed requests to a sandbox for a while. Requests that carry X-Drill-Context, signed with a key of the gate for this drill and its environment, reach the sandbox or get 503; all other requests notice nothing.",
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where it stands in its life"
    ),
    printcolumn(
        name = "Environment",
        type_ = "string",
        json_path = ".spec.environment",
        description = "What tokens must be signed for"
    ),
    printcolumn(
        name = "Gate",
        type_ = "string",
        json_path = ".spec.gateRef.name",
        description = "The edge that it goes through"
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".status.expiresAt",
        description = "When it ends"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether signed requests reach the sandbox"
    ),
    printcolumn(
        name = "Checks",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"ChecksPassed\")].status",
        description = "Whether its checks have passed"
    ),
    printcolumn(
        name = "Drill-ID",
        type_ = "string",
        json_path = ".status.drillId",
        priority = 1,
        description = "What a token names as its subject"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        priority = 1,
        description = "What a person should know"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[x_kube(
    validation = Rule::new(PRODUCTION).message("a route has production in mode Owned, and must not have it in mode Authority")
)]
#[serde(rename_all = "camelCase")]
pub struct DrillSpec {
    /// The gate that the drill goes through. It cannot be changed: make another Drill.
    #[x_kube(validation = Rule::new("self == oldSelf").message("cannot be changed: make another Drill"))]
    pub gate_ref: GateRef,

    /// The environment that tokens must be signed for (`drillgate sign --env`): a DNS label. It
    /// cannot be changed: make another Drill.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("cannot be changed: make another Drill"))]
    pub environment: String,

    /// How long the drill lasts from its beginning: 30m, 1h30m. The gate sets the longest. It may
    /// be changed while the drill runs; the drill's beginning stays.
    #[x_kube(validation = Rule::new("duration(self) <= duration('24h')").message("must be at most 24h"))]
    pub ttl: Duration,

    /// How its requests are told apart from production's. Authority: by a host of their own, which
    /// only the gateway knows, and production's routes stay untouched. Owned: inside a VirtualService
    /// that the drill brings for the host, with production's route in it: for hosts that have no
    /// other VirtualService on these Gateways, and only for as long as the drill lives. It cannot be
    /// changed: make another Drill.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("cannot be changed: make another Drill"))]
    pub mode: Mode,

    /// The hosts that the drill is about, and where their requests go.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["host".into()]))]
    pub routes: Vec<DrillRoute>,

    /// What protects the sandbox from the drill.
    #[serde(default, skip_serializing_if = "is_default")]
    pub circuit_breaker: CircuitBreaker,

    /// What the drill proves, in the order in which it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub checks: Vec<Check>,

    /// The databases that its checks look into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub databases: Vec<Database>,

    /// What the drill as a whole is held to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objectives: Objectives,
}

impl Drill {
    /// Where it stands in its life; nothing before the controller has seen it.
    pub fn phase(&self) -> Option<Phase> {
        self.status.as_ref().and_then(|status| status.phase)
    }

    /// Whether it has come to its end, well or not, and nothing of it is left.
    pub fn is_over(&self) -> bool {
        matches!(self.phase(), Some(Phase::Ended | Phase::Failed))
    }
}

/// A gate, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateRef {
    /// The gate's name.
    #[schemars(length(min = 1, max = 40), regex(pattern = DNS_LABEL))]
    pub name: String,

    /// The gate's namespace; the drill's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
}

/// How a drill's requests are told apart from production's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// By a host of their own, which only the gateway knows. Production's routes stay untouched.
    #[default]
    Authority,
    /// By a rule inside a VirtualService that the drill brings for the host, production's route
    /// included: for hosts that have no other VirtualService on these Gateways, and that the gate
    /// lists in ownedHosts. The host has that route for as long as the drill lives, and no longer.
    Owned,
}

/// A host, and where its drill requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrillRoute {
    /// The host that clients ask for, in lower case, without a port.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: String,

    /// The restored service. A name without dots is a Service of the drill's namespace.
    pub sandbox: Destination,

    /// The service that all other requests for the host go to. In mode Owned only, and required
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<Destination>,

    /// How long a drill request may take, retries included; then the client gets 503.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,

    /// When a drill request is tried again, at the sandbox only.
    #[serde(default)]
    pub retries: Retries,
}

/// A service and its port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// Its name: a Service of Kubernetes, or a host of a ServiceEntry.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: String,

    /// Its port.
    #[schemars(with = "i32", range(min = 1, max = 65535))]
    pub port: u16,
}

/// When a drill request is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retries {
    /// How often, after the first try; 0 for never.
    #[schemars(range(min = 0, max = 10))]
    pub attempts: i32,

    /// How long one try may take.
    pub per_try_timeout: Duration,

    /// On what, in Envoy's words: 5xx, reset, connect-failure and others, joined by commas.
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*(,[a-z0-9]+(-[a-z0-9]+)*)*$")
    )]
    pub retry_on: String,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries {
            attempts: 2,
            per_try_timeout: Duration::from_secs(10),
            retry_on: "5xx".to_owned(),
        }
    }
}

/// What protects a sandbox, which is smaller than production, from the drill. Past these limits a
/// drill request gets 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// Connections of each gateway pod to the sandbox.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: i32,

    /// Requests that wait for a connection.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_pending_requests: i32,

    /// Requests in flight.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_requests: i32,

    /// After how many 5xx in a row an endpoint is left out; 0 for never.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub consecutive5xx_errors: i32,

    /// How often endpoints are looked at.
    pub interval: Duration,

    /// For how long an endpoint is left out, at first.
    pub base_ejection_time: Duration,

    /// How much of the endpoints may be left out, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub max_ejection_percent: i32,
}

impl Default for CircuitBreaker {
    fn default() -> CircuitBreaker {
        CircuitBreaker {
            max_connections: 100,
            max_pending_requests: 100,
            max_requests: 200,
            consecutive5xx_errors: 10,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_percent: 100,
        }
    }
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}
