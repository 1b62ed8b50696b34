//! One drill: brought up, kept as it should be, and taken away.

mod checks;
pub(super) mod place;
pub mod status;
pub mod step;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use uuid::Uuid;

use super::context::{AT_REST, Context};
use super::edge::{self, Question};
use super::error::Error;
use super::objects;
use super::plugin::{self, Plugin};
use super::writer::{FINALIZER, reference};
use crate::api::{Drill, DrillGate, DrillStatus, Mode, ObjectRef, Phase};
use crate::oneshot::standing::Standing;
use crate::resources::conditions::{Observation, Status};
use crate::resources::drill::{DrillInputs, DrillObjects};
use crate::resources::metadata::{label_of, namespace_of};
use crate::resources::refusal::{DrillFacts, LivingDrill, Refusal, check_drill};
use crate::resources::{Object, keys};
use crate::route_key;
use checks::Told;
use status::Telling;
use step::{Seen, Step};

/// How often the gateway is asked at first while a drill comes up.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Brings one drill a step forward.
pub async fn reconcile(drill: Arc<Drill>, context: Arc<Context>) -> Result<Action, Error> {
    let id = drill.uid().and_then(|uid| uid.parse::<Uuid>().ok());
    let Some(id) = id else {
        // The API server gives every object a UUID.
        return Ok(Action::await_change());
    };
    let work = Work {
        gate: context.cluster.gate_of(&drill),
        now: context.now(),
        context: &context,
        drill: &drill,
        id,
    };
    work.step().await
}

/// One look at one drill.
struct Work<'a> {
    context: &'a Context,
    drill: &'a Drill,
    id: Uuid,
    gate: Option<Arc<DrillGate>>,
    now: Time,
}

impl Work<'_> {
    async fn step(&self) -> Result<Action, Error> {
        let plugin = self
            .gate
            .as_deref()
            .and_then(|gate| plugin::of(&self.context.cluster, gate));
        let seen = || Seen {
            refusals: self.refusals(plugin.as_ref()),
            gate_not_ready: self.gate_not_ready(plugin.as_ref()),
        };
        let step = step::next(self.drill, seen, &self.now);
        if !matches!(step, Step::Begin | Step::Program) {
            self.context.checks.end(self.id);
        }
        match step {
            Step::Rest => Ok(Action::await_change()),
            Step::Forget => self.forget().await,
            Step::End => self.end().await,
            Step::Hold(refusals) => {
                let told = Telling::new(self.drill, &self.now).refused(&refusals);
                let note = told.message.clone().unwrap_or_default();
                self.hold(told, EventType::Warning, "Refused", note).await
            }
            Step::Wait(why) => {
                let told = Telling::new(self.drill, &self.now).waiting(&why);
                self.hold(told, EventType::Normal, "Waiting", why).await
            }
            Step::Begin => self.begin(plugin.as_ref()).await,
            Step::Program => self.program(plugin.as_ref()).await,
        }
    }

    fn refusals(&self, plugin: Option<&Plugin>) -> Vec<Refusal> {
        let cluster = &self.context.cluster;
        let is_rival = |other: &Drill| place::is_rival(self.drill, other);
        let rivals = cluster.drills.state_filter(is_rival);
        let rivals = rivals.iter().map(|other| LivingDrill::of(other));
        let living: Vec<LivingDrill> = rivals.chain(self.one_shots(plugin)).collect();
        let hosts: Vec<&str> = self
            .drill
            .spec
            .routes
            .iter()
            .map(|route| route.host.as_str())
            .collect();
        check_drill(
            self.drill,
            &DrillFacts {
                id: self.id,
                gate: self.gate.as_deref(),
                living: &living,
                virtual_services: &cluster.routes_of(&hosts),
                gateways: &cluster.istio_gateways(),
                gateway_api: &cluster.gateway_api(
                    self.gate.as_deref(),
                    &namespace_of(self.drill),
                    &hosts,
                ),
                namespaces: &cluster.namespace_names(),
            },
        )
    }

    /// The drills without a resource that stand at the gate. Whoever has a place keeps it: what
    /// brings such a drill up looks for those that stand before.
    fn one_shots(&self, plugin: Option<&Plugin>) -> Vec<LivingDrill> {
        let (Some(gate), Some(plugin)) = (self.gate.as_deref(), plugin) else {
            return Vec::new();
        };
        if place::has_a_place(self.drill) {
            return Vec::new();
        }
        let (ours, gate) = (&self.context.cluster.ours, label_of(gate));
        let one_shots = ours.one_shots().into_iter();
        let standing = one_shots.map(|id| Standing::of(id, &ours.of(Some(id)), plugin.object()));
        let living = standing.filter(|other| other.is_living_at(&gate, &self.now));
        living.map(|other| other.living()).collect()
    }

    fn gate_not_ready(&self, plugin: Option<&Plugin>) -> Option<String> {
        let gate = self.gate.as_deref()?;
        let name = format!("{}/{}", namespace_of(gate), gate.name_any());
        if gate.metadata.deletion_timestamp.is_some() {
            return Some(format!("DrillGate {name} is being deleted"));
        }
        if plugin.is_none() {
            return Some(format!(
                "DrillGate {name} is not programmed yet: see its conditions"
            ));
        }
        None
    }

    /// Nothing of it may stand at the edge; people are told once why.
    async fn hold(
        &self,
        told: DrillStatus,
        kind: EventType,
        event: &str,
        note: String,
    ) -> Result<Action, Error> {
        self.remove_all().await?;
        if self.context.writer.status(self.drill, &told).await? {
            self.tell(kind, event, note).await;
        }
        Ok(Action::requeue(AT_REST))
    }

    /// First the finalizer and the times, then anything else: whatever is made from now on is
    /// found again, and ends at the time that stands in the status.
    async fn begin(&self, plugin: Option<&Plugin>) -> Result<Action, Error> {
        let Some(wanted) = self.wanted(plugin) else {
            return Ok(Action::requeue(AT_REST));
        };
        let held = self.context.writer.set_finalizer(self.drill, true).await?;
        let status = Telling::new(&held, &self.now).begun(&references(&wanted.objects));
        self.context.writer.status(&held, &status).await?;
        let begun = Drill {
            status: Some(status),
            ..held
        };
        let work = Work {
            context: self.context,
            drill: &begun,
            id: self.id,
            gate: self.gate.clone(),
            now: self.now.clone(),
        };
        work.apply(&wanted).await?;
        // Its status has just been written: the edge is asked on the next look, which that sets off.
        Ok(Action::requeue(ASK_AGAIN))
    }

    async fn program(&self, plugin: Option<&Plugin>) -> Result<Action, Error> {
        let Some(wanted) = self.wanted(plugin) else {
            return Ok(Action::requeue(AT_REST));
        };
        if let Err(error) = self.apply(&wanted).await {
            if error.is_lasting() {
                let told = Telling::new(self.drill, &self.now);
                let told = told.not_applied(error.condition_reason(), error.to_string());
                if self.context.writer.status(self.drill, &told).await? {
                    self.tell(EventType::Warning, error.category(), error.to_string())
                        .await;
                }
            }
            return Err(error);
        }
        let edge = self.ask(plugin).await;
        let waits = edge.status == Status::False;
        let came_up = !waits && self.drill.phase() != Some(Phase::Active);
        let objects = references(&wanted.objects);
        let checks = match waits {
            true => Told::AsBefore,
            false => self.checks(&edge).await,
        };
        let told = Telling::new(self.drill, &self.now).at(self.gate.as_deref());
        let told = told.programmed(objects, edge, &checks);
        self.context.writer.status(self.drill, &told).await?;
        self.tell_of_checks(&checks).await;
        if came_up {
            let note = format!("signed requests for drill {} reach the sandbox", self.id);
            self.tell(EventType::Normal, "Active", note).await;
        }
        if waits {
            let again = edge::again(
                ASK_AGAIN,
                &told.conditions,
                told.started_at.as_ref(),
                &self.now,
            );
            return Ok(Action::requeue(again.min(self.until_end())));
        }
        let again = edge::once_more(&told.conditions, &self.now);
        Ok(Action::requeue(self.until_end().min(again)))
    }

    /// Applies what is not as it should be, then takes away what an earlier spec has left.
    async fn apply(&self, wanted: &Wanted) -> Result<(), Error> {
        let refs = references(&wanted.objects);
        let status = self.drill.status.clone().unwrap_or_default();
        let planned = refs.iter().all(|object| status.objects.contains(object));
        if !planned || status.observed_generation != self.drill.metadata.generation {
            // The plan is written down before anything of it is made.
            let told = Telling::new(self.drill, &self.now).begun(&refs);
            if self.context.writer.status(self.drill, &told).await? {
                return Err(Error::Stale);
            }
        }
        let stood = status.phase == Some(Phase::Active);
        objects::apply(self.context, self.drill, wanted.objects.whole(), stood).await?;
        if !wanted.is_listed {
            plugin::list(self.context, self.id, &wanted.objects.activation).await?;
        }
        let stale = self.known_objects();
        let stale = stale.into_iter().filter(|object| !refs.contains(object));
        objects::remove(self.context, stale.collect()).await
    }

    /// What the drill consists of; nothing without a gate that takes drills.
    fn wanted(&self, plugin: Option<&Plugin>) -> Option<Wanted> {
        let (gate, plugin) = (self.gate.as_deref()?, plugin?);
        let expires_at =
            step::expires_at(self.drill).unwrap_or_else(|| step::after(&self.now, self.drill));
        let route_key = route_key::derive(&plugin.seed, self.id);
        let namespaces = self.context.cluster.namespace_names();
        let objects = crate::resources::drill::objects(&DrillInputs {
            drill: self.drill,
            id: self.id,
            route_key: &route_key,
            expires_at: &expires_at,
            gate,
            plugin: plugin.kind,
            namespaces: &namespaces,
        });
        let is_listed = plugin::is_listed(self.context, plugin, self.id, &objects.activation);
        Some(Wanted { objects, is_listed })
    }

    async fn ask(&self, plugin: Option<&Plugin>) -> Observation {
        let (Some(gate), Some(plugin)) = (self.gate.as_deref(), plugin) else {
            return edge::not_yet("the gate is gone".to_owned());
        };
        let secrets = self.context.secrets.of(gate).await;
        let (keys, _) = keys::resolve(gate, &secrets);
        let id = self.id.to_string();
        let question = Question {
            gate,
            keys: &keys,
            generation: plugin.generation,
            drill: Some((&id, &self.drill.spec.environment)),
        };
        edge::ask(&question, &self.now, &self.context.metrics).await
    }

    async fn end(&self) -> Result<Action, Error> {
        if self.drill.phase() != Some(Phase::Ending) {
            let told = Telling::new(self.drill, &self.now).ending();
            self.context.writer.status(self.drill, &told).await?;
            // The version has moved on: what is left is done on the next look, set off by that.
            return Ok(Action::requeue(ASK_AGAIN));
        }
        self.remove_all().await?;
        let told = Telling::new(self.drill, &self.now).ended();
        let (phase, note) = (told.phase, told.message.clone().unwrap_or_default());
        self.context.writer.status(self.drill, &told).await?;
        let (kind, event) = match phase {
            Some(Phase::Failed) => (EventType::Warning, "Failed"),
            _ => (EventType::Normal, "Ended"),
        };
        self.tell(kind, event, note).await;
        Ok(Action::requeue(AT_REST))
    }

    async fn forget(&self) -> Result<Action, Error> {
        let name = reference(self.drill);
        // What it was made of is gone, and sets off a look that may come before its own end is seen.
        if self.context.cluster.recent.awaits(&name, FINALIZER) {
            return Ok(Action::await_change());
        }
        self.remove_all().await?;
        let version = self.context.writer.release(self.drill).await?;
        self.context.cluster.recent.wrote(&name, FINALIZER, version);
        Ok(Action::await_change())
    }

    /// In the order in which requests lose their way: first no request is steered any more, then
    /// none is routed, then the limits go.
    ///
    /// Hosts that only the drill has may go at once: what is still steered there meets the gate's
    /// guard, which answers 503, and that a long list takes long to write is not waited for. Whoever
    /// else answers for a host that is owned is not known here.
    async fn remove_all(&self) -> Result<(), Error> {
        let (routes, limits) = objects::routes_first(self.known_objects());
        if self.drill.spec.mode == Mode::Authority {
            // Each is waited for to its end: of a write that is dropped half way nothing is known.
            let (withdrawn, removed) = tokio::join!(
                plugin::withdraw(self.context, self.id),
                objects::remove(self.context, routes),
            );
            withdrawn.and(removed)?;
        } else {
            plugin::withdraw(self.context, self.id).await?;
            objects::remove(self.context, routes).await?;
        }
        objects::remove(self.context, limits).await
    }

    /// All that has been made for the drill: what its status names, and what is seen.
    fn known_objects(&self) -> Vec<ObjectRef> {
        let planned = self.drill.status.as_ref().map(|status| &*status.objects);
        objects::known(&self.context.cluster.ours.of(Some(self.id)), planned)
    }

    fn until_end(&self) -> Duration {
        let end = step::expires_at(self.drill).unwrap_or_else(|| self.now.clone());
        let left = end.0.duration_since(self.now.0);
        // A timer that fires early finds nothing to do.
        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(20)
    }

    async fn tell_of_checks(&self, told: &Told) {
        let condition = match told {
            Told::Done(_) => told.condition(),
            _ => None,
        };
        let Some(condition) = condition else {
            return;
        };
        let note = condition.message;
        match condition.status {
            Status::True => self.tell(EventType::Normal, "ChecksPassed", note).await,
            Status::False => self.tell(EventType::Warning, "ChecksFailed", note).await,
            Status::Unknown => self.tell(EventType::Warning, "ChecksNotRun", note).await,
        }
    }

    async fn tell(&self, kind: EventType, reason: &str, note: String) {
        self.context
            .writer
            .tell(self.drill, kind, reason, note)
            .await;
    }
}

/// What a drill consists of.
struct Wanted {
    objects: DrillObjects,
    /// Whether its entry stands in the active list already.
    is_listed: bool,
}

fn references(objects: &DrillObjects) -> Vec<ObjectRef> {
    let mut all: Vec<ObjectRef> = objects.whole().map(Object::reference).collect();
    all.sort();
    all
}
