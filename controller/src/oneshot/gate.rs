//! A gate installed, compared with its file, and taken away.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde_json::Value;

use super::Error;
use super::cluster::{self, Surroundings};
use super::drill::{Changes, Site, now};
use super::filter::{self, kind_for};
use super::standing::Standing;
use crate::api::{DrillGate, ObjectRef};
use crate::keyfile::Jwk;
use crate::reconcile::writer::{MANAGER, reference};
use crate::reconcile::{is_current, named, numbered_objects, our_kinds, removal_order, stamped};
use crate::resources::gate::GateInputs;
use crate::resources::metadata::full_name;
use crate::resources::metadata::{DRILL_ID, GATE, GATE_SPEC, gate_label, namespace_of};
use crate::resources::refusal::{GateFacts, Refusal, check_gate};
use crate::resources::{Object, keys};
use crate::route_key::Seed;

/// What a gate consists of in this cluster.
#[derive(Debug, Clone)]
pub struct GatePlan {
    /// The gate.
    pub gate: DrillGate,
    /// Its keys.
    pub keys: Vec<Jwk>,
    /// Its objects, in the order in which they are applied.
    pub objects: Vec<Object>,
    /// What is known of the objects around that cannot be read.
    pub unreadable: Vec<String>,
}

impl GatePlan {
    /// What its objects are called.
    pub fn references(&self) -> Vec<ObjectRef> {
        self.objects.iter().map(Object::reference).collect()
    }
}

impl Site {
    /// What `gate` consists of. Its keys are those that were `given`, or else the Secrets' of the
    /// cluster.
    ///
    /// # Errors
    /// All that stands against it, or that the cluster does not let us.
    pub async fn plan_gate(
        &self,
        gate: &DrillGate,
        given: &[Jwk],
        root_namespace: &str,
    ) -> Result<GatePlan, Error> {
        let around = Surroundings::read(&self.client).await?;
        let (keys, mut refusals) = self.keys_of(gate, given).await?;
        refusals.extend(check_gate(
            gate,
            &GateFacts {
                gateways: &around.gateways,
                gateway_api: &around.gateway_api_for(&namespace_of(gate)),
                ambient: &around.ambient,
                root_namespace,
            },
        ));
        if !refusals.is_empty() {
            let what = format!("DrillGate {}", full_name(gate));
            return Err(Error::Refused { what, refusals });
        }
        let place = (namespace_of(gate), gate.name_any());
        let extension = gate.spec.extension;
        let filter = filter::find(&self.writer, (&place.0, &place.1), extension).await?;
        let (plugin, seed) = match filter {
            // Another seed would give the running drills other hosts.
            Some(filter) => (filter.kind, filter.seed),
            None => (
                kind_for(&self.client, extension).await?,
                Seed::generate().map_err(Error::Random)?,
            ),
        };
        let (mut objects, _) = numbered_objects(&GateInputs {
            gate,
            keys: &keys,
            plugin,
            generation: 0,
            attempt: None,
            seed: &seed,
        });
        let written = serde_json::to_string(gate).unwrap_or_default();
        if let Some(filter) = objects.last_mut() {
            filter.annotate(GATE_SPEC, &written);
        }
        Ok(GatePlan {
            gate: gate.clone(),
            keys,
            objects,
            unreadable: around.unreadable,
        })
    }

    /// The keys of a gate, and what is wrong with those that cannot be used.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn keys_of(
        &self,
        gate: &DrillGate,
        given: &[Jwk],
    ) -> Result<(Vec<Jwk>, Vec<Refusal>), Error> {
        let named = |key: &&Jwk| gate.spec.keys.iter().any(|at| at.kid == key.kid().as_str());
        let found: Vec<Jwk> = given.iter().filter(named).cloned().collect();
        if found.len() == gate.spec.keys.len() {
            return Ok((found, Vec::new()));
        }
        let secrets = cluster::secrets(&self.client, gate).await?;
        Ok(keys::resolve(gate, &secrets))
    }

    /// That no controller looks after the gate.
    ///
    /// # Errors
    /// If it has a resource in the cluster, or the cluster does not let us.
    pub async fn must_be_ours(
        &self,
        namespace: &str,
        name: &str,
        instead: &str,
    ) -> Result<(), Error> {
        match cluster::gate(&self.client, namespace, name).await? {
            Some(gate) => Err(Error::Managed {
                what: named(&reference(&gate)),
                instead: instead.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The objects of `plan` that are not as it wants them.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn pending<'a>(&self, plan: &'a GatePlan) -> Result<Vec<&'a Object>, Error> {
        let mut pending = Vec::new();
        for object in &plan.objects {
            let there = self.writer.read(&object.reference()).await?;
            if !there.is_some_and(|there| is_current(&there, &stamped(object))) {
                pending.push(object);
            }
        }
        Ok(pending)
    }

    /// Applies the `pending` objects of `plan`, and removes what an earlier file has left.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn install_gate(
        &self,
        plan: &GatePlan,
        pending: &[&Object],
    ) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for object in pending {
            let name = object.reference();
            self.writer.apply(&name, &stamped(object), MANAGER).await?;
            changes.applied.push(name);
        }
        let wanted = plan.references();
        let (namespace, name) = (namespace_of(&plan.gate), plan.gate.name_any());
        let stands = self.gate_objects(&namespace, &name).await?.into_iter();
        let stale: Vec<ObjectRef> = stands.filter(|object| !wanted.contains(object)).collect();
        changes.removed = self.remove(&stale).await?;
        Ok(changes)
    }

    /// The objects of a gate itself that stand: what steers requests first, what refuses them last.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn gate_objects(&self, namespace: &str, name: &str) -> Result<Vec<ObjectRef>, Error> {
        let label = gate_label(namespace, name);
        let ours = cluster::ours(&self.client, our_kinds()).await?;
        let is_its = |labels: &BTreeMap<String, String>| {
            labels.get(GATE) == Some(&label) && !labels.contains_key(DRILL_ID)
        };
        let its = ours.iter().filter(|object| is_its(object.labels()));
        let mut its: Vec<ObjectRef> = its.map(crate::reconcile::reference).collect();
        its.sort_by_key(|object| (removal_order(&object.kind), object.clone()));
        Ok(its)
    }

    /// The drills of a gate that stand and are not over.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn drills_of_gate(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<Standing>, Error> {
        let (label, now) = (gate_label(namespace, name), now());
        let all = self.standing().await?.into_iter();
        let living = all.filter(|one| one.gate == label && !one.is_over(&now));
        Ok(living.collect())
    }

    /// Removes objects in the order in which they come. What is gone already is as good.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn remove(&self, objects: &[ObjectRef]) -> Result<Vec<ObjectRef>, Error> {
        let mut removed = Vec::new();
        for object in objects {
            if self.writer.delete(object).await? {
                removed.push(object.clone());
            }
        }
        Ok(removed)
    }
}

/// The bodies that are applied, with secrets in them.
pub fn bodies(objects: &[Object]) -> Vec<Value> {
    objects.iter().map(stamped).collect()
}
