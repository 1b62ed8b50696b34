//! One gate: installed, kept as it should be, and taken away.

mod attempt;
mod drills;
pub mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef as StoreRef;

use super::applied::number;
use super::context::{COUNT_AGAIN, Context};
use super::drill::place::has_a_place;
use super::edge::{self, Question};
use super::error::Error;
use super::plugin::{Plugin, active_list};
use super::triggers::{drill_lives, gate_of};
use super::writer::FINALIZER;
use super::{objects, plugin};
use crate::api::{Drill, DrillGate, ObjectRef};
use crate::keyfile::Jwk;
use crate::resources::conditions::{Observation, Status};
use crate::resources::gate::GateInputs;
use crate::resources::metadata::{DRILL_ID, GATE, label_of, namespace_of};
use crate::resources::plugin::PluginKind;
use crate::resources::refusal::{GateFacts, Refusal, check_gate};
use crate::resources::{Object, keys};
use crate::route_key::Seed;
use status::Telling;

/// How often a gateway that does not run with it yet is asked at first.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The namespaces whose pods are in the ambient mesh carry this label.
pub const AMBIENT: (&str, &str) = ("istio.io/dataplane-mode", "ambient");

/// Brings one gate a step forward.
pub async fn reconcile(gate: Arc<DrillGate>, context: Arc<Context>) -> Result<Action, Error> {
    let work = Work {
        now: context.now(),
        context: &context,
        gate: &gate,
    };
    if gate.metadata.deletion_timestamp.is_some() {
        return work.forget().await;
    }
    work.install().await
}

/// The objects of a gate, and the number of its filter's configuration in them: it stands for
/// everything else in there but how often that was sent.
pub fn numbered_objects(inputs: &GateInputs<'_>) -> (Vec<Object>, u64) {
    let unnumbered = crate::resources::gate::objects(&GateInputs {
        generation: 0,
        attempt: None,
        ..*inputs
    });
    let configuration = unnumbered.iter().find_map(plugin::configuration_of);
    let generation = number(&configuration.unwrap_or_default());
    let objects = crate::resources::gate::objects(&GateInputs {
        generation,
        ..*inputs
    });
    (objects, generation)
}

/// One look at one gate.
struct Work<'a> {
    context: &'a Context,
    gate: &'a DrillGate,
    now: Time,
}

/// A gate's objects, and the number of its configuration.
struct Wanted {
    objects: Vec<Object>,
    generation: u64,
    /// Whether the configuration is sent again, since the gateway lags.
    is_sent_again: bool,
}

impl Work<'_> {
    async fn install(&self) -> Result<Action, Error> {
        let secrets = self.context.secrets.of(self.gate).await;
        let (keys, mut refusals) = keys::resolve(self.gate, &secrets);
        refusals.extend(self.refusals());
        let telling = || Telling::new(self.gate, &self.now, &refusals, self.drills());
        if !refusals.is_empty() {
            let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
            if self
                .context
                .writer
                .status(self.gate, &telling().refused())
                .await?
            {
                self.tell(EventType::Warning, "Refused", all.join("; "))
                    .await;
            }
            return Ok(Action::requeue(COUNT_AGAIN));
        }
        if !self.gate.finalizers().iter().any(|held| held == FINALIZER) {
            self.context.writer.set_finalizer(self.gate, true).await?;
            // The new version sets off the next look.
            return Ok(Action::requeue(ASK_AGAIN));
        }
        let wanted = self.wanted(&keys).await?;
        if let Err(error) = self.apply(&wanted).await {
            if error.is_lasting() {
                let told = telling().not_applied(error.condition_reason(), error.to_string());
                if self.context.writer.status(self.gate, &told).await? {
                    self.tell(EventType::Warning, error.category(), error.to_string())
                        .await;
                }
            }
            return Err(error);
        }
        if wanted.is_sent_again {
            let note = "a gateway does not run with what was applied: it is sent its filter again";
            self.tell(EventType::Normal, "SentAgain", note.to_owned())
                .await;
        }
        let edge = self.ask(&keys, wanted.generation).await;
        let waits = edge.status == Status::False;
        let references = wanted.objects.iter().map(Object::reference).collect();
        let told = telling().programmed(references, wanted.generation, edge);
        self.context.writer.status(self.gate, &told).await?;
        let again = match waits {
            true => edge::again(ASK_AGAIN, &told.conditions, None, &self.now),
            false => COUNT_AGAIN,
        };
        Ok(Action::requeue(again))
    }

    fn refusals(&self) -> Vec<Refusal> {
        let cluster = &self.context.cluster;
        let namespaces = cluster.namespaces.state();
        let (label, value) = AMBIENT;
        let ambient: BTreeSet<String> = namespaces
            .iter()
            .filter(|namespace| {
                namespace
                    .labels()
                    .get(label)
                    .is_some_and(|held| held == value)
            })
            .map(|namespace| namespace.name_any())
            .collect();
        check_gate(
            self.gate,
            &GateFacts {
                gateways: &cluster.istio_gateways(),
                gateway_api: &cluster.gateway_api(Some(self.gate), &namespace_of(self.gate), &[]),
                ambient: &ambient,
                root_namespace: &self.context.root_namespace,
            },
        )
    }

    /// The gate's objects, with the seed that it has or, the first time, a new one.
    async fn wanted(&self, keys: &[Jwk]) -> Result<Wanted, Error> {
        let kinds = self.context.cluster.kinds;
        let kind = PluginKind::of(self.gate.spec.extension, kinds.traffic_extension);
        let seed = match plugin::seed(self.context, kind, self.gate).await? {
            Some(seed) => seed,
            None => Seed::generate().map_err(Error::Random)?,
        };
        let stands = plugin::of(&self.context.cluster, self.gate);
        let held = stands.as_ref().and_then(|plugin| plugin.attempt);
        let attempt = attempt::attempt(held, self.lags_since(), self.now.0.as_second());
        let (objects, generation) = numbered_objects(&GateInputs {
            gate: self.gate,
            keys,
            plugin: kind,
            generation: 0,
            attempt,
            seed: &seed,
        });
        Ok(Wanted {
            objects,
            generation,
            is_sent_again: stands.is_some() && attempt != held,
        })
    }

    /// Since when the gateway has not run with the gate, or with a drill that goes through it, in
    /// seconds of the epoch.
    fn lags_since(&self) -> Option<i64> {
        let told = self.gate.status.as_ref();
        let own = told.and_then(|status| edge::lags_since(&status.conditions, None));
        let name = StoreRef::from_obj(self.gate);
        let lives = |drill: &Drill| drill_lives(drill) && gate_of(drill) == name;
        let drills = self.context.cluster.drills.state_filter(lives);
        let lagging = drills.iter().filter_map(|drill| {
            let status = drill.status.as_ref()?;
            edge::lags_since(&status.conditions, status.started_at.as_ref())
        });
        own.into_iter()
            .chain(lagging)
            .map(Timestamp::as_second)
            .min()
    }

    async fn apply(&self, wanted: &Wanted) -> Result<(), Error> {
        let was_programmed = self
            .gate
            .status
            .as_ref()
            .is_some_and(|status| !status.objects.is_empty());
        let is_edited = self
            .gate
            .status
            .as_ref()
            .and_then(|status| status.observed_generation)
            != self.gate.metadata.generation;
        let stood = was_programmed && !is_edited;
        objects::apply(self.context, self.gate, &wanted.objects, stood).await?;
        let references: Vec<ObjectRef> = wanted.objects.iter().map(Object::reference).collect();
        let stale = self.known_objects();
        let stale = stale
            .into_iter()
            .filter(|object| !references.contains(object));
        objects::remove(self.context, stale.collect()).await
    }

    async fn ask(&self, keys: &[Jwk], generation: u64) -> Observation {
        let question = Question {
            gate: self.gate,
            keys,
            generation,
            drill: None,
        };
        edge::ask(&question, &self.now, &self.context.metrics).await
    }

    /// Takes the gate away: first what steers requests, last what refuses them.
    async fn forget(&self) -> Result<Action, Error> {
        if !self.gate.finalizers().iter().any(|held| held == FINALIZER) {
            return Ok(Action::await_change());
        }
        objects::remove(self.context, self.known_objects()).await?;
        self.context.secrets.forget(self.gate);
        self.context
            .counts
            .forget(&self.gate.uid().unwrap_or_default());
        self.context.writer.release(self.gate).await?;
        Ok(Action::await_change())
    }

    /// All that has been made for the gate itself: what its status names, and what is seen.
    fn known_objects(&self) -> Vec<ObjectRef> {
        let label = label_of(self.gate);
        let mut seen = self.context.cluster.ours.of(None);
        seen.retain(|object| {
            let labels = object.labels();
            labels.get(GATE) == Some(&label) && !labels.contains_key(DRILL_ID)
        });
        let told = self.gate.status.as_ref().map(|status| &*status.objects);
        objects::known(&seen, told)
    }

    /// The number of drills that is told: not each that it has for a moment.
    fn drills(&self) -> i32 {
        let cluster = &self.context.cluster;
        let own = StoreRef::from_obj(self.gate);
        let has_begun = |drill: &Drill| has_a_place(drill) && gate_of(drill) == own;
        let begun = cluster.drills.state_filter(has_begun);
        let filter = plugin::of(cluster, self.gate);
        let listed = filter.as_ref().map(Plugin::object).and_then(active_list);
        let now = drills::count(&begun, listed, &self.now);
        let told = self.gate.status.as_ref();
        let told = told.and_then(|status| status.active_drills);
        let gate = self.gate.uid().unwrap_or_default();
        self.context.counts.tell(&gate, told, now, Instant::now())
    }

    async fn tell(&self, kind: EventType, reason: &str, note: String) {
        self.context
            .writer
            .tell(self.gate, kind, reason, note)
            .await;
    }
}
