//! What an object of Istio applies to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pods, by their labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSelector {
    /// The labels that a pod must have, all of them.
    #[schemars(schema_with = "labels")]
    pub match_labels: BTreeMap<String, String>,
}

/// A gateway, by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRef {
    /// The API group: gateway.networking.k8s.io.
    #[schemars(length(max = 253))]
    pub group: String,

    /// The kind: Gateway.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,

    /// The name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// At least one label, so that a selector never stands for every pod of a namespace.
fn labels(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": { "type": "string", "maxLength": 63 },
    })
}
