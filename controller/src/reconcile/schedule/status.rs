//! What is told of a schedule.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::calendar::Minute;
use super::outcome::went_well;
use super::step::{Missed, Step, Why, is_living};
use crate::api::{Drill, DrillSchedule, DrillScheduleStatus, ObjectRef};
use crate::reconcile::writer::reference;
use crate::resources::conditions::{ACCEPTED, Conditions, ON_TIME, Status, reason};
use crate::resources::metadata::rfc3339;
use crate::resources::refusal::Refusal;

/// How many drills are listed.
const MOST_LISTED: usize = 16;

/// A status that is being put together, beginning with the one that the schedule has.
pub struct Telling<'a> {
    schedule: &'a DrillSchedule,
    conditions: Conditions<'a>,
    status: DrillScheduleStatus,
}

impl<'a> Telling<'a> {
    /// Begins with what `schedule` has, with what stands against it, and with its `drills`, the
    /// newest first.
    pub fn new(
        schedule: &'a DrillSchedule,
        now: &'a Time,
        refusals: &[Refusal],
        drills: &[Arc<Drill>],
    ) -> Telling<'a> {
        let mut status = schedule.status.clone().unwrap_or_default();
        let mut conditions = Conditions::new(&status.conditions, schedule.metadata.generation, now);
        let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        match refusals.first() {
            None => conditions.set(
                ACCEPTED,
                Status::True,
                reason::AS_ASKED,
                "nothing stands against it".to_owned(),
            ),
            Some(first) => {
                let word = first.reason.as_str();
                conditions.set(ACCEPTED, Status::False, word, all.join("; "));
            }
        }
        let living = drills.iter().filter(|drill| is_living(drill));
        status.active = living
            .take(MOST_LISTED)
            .map(|drill| reference(&**drill))
            .collect();
        let ended_well = drills.iter().filter(|drill| went_well(drill));
        let ends = ended_well.filter_map(|drill| drill.status.as_ref()?.ended_at.clone());
        let known = status.last_successful_time.take();
        status.last_successful_time = ends.chain(known).max();
        Telling {
            schedule,
            conditions,
            status,
        }
    }

    /// What was done of `step`; `started` is the drill of the run that was started.
    pub fn done(mut self, step: &Step, started: Option<ObjectRef>) -> DrillScheduleStatus {
        self.status.next_schedule_time = step.next.map(Minute::time);
        if let (Some(run), Some(drill)) = (step.start, started) {
            self.status.last_schedule_time = Some(run.time());
            let was = format!("the run of {} was started", rfc3339(&run.time()));
            self.conditions
                .set(ON_TIME, Status::True, reason::AS_ASKED, was);
            self.status
                .active
                .retain(|listed| *listed != drill && !step.remove.contains(&listed.name));
            self.status.active.insert(0, drill);
            self.status.active.truncate(MOST_LISTED);
        }
        if let Some(missed) = &step.missed {
            let word = reason_of(&missed.why);
            self.conditions
                .set(ON_TIME, Status::False, word, sentence(missed));
        }
        if self.schedule.spec.suspend {
            let asked = "spec.suspend is true: nothing is started".to_owned();
            self.conditions
                .set(ON_TIME, Status::Unknown, reason::SUSPENDED, asked);
        } else if step.start.is_none() && step.missed.is_none() {
            self.nothing_due();
        }
        self.end()
    }

    /// The run could not be started; it is tried again.
    pub fn not_started(mut self, reason: &'static str, message: String) -> DrillScheduleStatus {
        self.conditions.set(ON_TIME, Status::False, reason, message);
        self.end()
    }

    /// What was told of the last run holds on; before the first one there is none.
    fn nothing_due(&mut self) {
        let told = self
            .status
            .conditions
            .iter()
            .find(|held| held.type_ == ON_TIME);
        if told.is_none_or(|held| held.status == Status::Unknown.as_str()) {
            let none = "no run has been due yet".to_owned();
            self.conditions
                .set(ON_TIME, Status::Unknown, reason::PENDING, none);
        }
    }

    fn end(mut self) -> DrillScheduleStatus {
        self.status.observed_generation = self.schedule.metadata.generation;
        self.status.conditions = self.conditions.into_list();
        self.status
    }
}

/// The word for why a run was not started, of a condition and of an event.
pub fn reason_of(why: &Why) -> &'static str {
    match why {
        Why::Away | Why::Late { .. } => reason::MISSED_RUN,
        Why::Busy { .. } => reason::SKIPPED_RUN,
    }
}

/// What people are told of runs that were not started.
pub fn sentence(missed: &Missed) -> String {
    let run = rfc3339(&missed.run.time());
    let why = &missed.why;
    match missed.count {
        0 | 1 => format!("the run of {run} was not started: {why}"),
        count if count < super::step::MOST_COUNTED => {
            format!(
                "the run of {run} and {} before it were not started: {why}",
                count - 1
            )
        }
        count => format!(
            "the run of {run} and at least {} before it were not started: {why}",
            count - 1
        ),
    }
}
