//! The record of a run, as it goes on.

use std::error::Error;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::super::output;
use super::NOT_PROVEN;
use crate::checks::outcome::Outcome;
use crate::evidence::ledger::Sides;
use crate::evidence::record::{Control, DrillFacts, Record, Stage};
use crate::evidence::recorder::Recorder;
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;
use crate::proxy::Counts;
use crate::reconcile::{named, stamped};
use crate::resources::metadata::full_name;

/// The record, and what it is measured from.
pub(super) struct Recording {
    recorder: Recorder,
    counts: Vec<Counts>,
    recovery: Time,
}

impl Recording {
    /// Of a run that began then; the recovery that it is part of may have begun before.
    pub(super) fn new(
        plan: &Plan,
        began: Time,
        recovery: Option<i64>,
    ) -> Result<Recording, Box<dyn Error>> {
        let recovery = match recovery {
            Some(seconds) if seconds > began.0.as_second() => {
                return Err("--recovery-started lies in the future: a recovery that a drill measures has begun".into());
            }
            Some(seconds) => Time(Timestamp::from_second(seconds)?),
            None => began.clone(),
        };
        let facts = DrillFacts {
            name: full_name(&plan.drill),
            id: plan.id.to_string(),
            environment: plan.drill.spec.environment.clone(),
            gate: full_name(&plan.gate),
            hosts: plan.hosts(),
            expires_at: plan.expires_at.clone(),
        };
        let mut recorder = Recorder::new(facts, began);
        recorder.version("filter module", &plan.gate.spec.module.url);
        for object in plan.objects.whole() {
            recorder.made(named(&object.reference()), &stamped(object));
        }
        let entry = serde_json::to_value(&plan.objects.activation)?;
        let filter = named(&plan.filter());
        recorder.made(format!("the drill's entry in {filter}"), &entry);
        Ok(Recording {
            recorder,
            counts: Vec::new(),
            recovery,
        })
    }

    /// When the recovery began that is measured.
    pub(super) fn recovery(&self) -> Timestamp {
        self.recovery.0
    }

    /// Something has just ended that began then.
    pub(super) fn since(&mut self, stage: Stage, what: &str, began: Time) {
        self.recorder.happened(stage, what, began, now());
    }

    /// Requests were counted.
    pub(super) fn counted(&mut self, counts: &Counts) {
        self.counts.push(counts.clone());
    }

    /// The checks came to this.
    pub(super) fn checked(&mut self, outcomes: &[Outcome]) {
        self.recorder.checks(outcomes);
    }

    /// This went wrong beside the checks.
    pub(super) fn failed(&mut self, what: String) {
        self.recorder.error(what);
    }

    /// This is still there.
    pub(super) fn left(&mut self, objects: &[String]) {
        self.recorder.left(objects.iter().cloned());
    }

    /// Holds the run against the drill's objectives: one that has gone well and missed one has
    /// failed.
    pub(super) fn measured(
        &mut self,
        plan: &Plan,
        outcome: Result<u8, Box<dyn Error>>,
    ) -> Result<u8, Box<dyn Error>> {
        self.recorder
            .measure(&plan.drill.spec.objectives, &self.recovery);
        let missed = self.recorder.missed();
        for sentence in &missed {
            let error: Box<dyn Error> = sentence.as_str().into();
            output::error(error.as_ref());
        }
        outcome.map(|code| match code {
            0 if !missed.is_empty() => NOT_PROVEN,
            code => code,
        })
    }

    /// Controls came to this.
    pub(super) fn controls(&mut self, controls: &[Control]) {
        self.recorder.controls(controls);
    }

    /// How many answers of the sandbox the clients have seen.
    pub(super) fn routed(&self) -> u64 {
        self.counts.iter().map(|counts| counts.routed).sum()
    }

    /// The whole record, with what the others have counted.
    pub(super) fn end(mut self, errors: Vec<String>, others: Sides) -> Record {
        errors
            .into_iter()
            .for_each(|error| self.recorder.error(error));
        self.recorder.requests(Sides {
            senders: self.counts,
            ..others
        });
        self.recorder.end(now())
    }
}
