//! What every reconciliation has at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use tokio::sync::watch;

use super::checks::Checks;
use super::cluster::Cluster;
use super::entries::ActiveLists;
use super::error::Error;
use super::metrics::Metrics;
use super::secrets::Secrets;
use super::triggers::drill_lives;
use super::writer::Writer;
use crate::api::{Drill, Phase};

/// How often a thing that is as it should be is looked at all the same.
pub const AT_REST: Duration = Duration::from_secs(300);

/// How often the number of a gate's drills is looked at, and told at most.
pub const COUNT_AGAIN: Duration = Duration::from_secs(15);

/// How soon a read that came too early is repeated.
const SOON: Duration = Duration::from_millis(100);

/// The longest pause after failures in a row.
const LONGEST: Duration = Duration::from_secs(60);

/// What every reconciliation has at hand.
pub struct Context {
    /// What is known of the cluster.
    pub cluster: Arc<Cluster>,
    /// Whether all of that has been filled once.
    pub filled: watch::Receiver<bool>,
    /// The Secrets with keys.
    pub secrets: Secrets,
    /// Writes.
    pub writer: Writer,
    /// Writes the entries of drills in their gates' active lists.
    pub active_lists: ActiveLists,
    /// Runs the checks of drills.
    pub checks: Checks,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The mesh's root namespace.
    pub root_namespace: String,
    /// How often each object has failed in a row.
    pub failures: Failures,
    /// When each gate has told last of another number of drills.
    pub counts: Counts,
}

impl Context {
    /// The clock.
    pub fn now(&self) -> Time {
        Time(Timestamp::now())
    }

    /// Counts the drills, and looks when the next one ends.
    pub fn measure_drills(&self) {
        let drills = self.cluster.drills.state();
        for (phase, name) in PHASES {
            let is_in = |drill: &&Arc<Drill>| drill.phase() == Some(phase);
            self.metrics
                .set_drills(name, drills.iter().filter(is_in).count());
        }
        let ends = drills.iter().filter_map(|drill| {
            let status = drill.status.as_ref()?;
            let end = status.expires_at.as_ref().filter(|_| drill_lives(drill))?;
            u64::try_from(end.0.as_second()).ok()
        });
        self.metrics.set_next_expiry(ends.min());
    }
}

const PHASES: [(Phase, &str); 6] = [
    (Phase::Pending, "Pending"),
    (Phase::Programming, "Programming"),
    (Phase::Active, "Active"),
    (Phase::Ending, "Ending"),
    (Phase::Ended, "Ended"),
    (Phase::Failed, "Failed"),
];

/// When each gate has told last of another number of drills, by its UID. A number that changes with
/// each of a thousand drills is not worth a write each. That there are any is told at once: it keeps
/// the gate from being deleted.
#[derive(Default)]
pub struct Counts(Mutex<HashMap<String, Instant>>);

impl Counts {
    /// The number that a gate is to tell, which tells `told` and has `now`.
    pub fn tell(&self, gate: &str, told: Option<i32>, now: i32, at: Instant) -> i32 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = counts.get(gate).copied();
        let is_soon = last.is_some_and(|last| at.saturating_duration_since(last) < COUNT_AGAIN);
        match told {
            Some(told) if told == now || is_soon && told != 0 => told,
            _ => {
                counts.insert(gate.to_owned(), at);
                now
            }
        }
    }

    /// A gate is gone.
    pub fn forget(&self, gate: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(gate);
    }
}

/// Failures in a row, by object.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// It went well.
    pub fn reset(&self, object: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(object);
    }

    /// It failed: when to try again.
    pub fn next(&self, object: &str, error: &Error) -> Action {
        if matches!(error, Error::Stale) {
            return Action::requeue(SOON);
        }
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(object.to_owned()).or_default();
        *count = count.saturating_add(1);
        Action::requeue(pause(*count))
    }
}

/// Twice as long after each failure.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    Duration::from_millis(250)
        .saturating_mul(1 << doublings)
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{COUNT_AGAIN, Counts, pause};

    #[test]
    fn the_first_drills_are_told_at_once_and_others_not_before_a_while() {
        let (counts, start) = (Counts::default(), Instant::now());
        let soon = start + COUNT_AGAIN / 2;
        assert_eq!(counts.tell("edge", None, 0, start), 0);
        assert_eq!(counts.tell("edge", Some(0), 1, soon), 1);
        assert_eq!(counts.tell("edge", Some(1), 0, soon), 1);
        assert_eq!(counts.tell("edge", Some(1), 5, soon), 1);
        assert_eq!(counts.tell("edge", Some(1), 7, soon + COUNT_AGAIN), 7);
        assert_eq!(counts.tell("other", Some(0), 1, soon), 1);
        // One that has not changed for long is told as soon as it does.
        let late = start + COUNT_AGAIN * 9;
        assert_eq!(counts.tell("edge", Some(7), 7, late), 7);
        assert_eq!(counts.tell("edge", Some(7), 8, late), 8);
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<u64> = [1, 2, 3, 8, 9, 10, u32::MAX]
            .map(|failures| pause(failures).as_millis() as u64)
            .into();
        assert_eq!(pauses, [250, 500, 1000, 32_000, 60_000, 60_000, 60_000]);
        assert!(pause(0) <= Duration::from_millis(250));
    }
}
