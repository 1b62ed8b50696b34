//! A gate's filter, as it stands in the cluster: where its drills have their entries.

use std::sync::Arc;

use kube::ResourceExt;
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use uuid::Uuid;

use super::cluster::{Cluster, reference};
use super::context::Context;
use super::error::Error;
use super::triggers::{active_list, gate_of};
use super::writer::namespace;
use crate::api::{Drill, DrillGate, ObjectRef};
use crate::istio::{TrafficExtension, WasmPlugin};
use crate::resources::metadata::ROUTE_SEED;
use crate::resources::plugin::PluginKind;
use crate::resources::{Object, names};
use crate::route_key::Seed;

/// What is seen of a gate's filter.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// The kind of object that holds it.
    pub kind: PluginKind,
    /// What its drills' route keys are derived from.
    pub seed: Seed,
    /// The number of its configuration.
    pub generation: u64,
    // Shared with the store: every look at every drill has one in hand.
    object: Arc<DynamicObject>,
}

impl Plugin {
    /// Whether the active list has the entry of this drill, as `activation` wants it.
    pub fn lists(&self, drill: Uuid, activation: &Value) -> bool {
        let id = drill.to_string();
        let wanted =
            configuration(activation).and_then(|configuration| configuration.get("drills"));
        let wanted = wanted.and_then(|drills| drills.get(&id));
        let listed = active_list(&self.object).and_then(|drills| drills.get(&id));
        wanted.is_some() && listed == wanted
    }
}

/// The filter of `gate`, if it stands.
pub fn of(cluster: &Cluster, gate: &DrillGate) -> Option<Plugin> {
    let kind = PluginKind::of(gate.spec.extension, cluster.kinds.traffic_extension);
    let object = cluster.our(&name(kind, &namespace(gate), &gate.name_any()))?;
    let seed = object.annotations().get(ROUTE_SEED)?.parse().ok()?;
    let generation = configuration(&object.data)?.get("generation")?;
    // A control plane may carry a whole number as a double.
    let generation = generation
        .as_u64()
        .or_else(|| generation.as_f64().map(|double| double as u64));
    Some(Plugin {
        kind,
        seed,
        generation: generation?,
        object,
    })
}

/// Takes a drill's entry out of whatever filter has it, also when its gate is gone.
pub async fn withdraw(context: &Context, drill: &Drill, id: Uuid) -> Result<(), Error> {
    let key = id.to_string();
    let holds = |object: &DynamicObject| {
        active_list(object).is_some_and(|drills| drills.contains_key(&key))
    };
    let holding = context.cluster.our_objects(holds);
    let mut plugins: Vec<ObjectRef> = holding.iter().map(|object| reference(object)).collect();
    // It may have been written a moment ago, and not be seen yet.
    let (gate, manager) = (gate_of(drill), names::field_manager(id));
    for kind in [PluginKind::WasmPlugin, PluginKind::TrafficExtension] {
        let plugin = name(
            kind,
            &gate.namespace.clone().unwrap_or_default(),
            &gate.name,
        );
        if context.cluster.recent.awaits(&plugin, &manager) && !plugins.contains(&plugin) {
            plugins.push(plugin);
        }
    }
    for plugin in plugins {
        let _alone = context.active_list.lock().await;
        context.writer.withdraw(&plugin, &manager).await?;
    }
    Ok(())
}

fn name(kind: PluginKind, namespace: &str, gate: &str) -> ObjectRef {
    let resource = match kind {
        PluginKind::WasmPlugin => ApiResource::erase::<WasmPlugin>(&()),
        PluginKind::TrafficExtension => ApiResource::erase::<TrafficExtension>(&()),
    };
    ObjectRef {
        api_version: resource.api_version,
        kind: resource.kind,
        namespace: namespace.to_owned(),
        name: names::gate(gate),
    }
}

fn configuration(object: &Value) -> Option<&Value> {
    let spec = object.get("spec")?;
    let direct = spec.get("pluginConfig");
    direct.or_else(|| spec.get("wasm").and_then(|wasm| wasm.get("pluginConfig")))
}

/// The seed of a gate's route keys, as its filter has it; nothing when there is no filter yet.
///
/// It is read from the API server where the store has none: another seed would give every drill
/// another host.
pub async fn seed(
    context: &Context,
    kind: PluginKind,
    gate: &DrillGate,
) -> Result<Option<Seed>, Error> {
    let name = name(kind, &namespace(gate), &gate.name_any());
    let seen = context.cluster.our(&name);
    let object = match seen {
        Some(object) => Some((*object).clone()),
        None => context.writer.read(&name).await?,
    };
    let seed = object.and_then(|object| object.annotations().get(ROUTE_SEED)?.parse().ok());
    Ok(seed)
}

/// The configuration in an object that is a gate's filter.
pub fn configuration_of(object: &Object) -> Option<Value> {
    let whole = serde_json::to_value(object).unwrap_or_default();
    configuration(&whole).cloned()
}
