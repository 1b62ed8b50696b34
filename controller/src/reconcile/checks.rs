//! The checks of drills, each in a task of its own: no look waits for them.
//!
//! What runs, and what it came to, is held here until the drill's status tells it. A new leader
//! knows nothing of it and begins anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use uuid::Uuid;

use super::triggers::Triggers;
use crate::api::{Check, Drill};
use crate::checks::outcome::Outcome;
use crate::checks::{self, Edge, NOT_HERE, not_run};

/// How many drills are checked at the same time. The others wait for their turn.
const AT_ONCE: usize = 8;

/// The controller runs no programs.
const NO_PROGRAMS: &str =
    "the controller runs no programs: use `drillgate run` for checks of the kind command";

/// A check that is none of the controller's.
pub fn refused(check: &Check) -> Outcome {
    let why = match check.looks_into_a_database() {
        true => NOT_HERE,
        false => NO_PROGRAMS,
    };
    not_run(check, why)
}

/// The checks of all drills.
pub struct Checks {
    running: Mutex<HashMap<Uuid, Running>>,
    places: Arc<Semaphore>,
    triggers: Triggers,
}

/// How far the checks of a drill are.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Nobody has begun with this generation of its spec.
    NotBegun,
    /// They run, or wait for their turn.
    Runs,
    /// They have ended so.
    Done(Vec<Outcome>),
}

/// The checks of one generation of a drill. Dropped, they end.
struct Running {
    generation: Option<i64>,
    outcomes: Arc<OnceLock<Vec<Outcome>>>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    pub(super) fn new(triggers: Triggers) -> Checks {
        Checks {
            running: Mutex::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            triggers,
        }
    }

    /// How far they are. Those of an earlier generation are ended.
    pub fn progress(&self, id: Uuid, generation: Option<i64>) -> Progress {
        let mut running = self.lock();
        let Some(one) = running.get(&id) else {
            return Progress::NotBegun;
        };
        if one.generation != generation {
            running.remove(&id);
            return Progress::NotBegun;
        }
        match one.outcomes.get() {
            Some(outcomes) => Progress::Done(outcomes.clone()),
            None => Progress::Runs,
        }
    }

    /// Begins with the drill's checks, through `edge` and until `end`. The drill is looked at again
    /// when they have ended.
    pub fn begin(&self, (drill, id): (&Drill, Uuid), edge: Edge, (now, end): (&Time, &Time)) {
        let outcomes = Arc::new(OnceLock::new());
        let left = end.0.duration_since(now.0);
        let work = Work {
            checks: drill.spec.checks.clone(),
            edge,
            deadline: Instant::now() + left.try_into().unwrap_or_default(),
            places: Arc::clone(&self.places),
        };
        let (done, triggers) = (Arc::clone(&outcomes), self.triggers.clone());
        let drill_ref = ObjectRef::from_obj(drill);
        let task: JoinHandle<()> = tokio::spawn(async move {
            // Nobody else sets it.
            let _ = done.set(work.run().await);
            triggers.send_drill(drill_ref);
        });
        let running = Running {
            generation: drill.metadata.generation,
            outcomes,
            task: task.abort_handle(),
        };
        self.lock().insert(id, running);
    }

    /// The drill has ended, or its status tells what they came to: they end, and are forgotten.
    pub fn end(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The checks of one drill, to be run.
struct Work {
    checks: Vec<Check>,
    edge: Edge,
    deadline: Instant,
    places: Arc<Semaphore>,
}

impl Work {
    async fn run(self) -> Vec<Outcome> {
        // The places are never closed.
        let _place = self.places.acquire().await;
        let context = checks::Context {
            environment: &[],
            edge: Some(&self.edge),
            databases: None,
            recovery_started: Timestamp::now(),
            deadline: self.deadline,
        };
        let ours = self.checks.iter().filter(|check| check.asks_the_edge());
        let ours: Vec<Check> = ours.cloned().collect();
        let mut outcomes = checks::run(&ours, &context, |_| {}).await.into_iter();
        let all = self.checks.iter().map(|check| match check.asks_the_edge() {
            true => outcomes.next(),
            false => Some(refused(check)),
        });
        all.flatten().collect()
    }
}
