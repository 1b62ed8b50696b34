//! What is to be done next about a schedule: a function of what is seen and the time.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::calendar::{Calendar, Minute};
use super::manifest::owns;
use super::outcome::went_well;
use crate::api::{ConcurrencyPolicy, Drill, DrillSchedule, DrillScheduleStatus};

/// How many missed runs are counted: more than that are "at least" so many.
pub const MOST_COUNTED: usize = 100;

/// What is to be done next about a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The run that is started now.
    pub start: Option<Minute>,
    /// The drills that are deleted, by name: what the run replaces, and what history has no room for.
    pub remove: Vec<String>,
    /// Runs that were due and are not started.
    pub missed: Option<Missed>,
    /// The first run that nothing has been done about.
    pub next: Option<Minute>,
}

/// Runs that were due and are not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The newest of them.
    pub run: Minute,
    /// How many they are, as far as they are counted.
    pub count: usize,
    /// Why the newest is not started.
    pub why: Why,
}

/// Why a run is not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The controller did not look, and a later run has come meanwhile.
    Away,
    /// It is later than the deadline allows.
    Late {
        /// The deadline.
        seconds: i32,
    },
    /// A drill of an earlier run goes on, and runs must not overlap.
    Busy {
        /// That drill.
        drill: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Away => f.write_str("the controller was away, and a later run has come"),
            Why::Late { seconds } => write!(
                f,
                "the controller was away for longer than the {seconds} s of startingDeadlineSeconds"
            ),
            Why::Busy { drill } => write!(
                f,
                "drill {drill} goes on, and concurrencyPolicy is Forbid: shorten its ttl, or have runs further apart"
            ),
        }
    }
}

/// What is to be done next about `schedule`, whose runs are due by `calendar`, with these `drills`
/// of its own. Without a calendar, nothing is started.
pub fn next(
    schedule: &DrillSchedule,
    calendar: Option<&Calendar>,
    drills: &[Arc<Drill>],
    now: &Time,
) -> Step {
    let mut step = Step::default();
    if let Some(calendar) = calendar.filter(|_| !schedule.spec.suspend) {
        let this_minute = Minute::of(now);
        let first = first_due(schedule, calendar, this_minute);
        step.next = first;
        if let Some(first) = first.filter(|first| *first <= this_minute) {
            step.next = calendar.next(this_minute);
            if let Some(newest) = calendar.newest(first, this_minute) {
                step.missed = before(schedule, calendar, drills, first, newest);
                decide(schedule, drills, newest, now, &mut step);
            }
        }
    }
    step.remove.extend(past_history(schedule, drills));
    step
}

/// The first run that nothing has been done about. What was told once counts, so that a clock that
/// goes back starts nothing twice; a schedule that was suspended, could not be read, or means other
/// times now begins anew.
fn first_due(schedule: &DrillSchedule, calendar: &Calendar, now: Minute) -> Option<Minute> {
    let Some(status) = told(schedule) else {
        let created = schedule.creation_timestamp();
        return calendar.next(created.map_or(now, |time| Minute::of(&time)));
    };
    let promised = status.next_schedule_time.as_ref().map(Minute::of);
    let is_edited = status.observed_generation != schedule.metadata.generation;
    if let Some(promised) = promised {
        let is_due = promised <= now && calendar.has(promised);
        if is_due || !is_edited {
            return Some(promised);
        }
    }
    let last = status.last_schedule_time.as_ref().map(Minute::of);
    calendar.next(last.map_or(now, |last| last.max(now)))
}

fn told(schedule: &DrillSchedule) -> Option<&DrillScheduleStatus> {
    let status = schedule.status.as_ref();
    status.filter(|status| status.observed_generation.is_some())
}

/// The runs from `first` on that came before `newest`, and have no drill.
fn before(
    schedule: &DrillSchedule,
    calendar: &Calendar,
    drills: &[Arc<Drill>],
    first: Minute,
    newest: Minute,
) -> Option<Missed> {
    let has_drill = |run: Minute| {
        let name = name_of(schedule, run);
        drills.iter().any(|drill| drill.name_any() == name)
    };
    let runs = std::iter::successors(Some(first), |run| calendar.next(*run));
    let earlier = runs.take_while(|run| *run < newest).take(MOST_COUNTED);
    let count = earlier.filter(|run| !has_drill(*run)).count();
    let run = calendar.newest(first, Minute(newest.0 - 1))?;
    let why = Why::Away;
    (count > 0).then_some(Missed { run, count, why })
}

/// Whether the newest run that is due is started, and what makes way for it.
fn decide(
    schedule: &DrillSchedule,
    drills: &[Arc<Drill>],
    run: Minute,
    now: &Time,
    step: &mut Step,
) {
    let spec = &schedule.spec;
    let late = now.0.as_second() - run.time().0.as_second();
    let deadline = spec.starting_deadline_seconds;
    let own = name_of(schedule, run);
    let others = || {
        drills
            .iter()
            .filter(|drill| is_living(drill) && drill.name_any() != own)
    };
    let running = others()
        .find(|drill| has_begun(drill))
        .map(|drill| drill.name_any());
    let is_there = drills.iter().any(|drill| drill.name_any() == own);
    let why = match (deadline, running, spec.concurrency_policy) {
        // It was started, and that was not told any more.
        _ if is_there => None,
        (Some(seconds), _, _) if late > i64::from(seconds) => Some(Why::Late { seconds }),
        (_, Some(drill), ConcurrencyPolicy::Forbid) => Some(Why::Busy { drill }),
        _ => None,
    };
    if let Some(why) = why {
        let earlier = step.missed.take().map_or(0, |missed| missed.count);
        let count = earlier + 1;
        step.missed = Some(Missed { run, count, why });
        return;
    }
    step.start = Some(run);
    let makes_way = |drill: &&Arc<Drill>| match spec.concurrency_policy {
        ConcurrencyPolicy::Allow => false,
        ConcurrencyPolicy::Forbid => !has_begun(drill),
        ConcurrencyPolicy::Replace => true,
    };
    step.remove = others()
        .filter(makes_way)
        .map(|drill| drill.name_any())
        .collect();
}

/// What a run's drill is called: the same however often it is started.
pub fn name_of(schedule: &DrillSchedule, run: Minute) -> String {
    format!("{}-{}", schedule.name_any(), run.0)
}

/// The drills among `all` that belong to `schedule`, the newest first.
pub fn drills_of(schedule: &DrillSchedule, all: &[Arc<Drill>]) -> Vec<Arc<Drill>> {
    let its = all.iter().filter(|drill| owns(schedule, &***drill));
    let mut drills: Vec<Arc<Drill>> = its.cloned().collect();
    drills.sort_by_key(|drill| {
        let created = drill.creation_timestamp().map(|time| time.0);
        std::cmp::Reverse((created, drill.name_any()))
    });
    drills
}

/// Whether a drill is not over, and is not being deleted.
pub fn is_living(drill: &Drill) -> bool {
    drill.metadata.deletion_timestamp.is_none() && !drill.is_over()
}

fn has_begun(drill: &Drill) -> bool {
    let status = drill.status.as_ref();
    status.is_some_and(|status| status.started_at.is_some())
}

/// The oldest of the drills that are over, beyond as many as are kept.
fn past_history(schedule: &DrillSchedule, drills: &[Arc<Drill>]) -> Vec<String> {
    let spec = &schedule.spec;
    let kept = [
        (true, spec.successful_drills_history_limit),
        (false, spec.failed_drills_history_limit),
    ];
    let past = kept.into_iter().flat_map(|(well, limit)| {
        let over = drills.iter().filter(move |drill| {
            let is_there = drill.metadata.deletion_timestamp.is_none();
            is_there && drill.is_over() && went_well(drill) == well
        });
        over.skip(usize::try_from(limit).unwrap_or_default())
    });
    past.map(|drill| drill.name_any()).collect()
}

#[cfg(test)]
mod tests;
