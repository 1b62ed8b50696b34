//! `Telemetry`: what is logged.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{TargetRef, WorkloadSelector};

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "telemetry.istio.io",
    version = "v1",
    kind = "Telemetry",
    plural = "telemetries",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "What is logged, as Istio knows it."
)]
#[serde(rename_all = "camelCase", default)]
pub struct TelemetrySpec {
    /// The pods that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<WorkloadSelector>,
    /// The gateways that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_refs: Option<Vec<TargetRef>>,
    /// Access logs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_logging: Vec<AccessLogging>,
}

/// An access log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessLogging {
    /// Where it goes.
    pub providers: Vec<ProviderRef>,
    /// What is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<AccessLogFilter>,
}

/// An extension provider of the mesh.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderRef {
    /// Its name.
    pub name: String,
}

/// What an access log keeps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessLogFilter {
    /// The requests for which this CEL expression holds.
    pub expression: String,
}
