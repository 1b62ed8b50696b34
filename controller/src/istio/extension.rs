//! `WasmPlugin` and `TrafficExtension`: a wasm module in the gateway.

use kube::CustomResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TargetRef, WorkloadSelector};

/// A wasm module in the gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "extensions.istio.io",
    version = "v1alpha1",
    kind = "WasmPlugin",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "A wasm module in the gateway, as Istio knows it."
)]
#[serde(rename_all = "camelCase", default)]
pub struct WasmPluginSpec {
    /// Where it goes.
    #[serde(flatten)]
    pub placement: Placement,
    /// The module.
    #[serde(flatten)]
    pub wasm: WasmConfig,
}

/// An extension of the gateway, here by a wasm module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "extensions.istio.io",
    version = "v1alpha1",
    kind = "TrafficExtension",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "An extension of the gateway, as Istio knows it."
)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficExtensionSpec {
    /// Where it goes.
    #[serde(flatten)]
    pub placement: Placement,
    /// The module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasm: Option<WasmConfig>,
}

/// Which proxies a module is for, and where in them it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Placement {
    /// The pods that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<WorkloadSelector>,
    /// The gateways that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_refs: Option<Vec<TargetRef>>,
    /// Where in the chain of filters it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<PluginPhase>,
    /// Its place among those of the same phase: the highest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

/// A wasm module and its configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WasmConfig {
    /// Where it is fetched from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Its checksum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When it is fetched anew: `IfNotPresent` or `Always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// The pull secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
    /// The filter's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_name: Option<String>,
    /// What the module is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_config: Option<Value>,
    /// What happens when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_strategy: Option<FailStrategy>,
}

/// A place in the chain of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PluginPhase {
    /// Before Istio's own authentication, and so before its authorization.
    Authn,
    /// Before Istio's authorization.
    Authz,
    /// Before Istio's statistics.
    Stats,
    /// At the end.
    UnspecifiedPhase,
}

/// What happens to requests when the module fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailStrategy {
    /// All are refused.
    FailClose,
    /// They pass it by.
    FailOpen,
    /// The module is loaded anew.
    FailReload,
}
