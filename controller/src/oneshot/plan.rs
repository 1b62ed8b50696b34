//! What a drill consists of in this cluster: a function of what was read and of the time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use uuid::Uuid;

use super::Error;
use super::cluster::Surroundings;
use super::standing::Standing;
use crate::api::{Drill, DrillGate, ObjectRef};
use crate::resources::Object;
use crate::resources::drill::{DrillInputs, DrillObjects};
use crate::resources::metadata::{full_name, label_of, namespace_of};
use crate::resources::plugin::PluginKind;
use crate::resources::refusal::{DrillFacts, LivingDrill, check_drill};
use crate::resources::service::service;
use crate::route_key::{self, Seed};

/// A drill that is to stand in a cluster.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The drill.
    pub drill: Drill,
    /// Its gate.
    pub gate: DrillGate,
    /// Its UUID.
    pub id: Uuid,
    /// When it ends.
    pub expires_at: Time,
    /// Its objects.
    pub objects: DrillObjects,
    /// Its routes, leading to a sandbox that is not there.
    pub astray: Vec<Object>,
    /// The hosts of its sandboxes, in full, as Envoy's clusters have them.
    pub sandboxes: Vec<String>,
}

/// The name of a service that nobody has.
const NOWHERE: &str = "drillgate-nowhere";

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInputs<'a> {
    /// The drill.
    pub drill: &'a Drill,
    /// Its gate.
    pub gate: &'a DrillGate,
    /// The kind of object that holds the gate's filter, and its seed.
    pub filter: (PluginKind, &'a Seed),
    /// What is around.
    pub around: &'a Surroundings,
    /// The drills that stand.
    pub standing: &'a [Standing],
    /// Its UUID, and when it ends.
    pub identity: (Uuid, &'a Time),
    /// The time.
    pub now: &'a Time,
}

/// What the drill consists of.
///
/// # Errors
/// All that stands against it.
pub fn plan(inputs: &PlanInputs<'_>) -> Result<Plan, Error> {
    let (drill, gate) = (inputs.drill, inputs.gate);
    let (id, expires_at) = inputs.identity;
    let (plugin, seed) = inputs.filter;
    let refusals = check_drill(
        drill,
        &DrillFacts {
            id,
            gate: Some(gate),
            living: &living(inputs),
            virtual_services: &inputs.around.virtual_services,
            gateways: &inputs.around.gateways,
            gateway_api: &inputs.around.gateway_api_for(&namespace_of(drill)),
            namespaces: &inputs.around.namespaces,
        },
    );
    if !refusals.is_empty() {
        let what = format!("Drill {}", full_name(drill));
        return Err(Error::Refused { what, refusals });
    }
    let inputs = DrillInputs {
        drill,
        id,
        route_key: &route_key::derive(seed, id),
        expires_at,
        gate,
        plugin,
        namespaces: &inputs.around.namespaces,
    };
    let astray = DrillInputs {
        drill: &nowhere(drill),
        ..inputs
    };
    let namespace = namespace_of(drill);
    let sandboxes = drill.spec.routes.iter().map(|route| &route.sandbox.host);
    let sandboxes = sandboxes.map(|host| service(host, &namespace, inputs.namespaces).host);
    Ok(Plan {
        sandboxes: sandboxes.collect(),
        drill: drill.clone(),
        gate: gate.clone(),
        id,
        expires_at: expires_at.clone(),
        objects: crate::resources::drill::objects(&inputs),
        astray: crate::resources::drill::objects(&astray).virtual_services,
    })
}

/// The drill, with all of its routes leading to nobody.
fn nowhere(drill: &Drill) -> Drill {
    let mut drill = drill.clone();
    for route in &mut drill.spec.routes {
        route.sandbox.host = NOWHERE.to_owned();
    }
    drill
}

/// The other drills of the gate that stand and are not over.
fn living(inputs: &PlanInputs<'_>) -> Vec<LivingDrill> {
    let (own, _) = inputs.identity;
    let gate = label_of(inputs.gate);
    let stands = |other: &&Standing| other.id != own && other.is_living_at(&gate, inputs.now);
    let others = inputs.standing.iter().filter(stands);
    others.map(Standing::living).collect()
}

impl Plan {
    /// What its whole objects are called.
    pub fn references(&self) -> Vec<ObjectRef> {
        self.objects.whole().map(Object::reference).collect()
    }

    /// The gate's filter, which holds the drill's entry.
    pub fn filter(&self) -> ObjectRef {
        self.objects.activation.reference()
    }

    /// How the edge is asked about it.
    pub fn question(&self) -> (Uuid, &str) {
        (self.id, &self.drill.spec.environment)
    }

    /// Its hosts.
    pub fn hosts(&self) -> Vec<String> {
        let routes = self.drill.spec.routes.iter();
        routes.map(|route| route.host.clone()).collect()
    }
}

/// Which drill this is: the one of that name that stands already, or a new one. A name that a
/// resource has, too, is the controller's business.
///
/// # Errors
/// If several of that name stand, or the controller looks after it, or there are no random numbers.
pub fn identity(
    drill: &Drill,
    standing: &[Standing],
    now: &Time,
) -> Result<(Uuid, Option<Time>), Error> {
    let name = full_name(drill);
    let same = standing.iter().filter(|other| other.name == name);
    let mut same = same.filter(|other| !other.is_over(now));
    match (same.next(), same.next()) {
        (None, _) => Ok((new_id()?, None)),
        (Some(one), None) if one.resource.is_some() => Err(one.managed("edit it there")),
        (Some(one), None) => Ok((one.id, one.expires_at.map(Time))),
        (Some(one), Some(other)) => Err(Error::Ambiguous {
            asked: name,
            found: vec![one.id.to_string(), other.id.to_string()],
        }),
    }
}

/// A UUID that no drill has.
///
/// # Errors
/// If the operating system has no random numbers to give.
pub fn new_id() -> Result<Uuid, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}
