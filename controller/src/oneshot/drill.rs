//! A drill brought up, asked for at the edge, and taken away.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Error;
use super::cluster::{self, Surroundings};
use super::filter;
use super::plan::{Plan, PlanInputs, plan};
use super::standing::{Standing, standing};
use crate::api::{Drill, DrillGate, Extension, ObjectRef};
use crate::keyfile::Jwk;
use crate::reconcile::edge::{self, Question};
use crate::reconcile::made::Made;
use crate::reconcile::metrics::Metrics;
use crate::reconcile::plugin::Plugin;
use crate::reconcile::writer::{MANAGER, Writer};
use crate::reconcile::{after, drill_kinds, filter_kinds, named, removal_order};
use crate::reconcile::{is_current, stamped};
use crate::resources::Object;
use crate::resources::conditions::{Observation, Status};
use crate::resources::metadata::{GATE, namespace_of};
use crate::resources::names;
use uuid::Uuid;

/// How often the gateway is asked while a drill comes up.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How often what failed for the moment is tried again, and the pause before that.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// A cluster that is worked on.
#[derive(Clone)]
pub struct Site {
    /// Its API server.
    pub client: Client,
    /// Writes to it.
    pub writer: Writer,
}

/// What is known before anything is written.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What is around.
    pub around: Surroundings,
    /// The drills that stand.
    pub standing: Vec<Standing>,
    /// The gate.
    pub gate: DrillGate,
    /// Its filter.
    pub filter: Plugin,
}

/// What a command changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Applied, since it was not there or not as it should be.
    pub applied: Vec<ObjectRef>,
    /// Removed.
    pub removed: Vec<ObjectRef>,
    /// Whether the active list was written to.
    pub active_list: bool,
}

impl Changes {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

impl Site {
    /// For a command that runs alone.
    pub fn new(client: Client) -> Site {
        let writer = Writer::of_command(client.clone());
        Site { client, writer }
    }

    /// The gate of `drill`: from its file, or the cluster's resource, or what `gate install` has
    /// written down beside the filter.
    ///
    /// # Errors
    /// If it is nowhere, or the cluster does not let us.
    pub async fn gate_of(
        &self,
        drill: &Drill,
        given: Option<DrillGate>,
    ) -> Result<DrillGate, Error> {
        let reference = &drill.spec.gate_ref;
        let namespace = reference.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| namespace_of(drill));
        let is_it =
            |gate: &DrillGate| gate.name_any() == reference.name && namespace_of(gate) == namespace;
        if let Some(gate) = given.filter(is_it) {
            return Ok(gate);
        }
        self.gate(&namespace, &reference.name).await
    }

    /// The gate with this name.
    ///
    /// # Errors
    /// If it is nowhere, or the cluster does not let us.
    pub async fn gate(&self, namespace: &str, name: &str) -> Result<DrillGate, Error> {
        if let Some(gate) = cluster::gate(&self.client, namespace, name).await? {
            return Ok(gate);
        }
        let filter = filter::find(&self.writer, (namespace, name), Extension::Auto).await?;
        let gate = filter.as_ref().and_then(filter::written_gate);
        gate.ok_or_else(|| Error::NoGate {
            gate: format!("{namespace}/{name}"),
        })
    }

    /// Reads all that has to be known about a drill at `gate`.
    ///
    /// # Errors
    /// If the gate is not installed, or the cluster does not let us.
    pub async fn see(&self, gate: DrillGate) -> Result<Seen, Error> {
        Ok(Seen {
            filter: filter::of_gate(&self.writer, &gate).await?,
            around: Surroundings::read(&self.client).await?,
            standing: self.standing_at(Some(&gate)).await?,
            gate,
        })
    }

    /// The drills that stand.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn standing(&self) -> Result<Vec<Standing>, Error> {
        self.standing_at(None).await
    }

    async fn standing_at(&self, gate: Option<&DrillGate>) -> Result<Vec<Standing>, Error> {
        let mut ours = cluster::ours(&self.client, drill_kinds()).await?;
        let filters = match cluster::ours(&self.client, filter_kinds()).await {
            Ok(filters) => filters,
            // Filters hold secrets: whoever may read but some reads those that matter.
            Err(error) if error.is_forbidden() => self.filters_of(&ours, gate).await?,
            Err(error) => return Err(error),
        };
        ours.extend(filters);
        let drills = cluster::drills(&self.client).await?;
        Ok(standing(&ours, &drills))
    }

    /// The filters of a gate, and of the gates that these objects are labelled with.
    async fn filters_of(
        &self,
        objects: &[Made],
        gate: Option<&DrillGate>,
    ) -> Result<Vec<Made>, Error> {
        let labels = objects.iter().filter_map(|object| {
            let (namespace, name) = object.labels().get(GATE)?.split_once('.')?;
            Some((namespace.to_owned(), name.to_owned()))
        });
        let own = gate.map(|gate| (namespace_of(gate), gate.name_any()));
        let gates: BTreeSet<(String, String)> = labels.chain(own).collect();
        let mut filters = Vec::new();
        for (namespace, name) in gates {
            let place = (namespace.as_str(), name.as_str());
            match filter::find(&self.writer, place, Extension::Auto).await {
                Ok(found) => filters.extend(found.map(|filter| filter.object().clone())),
                // Another team's gate.
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filters)
    }

    /// Brings a drill up: limits, then routes, then its entry in the active list, so that no
    /// request is steered to where there is no route. What is as it should be is not written.
    ///
    /// `stop` is looked at between two writes: none is dropped half way, since the API server might
    /// carry it out later than what takes the drill away.
    ///
    /// # Errors
    /// If the cluster does not let us, or it was told to stop.
    pub async fn bring_up(
        &self,
        plan: &Plan,
        stop: &watch::Receiver<bool>,
    ) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for object in plan.objects.whole() {
            let (name, body) = (object.reference(), stamped(object));
            let there = self.writer.read(&name).await?;
            if there.is_some_and(|there| is_current(&there, &body)) {
                continue;
            }
            go_on(stop)?;
            self.writer.apply(&name, &body, MANAGER).await?;
            changes.applied.push(name);
        }
        // As it is now: the gate may have been edited since.
        let filter = filter::of_gate(&self.writer, &plan.gate).await?;
        if !filter.has(plan.id, &plan.objects.activation) {
            go_on(stop)?;
            let body = serde_json::to_value(&plan.objects.activation).unwrap_or_default();
            let manager = names::field_manager(plan.id);
            self.writer.apply(&plan.filter(), &body, &manager).await?;
            changes.active_list = true;
        }
        Ok(changes)
    }

    /// Takes a drill away: first no request is steered any more, then none is routed, then the
    /// limits go. What is gone already is as good.
    ///
    /// # Errors
    /// If the cluster does not let us, after some tries.
    pub async fn take_down(
        &self,
        id: Uuid,
        filter: Option<&ObjectRef>,
        objects: &[ObjectRef],
    ) -> Result<Changes, Error> {
        let mut tries = 0;
        let mut changes = Changes::default();
        loop {
            match self
                .try_take_down((id, filter, objects), &mut changes)
                .await
            {
                Ok(()) => return Ok(changes),
                Err(error) if error.is_passing() && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_take_down(
        &self,
        (id, filter, objects): (Uuid, Option<&ObjectRef>, &[ObjectRef]),
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if let Some(filter) = filter {
            changes.active_list |= self.withdraw(filter, id).await?;
        }
        let mut ordered = objects.to_vec();
        ordered.sort_by_key(|object| removal_order(&object.kind));
        for object in ordered {
            if self.writer.delete(&object).await? && !changes.removed.contains(&object) {
                changes.removed.push(object);
            }
        }
        self.are_gone(objects).await
    }

    /// Sees to it that nothing is left: the API server keeps an object whose finalizers somebody
    /// else has to take off.
    async fn are_gone(&self, objects: &[ObjectRef]) -> Result<(), Error> {
        let mut lingering = Vec::new();
        for object in objects {
            let Some(there) = self.writer.read(object).await? else {
                continue;
            };
            let kept_by = there.finalizers().join(", ");
            lingering.push(match kept_by.is_empty() {
                true => named(object),
                false => format!("{} (kept by the finalizer {kept_by})", named(object)),
            });
        }
        match lingering.is_empty() {
            true => Ok(()),
            false => Err(Error::Lingers { objects: lingering }),
        }
    }

    /// Applies routes of a drill in place of those that stand.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn point(&self, routes: &[Object]) -> Result<(), Error> {
        for route in routes {
            let name = route.reference();
            self.writer.apply(&name, &stamped(route), MANAGER).await?;
        }
        Ok(())
    }

    /// Takes a drill's entry out of this filter; says whether there was such a filter.
    async fn withdraw(&self, filter: &ObjectRef, id: Uuid) -> Result<bool, Error> {
        let Some(uid) = self
            .writer
            .read(filter)
            .await?
            .and_then(|found| found.uid())
        else {
            return Ok(false);
        };
        let manager = names::field_manager(id);
        match self.writer.withdraw(filter, &uid, &manager).await {
            Ok(()) => Ok(true),
            // It went away in between.
            Err(error) if error.category() == "NotFound" => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the edge of a gate with these keys until it runs with what was applied, and knows the
    /// drill and its environment, or `limit` is over; gives what it said last. An edge that cannot
    /// be asked is not waited for.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn wait_for_edge(
        &self,
        (gate, keys): (&DrillGate, &[Jwk]),
        drill: Option<(Uuid, &str)>,
        limit: Duration,
    ) -> Result<Observation, Error> {
        let began = Instant::now();
        loop {
            let observed = self.ask((gate, keys), drill).await?;
            if observed.status != Status::False || began.elapsed() > limit {
                return Ok(observed);
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// Asks the edge once, about a drill and its environment or in general.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn ask(
        &self,
        (gate, keys): (&DrillGate, &[Jwk]),
        drill: Option<(Uuid, &str)>,
    ) -> Result<Observation, Error> {
        // It moves on when the gate is edited.
        let filter = filter::of_gate(&self.writer, gate).await?;
        let id = drill.map(|(id, _)| id.to_string());
        let question = Question {
            gate,
            keys,
            generation: filter.generation,
            drill: id.as_deref().zip(drill.map(|(_, environment)| environment)),
        };
        Ok(edge::ask(&question, &now(), &Metrics::default()).await)
    }
}

impl Seen {
    /// The plan of `drill` with this UUID, from now on or until an end that stands already.
    ///
    /// # Errors
    /// All that stands against it.
    pub fn plan(&self, drill: &Drill, id: Uuid, end: Option<Time>) -> Result<Plan, Error> {
        let now = now();
        let end = end.unwrap_or_else(|| after(&now, drill));
        plan(&PlanInputs {
            drill,
            gate: &self.gate,
            filter: (self.filter.kind, &self.filter.seed),
            around: &self.around,
            standing: &self.standing,
            identity: (id, &end),
            now: &now,
        })
    }
}

fn go_on(stop: &watch::Receiver<bool>) -> Result<(), Error> {
    if *stop.borrow() {
        return Err(Error::Interrupted);
    }
    Ok(())
}

/// The clock.
pub fn now() -> Time {
    Time(Timestamp::now())
}
