//! `DrillSchedule`: drills by the calendar.
// Each column of `kubectl get` has a type of its own, and clippy takes them for one attribute.
#![allow(clippy::duplicated_attributes)]

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::explained::explained;
use super::parts::is_default;
use super::{DrillSpec, ObjectRef};

/// Five fields, or one of the names; what is in a field the controller reads.
const SCHEDULE: &str = "self.matches('^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[-*?/,0-9A-Za-z]+([ \\\\t]+[-*?/,0-9A-Za-z]+){4})$')";

/// An IANA name, as far as its form shows.
const ZONE: &str = "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$";

/// The longest name: those of its drills, and their label, are made from it.
const MAX_NAME: &str = "size(self.metadata.name) <= 52 && !self.metadata.name.contains('.')";

/// What a drill says of its own fields, and what is no rule for a template.
const NO_CHANGE: &str = " It cannot be changed: make another Drill.";

/// Drills by the calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "drillgate.dev",
    version = "v1alpha1",
    kind = "DrillSchedule",
    namespaced,
    shortname = "dsched",
    status = "DrillScheduleStatus",
    derive = "PartialEq",
    doc = "A DrillSchedule makes a Drill from a template at times of the calendar, as a CronJob makes Jobs. The Drills belong to it and go with it.",
    validation = Rule::new(MAX_NAME).message("a schedule's name has at most 52 characters and no dot: the names of its drills are made from it"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule", description = "When drills are due"),
    printcolumn(name = "Zone", type_ = "string", json_path = ".spec.timeZone", description = "Whose clock that is; UTC if empty"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", description = "Whether drills are started at all"),
    printcolumn(name = "Active", type_ = "string", json_path = ".status.active[*].name", description = "A drill of it that is not over"),
    printcolumn(name = "Last", type_ = "date", json_path = ".status.lastScheduleTime", description = "How long ago the last drill was due that was started"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextScheduleTime", description = "When the next one is due"),
    printcolumn(name = "On-Time", type_ = "string", json_path = ".status.conditions[?(@.type==\"OnTime\")].status", priority = 1, description = "Whether the last run that was due was started"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct DrillScheduleSpec {
    /// When drills are due, as a CronJob says it: minute, hour, day of the month, month and day of
    /// the week (0 to 6, Sunday is 0), with names, lists, ranges and steps; or @yearly, @monthly,
    /// @weekly, @daily or @hourly. Where both kinds of day are restricted, either is enough. An hour
    /// that a change of the clocks skips has no runs, and one that comes twice has them twice.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new(SCHEDULE).message("must be five fields (minute, hour, day of the month, month, day of the week), such as 0 2 * * mon-fri, or one of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly; the zone belongs into timeZone"))]
    pub schedule: String,

    /// Whose clock the schedule means: an IANA name, such as Europe/Berlin. UTC if absent. The
    /// names and rules are those that the controller was built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = ZONE))]
    pub time_zone: Option<String>,

    /// What happens when a drill is due while one of an earlier run goes on. Forbid: the run is
    /// skipped, and not made up for. Replace: the earlier drill is ended. Allow: both are there,
    /// which works where they are about different hosts or environments; otherwise the later one
    /// begins when the earlier one is over. With Forbid and Replace, a drill that has not begun yet
    /// makes way for the new one.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,

    /// Whether no drills are started for now. Drills that are there go on. Runs that fall into this
    /// time are not missed, and not made up for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub suspend: bool,

    /// How many seconds late a drill may be started, when the controller was away. Any time if
    /// absent; of several runs that were missed only the newest is made up for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub starting_deadline_seconds: Option<i32>,

    /// How many drills that ended well are kept to be read: those that were ready, and whose required
    /// checks have passed.
    #[serde(default = "default_history")]
    #[schemars(range(min = 0, max = 100))]
    pub successful_drills_history_limit: i32,

    /// How many drills that failed are kept to be read, and of those that ended with required checks
    /// that failed or were not run. What failed over a weekend is all there on Monday, unless set.
    #[serde(default = "default_history")]
    #[schemars(range(min = 0, max = 100))]
    pub failed_drills_history_limit: i32,

    /// The drills.
    pub drill_template: DrillTemplate,
}

/// What happens when a drill is due while one of an earlier run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Both are there. About one host and environment, the later one waits for the earlier one.
    Allow,
    /// The run is skipped.
    #[default]
    Forbid,
    /// The earlier drill is ended.
    Replace,
}

/// What drills are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrillTemplate {
    /// Labels and annotations of the drills, besides those that drillgate gives them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: TemplateMetadata,

    /// What each drill is.
    pub spec: DrillSpec,
}

/// Labels and annotations of what is made from a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TemplateMetadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 32,
        "additionalProperties" = json!({"type": "string", "maxLength": 63}),
    ))]
    pub labels: BTreeMap<String, String>,

    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 32,
        "additionalProperties" = json!({"type": "string", "maxLength": 4096}),
    ))]
    pub annotations: BTreeMap<String, String>,
}

/// What became of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DrillScheduleStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Accepted: the schedule can be read. OnTime: the last run that was due was started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,

    /// Its drills that are not over, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub active: Vec<ObjectRef>,

    /// When the last drill was due that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,

    /// When the last drill ended that ended well, with all required checks passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,

    /// When the next drill is due. Each run from here on is started once, or reported as missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
}

fn default_history() -> i32 {
    3
}

/// The definition. What holds for a drill once it is made does not hold for a template.
pub(super) fn definition() -> CustomResourceDefinition {
    let mut crd = explained(DrillSchedule::crd());
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| {
        let validation = version.schema.as_mut()?;
        validation.open_api_v3_schema.as_mut()
    });
    schemas.for_each(loosen);
    crd
}

/// Takes out the rules that compare with what was before.
fn loosen(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace(NO_CHANGE, "");
    }
    if let Some(rules) = &mut schema.x_kubernetes_validations {
        rules.retain(|rule| !rule.rule.contains("oldSelf"));
        if rules.is_empty() {
            schema.x_kubernetes_validations = None;
        }
    }
    let properties = schema.properties.iter_mut().flatten();
    properties.for_each(|(_, property)| loosen(property));
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut schema.items {
        loosen(item);
    }
}
