//! `DrillGate`: an edge through which drills go.
// Each column of `kubectl get` has a type of its own, and clippy takes them for one attribute.
#![allow(clippy::duplicated_attributes)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::{Audit, DNS_NAME, GateKey, Module, Probe, ProtectedNamespace, is_default};
use super::{DrillGateStatus, Duration};
use crate::istio::{TargetRef, WorkloadSelector};

/// `name` or `namespace/name` of an Istio Gateway.
const GATEWAY_NAME: &str =
    "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// The longest name of a gate: the names of its objects and labels are made from it.
const MAX_NAME: &str = "size(self.metadata.name) <= 40 && !self.metadata.name.contains('.')";

/// An edge through which drills go: gateway pods, the keys that they verify with, and the drill
/// domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "drillgate.dev",
    version = "v1alpha1",
    kind = "DrillGate",
    namespaced,
    shortname = "dg",
    status = "DrillGateStatus",
    derive = "PartialEq",
    doc = "A DrillGate is an edge through which drills go: gateway pods that verify X-Drill-Context, the keys that they verify it with, and the domain under which drill hosts lie. It lives in the namespace of the gateway pods. What it changes at the gateway drains open connections there once, when it is made or edited; a Drill does not.",
    validation = Rule::new(MAX_NAME).message("a gate's name has at most 40 characters and no dot: the names of its objects are made from it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", description = "Whether drills can go through"),
    printcolumn(name = "Drills", type_ = "integer", json_path = ".status.activeDrills", description = "Drills that go through it"),
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.domain", description = "Drill hosts lie under it"),
    printcolumn(name = "Max-TTL", type_ = "string", json_path = ".spec.maxTtl", priority = 1, description = "The longest drill"),
    printcolumn(name = "Configuration", type_ = "integer", json_path = ".status.configurationGeneration", priority = 1, description = "Number of the filter's configuration"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1, description = "Why it is or is not ready"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("has(self.selector) != has(self.targetRefs)").message("set exactly one of selector and targetRefs"),
    validation = Rule::new("has(self.targetRefs) != has(self.gateways)").message("gateways are Istio's and go with selector: name them there, and none beside targetRefs")
)]
#[serde(rename_all = "camelCase")]
pub struct DrillGateSpec {
    /// The gateway pods, by their labels, in the gate's own namespace. It must be part of the
    /// selector of every Gateway in gateways: then no pod serves one of them without the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<WorkloadSelector>,

    /// The Gateways of the Gateway API that the drills go through, in the gate's own namespace.
    /// Instead of selector and gateways: the filter, the policy and the drills' routes, which are
    /// HTTPRoutes then, are bound to them. Their listeners must take hosts under the domain, and
    /// allow HTTPRoutes from the namespaces of drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub target_refs: Option<Vec<TargetRef>>,

    /// The Istio Gateways that the drills' routes are bound to: name, or namespace/name for one of
    /// another namespace. Required with selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(max = 127), regex(pattern = GATEWAY_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gateways: Vec<String>,

    /// The ports on which the gateway pods take HTTP, as the pods number them (8080, not the 80 of
    /// the Service). Required where a Gateway of these pods also has a server for TCP or for TLS
    /// that it passes through: there Istio reads only the port of a denying policy, and without
    /// one would deny every connection. Without ports the policy is for all ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        with = "Vec<i32>",
        length(max = 16),
        inner(range(min = 1, max = 65535))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ports: Vec<u16>,

    /// Drill hosts lie under this domain: a DNS name in lower case that nothing else uses. A server
    /// of the Gateways that takes requests for a drilled host must accept hosts under it, too: one
    /// for *.example.com does so for drill.example.com. DNS does not have to know it.
    #[serde(default = "default_domain")]
    #[schemars(length(min = 1, max = 128), regex(pattern = DNS_NAME))]
    pub domain: String,

    /// How many seconds the clock of whoever signs may be ahead of the gateway's.
    #[serde(default = "default_skew")]
    #[schemars(range(min = 0, max = 60))]
    pub skew_seconds: i32,

    /// For how many seconds a token counts after it was signed.
    #[serde(default = "default_max_age")]
    #[schemars(range(min = 1, max = 86400))]
    pub max_age_seconds: i32,

    /// The keys that tokens may be signed with. To replace one: add the new one, sign with it,
    /// remove the old one.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kid".into()]))]
    pub keys: Vec<GateKey>,

    /// The filter's wasm module.
    pub module: Module,

    /// The kind of object that brings the filter to the gateway.
    #[serde(default)]
    pub extension: Extension,

    /// Namespaces of production whose workloads refuse requests that carry the header: the last
    /// layer, should a request get past the gateway. It takes sidecars. Without any, a drill
    /// request that gets past the gateway is served like any other, and a Drill may name any
    /// namespace's services as its sandbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub protected_namespaces: Vec<ProtectedNamespace>,

    /// The hosts for which a Drill may have mode Owned: exact names. They stand in the gateway's
    /// policy, which a Drill must not change, since that would cut production's connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253), regex(pattern = DNS_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub owned_hosts: Vec<String>,

    /// The longest time that a Drill may be given, at most 24h.
    #[serde(default = "default_max_ttl")]
    #[x_kube(
        validation = Rule::new("duration(self) <= duration('24h')").message("must be at most 24h")
    )]
    pub max_ttl: Duration,

    /// What is recorded of each drill request, and where.
    #[serde(default, skip_serializing_if = "is_default")]
    #[x_kube(
        validation = Rule::new("!has(self.accessLogProvider) || !has(self.keepAccessLogProviders) || !(self.accessLogProvider in self.keepAccessLogProviders)").message("accessLogProvider logs drill requests alone, also where keepAccessLogProviders names it: give the drills a provider of their own")
    )]
    pub audit: Audit,

    /// How the controller asks the gateway itself which configuration it runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// The kind of object that brings the filter to the gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Extension {
    /// TrafficExtension where the cluster has it, WasmPlugin elsewhere.
    #[default]
    Auto,
    /// WasmPlugin: every Istio that is in support has it.
    WasmPlugin,
    /// TrafficExtension: the successor of WasmPlugin.
    TrafficExtension,
}

fn default_domain() -> String {
    "drill.internal".to_owned()
}

fn default_skew() -> i32 {
    30
}

fn default_max_age() -> i32 {
    3600
}

fn default_max_ttl() -> Duration {
    Duration::from_secs(3600)
}
