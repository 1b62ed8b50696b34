//! What the controller tells about a gate and a drill.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::outcome::Verdict;

/// What became of a gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DrillGateStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Accepted, KeysResolved, HostsAccepted, Programmed, EdgeProgrammed and, when all of these
    /// hold, Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// How many drills go through this gate: those with a resource from Programming to Ending, and
    /// those of pipelines that have none. That there are any is told at once, another number within
    /// 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_drills: Option<i32>,

    /// The number of the filter's configuration that was applied last. The filter tells the number
    /// that it runs with in its metrics, its audit records and its answer to a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_generation: Option<i64>,

    /// The objects that the gate consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub objects: Vec<ObjectRef>,
}

/// What became of a drill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DrillStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Where the drill stands in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// The drill's UUID: what a token names as its subject (`drillgate sign --drill`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub drill_id: Option<String>,

    /// When the drill began: its ttl counts from then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When the drill first became Active. One that never did has Failed at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Time>,

    /// When the drill ends. The edge ends it then by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,

    /// When the drill ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,

    /// Accepted, RoutesProgrammed, EdgeProgrammed and, when all of these hold, Ready. ChecksPassed
    /// if the drill has checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// What the drill's checks came to, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub checks: Vec<CheckStatus>,

    /// The objects that the drill consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub objects: Vec<ObjectRef>,

    /// What a person should know, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckStatus {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// Whether it holds.
    pub verdict: Verdict,

    /// What a person should know, in one sentence.
    #[schemars(length(max = 1024))]
    pub message: String,

    /// How often it was tried.
    #[schemars(range(min = 0))]
    pub tries: i32,

    /// When the last try ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// Where a drill stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Nothing has been made yet, or the drill was refused: the condition Accepted says why.
    Pending,
    /// Its routes are on their way to the gateway.
    Programming,
    /// Signed requests reach the sandbox.
    Active,
    /// Its routes are being taken away.
    Ending,
    /// It is over, and nothing of it is left.
    Ended,
    /// It could not be brought up, and nothing of it is left.
    Failed,
}

/// An object that belongs to a gate or a drill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Its API group and version.
    #[schemars(length(max = 253))]
    pub api_version: String,

    /// Its kind.
    #[schemars(length(max = 63))]
    pub kind: String,

    /// Its namespace.
    #[schemars(length(max = 63))]
    pub namespace: String,

    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
}
