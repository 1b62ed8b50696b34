//! What is known of one run of a drill: the input of every report.
//!
//! A record is data only. Whoever runs a drill fills it in; what cannot be found out stays
//! unknown, and is shown as that.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use crate::checks::outcome::Outcome;

/// The version of the record's form. It changes when a member changes its meaning or goes.
pub const VERSION: &str = "drillgate.dev/report/v1alpha1";

/// One run of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`VERSION`].
    pub version: String,
    /// Which drill.
    pub drill: DrillFacts,
    /// When the run began.
    #[serde(with = "crate::evidence::precise")]
    #[schemars(with = "Time")]
    pub started_at: Time,
    /// When it ended, everything taken away.
    #[serde(with = "crate::evidence::precise")]
    #[schemars(with = "Time")]
    pub ended_at: Time,
    /// What happened, in the order in which it did.
    pub timeline: Vec<Event>,
    /// What the checks came to, in their order.
    pub checks: Vec<Outcome>,
    /// What the negative controls came to: requests that the edge had to refuse.
    pub controls: Vec<Control>,
    /// Where the drill's requests went.
    pub ledger: Ledger,
    /// Recovery time and recovery point, against what was wanted.
    pub objectives: Vec<ObjectiveResult>,
    /// What was made in the cluster.
    pub objects: Vec<MadeObject>,
    /// What was still there at the end: nothing, if all is well.
    pub residue: Vec<String>,
    /// What this run did not test, in sentences.
    pub not_tested: Vec<String>,
    /// Versions of what took part, by name: `drillgate`, `istio`, `kubernetes`, `filter module`.
    pub versions: BTreeMap<String, String>,
    /// What went wrong beside the checks: the drill did not come up, was interrupted, ran out of
    /// time, or could not be taken away.
    pub errors: Vec<String>,
}

/// Which drill a run was of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrillFacts {
    /// Namespace and name.
    pub name: String,
    /// Its UUID: the subject of its tokens.
    pub id: String,
    /// What its tokens were signed for.
    pub environment: String,
    /// Namespace and name of its gate.
    pub gate: String,
    /// The hosts that it was about.
    pub hosts: Vec<String>,
    /// When the edge would have ended it by itself.
    #[serde(with = "crate::evidence::precise")]
    #[schemars(with = "Time")]
    pub expires_at: Time,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Which part of the run.
    pub stage: Stage,
    /// What was done, in a few words.
    pub what: String,
    /// When it began.
    #[serde(with = "crate::evidence::precise")]
    #[schemars(with = "Time")]
    pub started_at: Time,
    /// When it ended.
    #[serde(with = "crate::evidence::precise")]
    #[schemars(with = "Time")]
    pub ended_at: Time,
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The drill's objects are applied.
    Provision,
    /// The gateway takes them over.
    Programmed,
    /// Requests that must be refused.
    Controls,
    /// The drill's checks and commands.
    Checks,
    /// The drill's objects are taken away.
    Teardown,
    /// Requests that must be refused when the drill is over.
    Afterwards,
}

/// A request that the edge had to refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// What was wrong with it: `forged`, `expired`, `duplicated`.
    pub name: String,
    /// What had to come back.
    pub wanted: String,
    /// What came back.
    pub got: String,
    /// Whether that is the same.
    pub bites: bool,
}

/// An objective, and what was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveResult {
    /// `RTO` or `RPO`.
    pub name: String,
    /// What was wanted, in seconds; nothing if nothing was.
    pub wanted_seconds: Option<u64>,
    /// What was reached, in seconds; nothing if it could not be measured.
    pub reached_seconds: Option<u64>,
    /// How it was measured, or why it was not.
    pub how: String,
}

/// An object that the drill consisted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeObject {
    /// Its kind, namespace and name.
    pub object: String,
    /// The SHA-256 of what was applied, in hex.
    pub sha256: String,
}

impl Record {
    /// Why the drill has failed, a sentence for each reason; nothing if it has passed.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.errors.clone();
        let bad = self.checks.iter().filter(|check| check.fails_the_drill());
        failures.extend(bad.map(|check| format!("check {}: {}", check.name, check.message)));
        let toothless = self.controls.iter().filter(|control| !control.bites);
        failures.extend(toothless.map(|control| {
            format!(
                "control {}: the edge must answer {}, and answered {}: nothing that the checks have seen can be relied on",
                control.name, control.wanted, control.got
            )
        }));
        failures.extend(self.ledger.failures());
        failures.extend(self.objectives.iter().filter_map(ObjectiveResult::failure));
        let left = self.residue.iter();
        failures.extend(left.map(|object| format!("{object} is still there after the drill")));
        failures
    }

    /// Whether all that had to hold did.
    pub fn has_passed(&self) -> bool {
        self.failures().is_empty()
    }
}

impl ObjectiveResult {
    /// Why it was not met. What was wanted and could not be measured was not met.
    pub(super) fn failure(&self) -> Option<String> {
        let wanted = self.wanted_seconds?;
        match self.reached_seconds {
            Some(reached) if reached <= wanted => None,
            Some(reached) => Some(format!(
                "{}: {reached}s, and at most {wanted}s is wanted ({})",
                self.name, self.how
            )),
            None => Some(format!(
                "{}: at most {wanted}s is wanted, and it could not be measured: {}",
                self.name, self.how
            )),
        }
    }
}
