//! One schedule: its drills are made when they are due, and cleared up when they are over.

pub mod calendar;
mod expression;
mod manifest;
mod measure;
mod outcome;
pub mod status;
pub mod step;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;

use super::context::{AT_REST, Context};
use super::error::Error;
use super::writer::reference;
use crate::api::{Drill, DrillSchedule, DrillScheduleStatus, ObjectRef};
use crate::resources::metadata::{full_name, namespace_of, rfc3339};
use calendar::{Calendar, Minute};
pub use manifest::of_command;
pub use measure::measure;
use status::{Telling, reason_of, sentence};
use step::{Missed, Step, drills_of};

/// Brings one schedule a step forward.
pub async fn reconcile(
    schedule: Arc<DrillSchedule>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    if schedule.metadata.deletion_timestamp.is_some() {
        // Its drills belong to it: the garbage collector takes them.
        return Ok(Action::await_change());
    }
    let work = Work {
        drills: drills_of(&schedule, &context.cluster.drills.state()),
        now: context.now(),
        context: &context,
        schedule: &schedule,
    };
    work.step().await
}

/// One look at one schedule.
struct Work<'a> {
    context: &'a Context,
    schedule: &'a DrillSchedule,
    /// Its own, the newest first.
    drills: Vec<Arc<Drill>>,
    now: Time,
}

impl Work<'_> {
    async fn step(&self) -> Result<Action, Error> {
        let (calendar, refusals) = match Calendar::of(&self.schedule.spec, Minute::of(&self.now)) {
            Ok(calendar) => (Some(calendar), Vec::new()),
            Err(refusals) => (None, refusals),
        };
        let step = step::next(self.schedule, calendar.as_ref(), &self.drills, &self.now);
        let telling = || Telling::new(self.schedule, &self.now, &refusals, &self.drills);
        // First what makes way, then the new drill: it begins when its place is free.
        for name in &step.remove {
            self.remove(name).await?;
        }
        let started = match step.start {
            None => None,
            Some(run) => match self.start(run).await {
                Ok(drill) => Some(drill),
                Err(error) => {
                    let told = telling().not_started(error.condition_reason(), error.to_string());
                    return Err(self.not_started(error, &told).await?);
                }
            },
        };
        let told = telling().done(&step, started);
        if self.context.writer.status(self.schedule, &told).await? {
            self.announce(&step).await;
            if !refusals.is_empty() {
                let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                self.tell(EventType::Warning, "Refused", all.join("; "))
                    .await;
            }
        }
        Ok(Action::requeue(self.until(step.next).min(AT_REST)))
    }

    /// Makes the drill of a run. One that is there already was made by a look that could not tell
    /// of it any more.
    async fn start(&self, run: Minute) -> Result<ObjectRef, Error> {
        let drill = manifest::of_run(self.schedule, run);
        let name = reference(&drill);
        if self.context.writer.create(&drill).await?.is_some() {
            return Ok(name);
        }
        let found = self.context.writer.read(&name).await?;
        match found {
            Some(found) if manifest::owns(self.schedule, &found) => Ok(name),
            Some(_) => Err(Error::Invalid {
                object: name,
                message:
                    "it exists, and is not of this schedule: delete it, or rename the schedule"
                        .to_owned(),
            }),
            // It went away in between: the next look makes it.
            None => Err(Error::Stale),
        }
    }

    /// Deletes a drill of its own, as it was seen.
    async fn remove(&self, name: &str) -> Result<(), Error> {
        let mut drills = self.drills.iter();
        if let Some(drill) = drills.find(|drill| drill.name_any() == name) {
            let writer = &self.context.writer;
            writer.delete_if(&reference(&**drill), drill.uid()).await?;
            tracing::info!(
                drill = name,
                namespace = namespace_of(self.schedule),
                "deleted: another run takes its place, or the history is full"
            );
        }
        Ok(())
    }

    /// Tells of a run that could not be started, if that is for people to mend; gives the error
    /// back.
    async fn not_started(&self, error: Error, told: &DrillScheduleStatus) -> Result<Error, Error> {
        if error.is_lasting() && self.context.writer.status(self.schedule, told).await? {
            let (word, note) = (error.category(), error.to_string());
            self.tell(EventType::Warning, word, note).await;
        }
        Ok(error)
    }

    async fn announce(&self, step: &Step) {
        let metrics = &self.context.metrics;
        if let Some(missed) = &step.missed {
            metrics.missed_runs(reason_of(&missed.why), missed.count);
            self.miss(missed).await;
        }
        if let Some(run) = step.start {
            metrics.started_run();
            let name = step::name_of(self.schedule, run);
            let note = format!(
                "drill {name} was made for the run of {}",
                rfc3339(&run.time())
            );
            self.tell(EventType::Normal, "Started", note).await;
        }
    }

    async fn miss(&self, missed: &Missed) {
        let note = sentence(missed);
        let name = full_name(self.schedule);
        tracing::warn!(schedule = name, "{note}");
        let word = reason_of(&missed.why);
        self.tell(EventType::Warning, word, note).await;
    }

    fn until(&self, next: Option<Minute>) -> Duration {
        let Some(next) = next else {
            return AT_REST;
        };
        let left = next.time().0.duration_since(self.now.0);
        // A timer that fires early finds nothing to do.
        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(20)
    }

    async fn tell(&self, kind: EventType, reason: &str, note: String) {
        let writer = &self.context.writer;
        writer.tell(self.schedule, kind, reason, note).await;
    }
}
