//! What an object of Istio applies to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gateway_api::{GATEWAY, GROUP};

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
    #[serde(default = "default_group")]
    #[schemars(extend("enum" = [GROUP]))]
    pub group: String,

    /// The kind: Gateway.
    #[serde(default = "default_kind")]
    #[schemars(extend("enum" = [GATEWAY]))]
    pub kind: String,

    /// The name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

fn default_group() -> String {
    GROUP.to_owned()
}

fn default_kind() -> String {
    GATEWAY.to_owned()
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
