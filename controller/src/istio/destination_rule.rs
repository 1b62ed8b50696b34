//! `DestinationRule`: how a service is called.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// How a service is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "networking.istio.io",
    version = "v1",
    kind = "DestinationRule",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    doc = "How a service is called, as Istio knows it."
)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRuleSpec {
    /// The service.
    pub host: String,
    /// The namespaces that see it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub export_to: Vec<String>,
    /// Limits and ejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_policy: Option<TrafficPolicy>,
}

/// Limits and ejection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficPolicy {
    /// The limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<ConnectionPool>,
    /// When an endpoint is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
}

/// The limits of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionPool {
    /// Of connections.
    pub tcp: TcpSettings,
    /// Of requests.
    pub http: HttpSettings,
}

/// Limits of connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpSettings {
    /// How many there may be.
    pub max_connections: i32,
}

/// Limits of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpSettings {
    /// How many may wait.
    pub http1_max_pending_requests: i32,
    /// How many may be in flight.
    pub http2_max_requests: i32,
}

/// When an endpoint is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierDetection {
    /// After how many 5xx in a row.
    pub consecutive5xx_errors: i32,
    /// How often it is looked at.
    pub interval: String,
    /// For how long, at first.
    pub base_ejection_time: String,
    /// How many of all, in percent.
    pub max_ejection_percent: i32,
}
