//! Gates and drills of every shape, for suites that show what becomes of them: here against files,
//! elsewhere against the definitions of a real Istio.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use uuid::Uuid;

use super::drill::{DrillInputs, DrillObjects};
use super::gate::GateInputs;
use super::plugin::{PluginKind, withdrawal};
use super::{Object, drill, gate, names};
use crate::api::{Drill, DrillGate};
use crate::keyfile::Jwk;
use crate::route_key::{Seed, derive};

/// The UUID of every sample drill.
pub const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// When every sample drill ends, in seconds of the epoch: 2026-09-21T15:13:20Z.
pub const EXPIRES_AT: i64 = 1_790_003_600;

/// A gate with what it must have.
pub const GATE: &str = include_str!("samples/gate.yaml");
/// A gate with all there is.
pub const GATE_FULL: &str = include_str!("samples/gate-full.yaml");
/// A gate whose gateway the Gateway API has made.
pub const GATE_TARGET_REFS: &str = include_str!("samples/gate-target-refs.yaml");
/// A drill of one host.
pub const DRILL_AUTHORITY: &str = include_str!("samples/drill-authority.yaml");
/// A drill of three hosts.
pub const DRILL_MULTI_ROUTE: &str = include_str!("samples/drill-multi-route.yaml");
/// A drill of a host that is owned.
pub const DRILL_OWNED: &str = include_str!("samples/drill-owned.yaml");

/// One shape, and what it becomes.
#[derive(Debug)]
pub struct Sample {
    /// What it shows.
    pub name: &'static str,
    /// Objects, in the order in which they are applied.
    pub objects: Vec<Object>,
    /// Bodies of applies to the gate's plugin, with their field manager, in order. The plugin must
    /// exist.
    pub entries: Vec<(String, Object)>,
}

/// Every shape of object that drillgate makes.
///
/// # Errors
/// None, as long as the samples themselves are well-formed.
pub fn samples() -> Result<Vec<Sample>, serde_saphyr::Error> {
    use PluginKind::{TrafficExtension, WasmPlugin};
    Ok(vec![
        gate_sample("gate", GATE, WasmPlugin)?,
        gate_sample("gate-full", GATE_FULL, WasmPlugin)?,
        gate_sample("gate-traffic-extension", GATE_FULL, TrafficExtension)?,
        gate_sample("gate-target-refs", GATE_TARGET_REFS, TrafficExtension)?,
        drill_sample("drill-authority", GATE, DRILL_AUTHORITY, WasmPlugin)?,
        drill_sample("drill-multi-route", GATE, DRILL_MULTI_ROUTE, WasmPlugin)?,
        drill_sample(
            "drill-http-route",
            GATE_TARGET_REFS,
            DRILL_MULTI_ROUTE,
            TrafficExtension,
        )?,
        drill_sample("drill-owned", GATE_FULL, DRILL_OWNED, TrafficExtension)?,
    ])
}

/// The seed of every sample gate.
pub fn seed() -> Seed {
    Seed::from([7; 32])
}

/// The keys of the sample gates: `ci-2026` for HS256 and `dba` for Ed25519.
pub fn keys() -> Vec<Jwk> {
    let ci = "ci-2026".parse().ok();
    let dba = "dba".parse().ok();
    let hs256 = ci.and_then(|kid| Jwk::hs256(kid, &[1; 32]).ok());
    let ed25519 = dba.and_then(|kid| Jwk::ed25519(kid, &[2; 32]).ok());
    hs256.into_iter().chain(ed25519).collect()
}

/// The namespaces of the samples' cluster.
pub fn namespaces() -> BTreeSet<String> {
    ["istio-system", "orders-dr", "shop", "billing"]
        .map(str::to_owned)
        .into()
}

/// The objects of a sample gate, with those of the sample keys that it names.
pub fn gate_objects(of: &DrillGate, plugin: PluginKind) -> Vec<Object> {
    let named = |key: &Jwk| of.spec.keys.iter().any(|at| at.kid == key.kid().as_str());
    let keys: Vec<Jwk> = keys().into_iter().filter(named).collect();
    gate::objects(&GateInputs {
        gate: of,
        keys: &keys,
        plugin,
        generation: 7,
        attempt: None,
        seed: &seed(),
    })
}

/// The objects of a sample drill at a sample gate.
pub fn drill_objects(at: &DrillGate, of: &Drill, plugin: PluginKind) -> DrillObjects {
    let id = drill_id();
    drill::objects(&DrillInputs {
        drill: of,
        id,
        route_key: &derive(&seed(), id),
        expires_at: &Time(Timestamp::from_second(EXPIRES_AT).unwrap_or_default()),
        gate: at,
        plugin,
        namespaces: &namespaces(),
    })
}

fn gate_sample(
    name: &'static str,
    gate: &str,
    plugin: PluginKind,
) -> Result<Sample, serde_saphyr::Error> {
    Ok(Sample {
        name,
        objects: gate_objects(&serde_saphyr::from_str(gate)?, plugin),
        entries: Vec::new(),
    })
}

fn drill_sample(
    name: &'static str,
    gate: &str,
    drill: &str,
    plugin: PluginKind,
) -> Result<Sample, serde_saphyr::Error> {
    let gate = serde_saphyr::from_str(gate)?;
    let made = drill_objects(&gate, &serde_saphyr::from_str(drill)?, plugin);
    let mut objects = made.destination_rules;
    objects.extend(made.virtual_services);
    let manager = names::field_manager(drill_id());
    Ok(Sample {
        name,
        objects,
        entries: vec![
            (manager.clone(), made.activation),
            (manager, withdrawal(&gate, plugin)),
        ],
    })
}

fn drill_id() -> Uuid {
    DRILL.parse().unwrap_or_default()
}
