//! `GRPCRoute`: which host's calls lead where. It is read alone: what is made is an HTTPRoute.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{BackendRef, ParentRef};

/// Routes of hosts' calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "GRPCRoute",
    root = "GrpcRoute",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "Routes of hosts' calls, as the Gateway API knows them."
)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRouteSpec {
    /// What it is bound to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parent_refs: Vec<ParentRef>,
    /// The hosts; all that the listeners take where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,
    /// The rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<GrpcRouteRule>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRouteRule {
    /// Where it leads; to an error where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backend_refs: Vec<BackendRef>,
}
