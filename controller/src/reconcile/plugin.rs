//! A gate's filter, as it stands in the cluster: where its drills have their entries.

use std::sync::{Arc, LazyLock};

use kube::ResourceExt;
use kube::api::ApiResource;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::cluster::{Cluster, reference};
use super::context::Context;
use super::entries::Change;
use super::error::Error;
use super::made::Made;
use crate::api::{DrillGate, ObjectRef};
use crate::istio::{TrafficExtension, WasmPlugin};
use crate::resources::metadata::{ROUTE_SEED, namespace_of};
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
    /// When its configuration was last sent again, in seconds of the epoch.
    pub attempt: Option<i64>,
    // Shared with the store: every look at every drill has one in hand.
    object: Arc<Made>,
}

impl Plugin {
    /// From the object that holds it; nothing where it is none of ours.
    pub fn read(kind: PluginKind, object: Arc<Made>) -> Option<Plugin> {
        let seed = object.annotations().get(ROUTE_SEED)?.parse().ok()?;
        let configuration = configuration(object.filter()?)?;
        let (generation, attempt) = (
            configuration.get("generation").and_then(whole)?,
            configuration.get("attempt").and_then(whole),
        );
        Some(Plugin {
            kind,
            seed,
            generation: generation.try_into().ok()?,
            attempt,
            object,
        })
    }

    /// The object itself.
    pub fn object(&self) -> &Made {
        &self.object
    }

    /// Whether the active list has the entry of this drill, as `activation` wants it.
    pub fn has(&self, drill: Uuid, activation: &Object) -> bool {
        self.lists(drill, entry(activation, drill).as_ref())
    }

    /// Whether the active list has this entry of this drill.
    fn lists(&self, drill: Uuid, wanted: Option<&Value>) -> bool {
        let listed = active_list(&self.object).and_then(|drills| drills.get(&drill.to_string()));
        wanted.is_some() && listed == wanted
    }
}

/// A whole number, which a control plane may carry as a double.
fn whole(number: &Value) -> Option<i64> {
    let double = || number.as_f64().map(|double| double as i64);
    number.as_i64().or_else(double)
}

/// The filter of `gate`, if it stands.
pub fn of(cluster: &Cluster, gate: &DrillGate) -> Option<Plugin> {
    let kind = PluginKind::of(gate.spec.extension, cluster.kinds.traffic_extension);
    let object = cluster
        .ours
        .get(&name(kind, &namespace_of(gate), &gate.name_any()))?;
    Plugin::read(kind, object)
}

/// Takes a drill's entry out of whatever filter has it, also when its gate is gone.
pub async fn withdraw(context: &Context, id: Uuid) -> Result<(), Error> {
    let key = id.to_string();
    let holds = |filter: &Made| active_list(filter).is_some_and(|drills| drills.contains_key(&key));
    let filters = context.cluster.ours.filters();
    let holding = filters.iter().filter(|filter| holds(filter));
    let mut plugins: Vec<ObjectRef> = holding.map(|filter| reference(filter)).collect();
    // It may have been written a moment ago, and not be seen yet.
    plugins.extend(context.active_lists.that_may_hold(id));
    plugins.sort();
    plugins.dedup();
    for plugin in plugins {
        withdraw_from(context, &plugin, id).await?;
    }
    Ok(())
}

/// Takes a drill's entry out of this filter; says whether the controller had put one there.
pub async fn withdraw_from(context: &Context, plugin: &ObjectRef, id: Uuid) -> Result<bool, Error> {
    let change = Change { id, entry: None };
    context.active_lists.change(context, plugin, change).await
}

/// Puts a drill's entry into its gate's filter.
pub async fn list(context: &Context, id: Uuid, activation: &Object) -> Result<(), Error> {
    let (plugin, entry) = (activation.reference(), entry(activation, id));
    let change = Change { id, entry };
    context
        .active_lists
        .change(context, &plugin, change)
        .await?;
    Ok(())
}

/// Whether the filter that `seen` shows has the entry of this drill, as `activation` wants it. What
/// we have written since counts more than what is seen.
pub fn is_listed(context: &Context, seen: &Plugin, id: Uuid, activation: &Object) -> bool {
    let (plugin, entry) = (activation.reference(), entry(activation, id));
    match context.cluster.lags(&plugin, names::DRILLS_MANAGER) {
        true => entry.is_some_and(|entry| context.active_lists.holds(&plugin, id, &entry)),
        false => seen.lists(id, entry.as_ref()),
    }
}

/// The entry of a drill in the body of an apply that puts it there.
fn entry(activation: &Object, id: Uuid) -> Option<Value> {
    let configuration = configuration_of(activation)?;
    configuration.get("drills")?.get(id.to_string()).cloned()
}

/// The active list of a filter: nothing for an object of another kind.
pub fn active_list(object: &Made) -> Option<&Map<String, Value>> {
    static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    let drills =
        configuration(object.filter()?).and_then(|configuration| configuration.get("drills"));
    Some(drills.and_then(Value::as_object).unwrap_or(&EMPTY))
}

/// What an entry of an active list says of its drill: it is the one element of an array, as
/// [`activation`](crate::resources::plugin::activation) writes it.
pub fn member<'a>(entry: &'a Value, name: &str) -> Option<&'a Value> {
    entry.get(0)?.get(name)
}

/// The second from which on the edge refuses the drill of an entry.
pub fn end_of(entry: &Value) -> Option<i64> {
    let end = member(entry, "notAfter").and_then(Value::as_f64);
    end.map(|end| end as i64)
}

/// What the filter of a gate is called.
pub fn name(kind: PluginKind, namespace: &str, gate: &str) -> ObjectRef {
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

/// The filter's configuration in the spec of an object that holds it.
fn configuration(spec: &Value) -> Option<&Value> {
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
    let name = name(kind, &namespace_of(gate), &gate.name_any());
    let seed = |object: &Made| object.annotations().get(ROUTE_SEED)?.parse().ok();
    match context.cluster.ours.get(&name) {
        Some(object) => Ok(seed(&object)),
        None => Ok(context.writer.read(&name).await?.as_ref().and_then(seed)),
    }
}

/// The configuration in an object that is a gate's filter.
pub fn configuration_of(object: &Object) -> Option<Value> {
    let whole = serde_json::to_value(object).unwrap_or_default();
    configuration(whole.get("spec")?).cloned()
}
