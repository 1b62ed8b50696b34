//! A gate's filter, as it stands in the cluster.

use kube::{Client, ResourceExt};
use uuid::Uuid;

use super::Error;
use crate::api::{DrillGate, Extension, ObjectRef};
use crate::reconcile::made::Made;
use crate::reconcile::plugin::{active_list, configuration, configuration_of, name};
use crate::reconcile::writer::Writer;
use crate::resources::Object;
use crate::resources::metadata::{GATE_SPEC, ROUTE_SEED, namespace_of};
use crate::resources::plugin::PluginKind;
use crate::route_key::Seed;

/// What is seen of a gate's filter.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The kind of object that holds it.
    pub kind: PluginKind,
    /// What its drills' route keys are derived from.
    pub seed: Seed,
    /// The number of its configuration.
    pub generation: u64,
    object: Made,
}

impl Filter {
    /// The filter of the gate with this name; nothing when there is none.
    ///
    /// # Errors
    /// If the cluster does not let us.
    pub async fn find(
        writer: &Writer,
        (namespace, gate): (&str, &str),
        extension: Extension,
    ) -> Result<Option<Filter>, Error> {
        for kind in kinds(extension) {
            // A cluster that does not serve the kind has no such object either.
            let found = writer.read(&name(*kind, namespace, gate)).await?;
            if let Some(filter) = found.and_then(|object| Filter::of(*kind, object)) {
                return Ok(Some(filter));
            }
        }
        Ok(None)
    }

    /// The filter of `gate`.
    ///
    /// # Errors
    /// If it is not there, or the cluster does not let us.
    pub async fn of_gate(writer: &Writer, gate: &DrillGate) -> Result<Filter, Error> {
        let (namespace, name) = (namespace_of(gate), gate.name_any());
        let found = Filter::find(writer, (&namespace, &name), gate.spec.extension).await?;
        found.ok_or_else(|| Error::NotInstalled {
            gate: format!("{namespace}/{name}"),
        })
    }

    fn of(kind: PluginKind, object: Made) -> Option<Filter> {
        let seed = object.annotations().get(ROUTE_SEED)?.parse().ok()?;
        let generation = configuration(object.filter()?)?.get("generation")?;
        // A control plane may carry a whole number as a double.
        let generation = generation
            .as_u64()
            .or_else(|| generation.as_f64().map(|double| double as u64))?;
        Some(Filter {
            kind,
            seed,
            generation,
            object,
        })
    }

    /// The object itself.
    pub fn into_object(self) -> Made {
        self.object
    }

    /// What the object is called.
    pub fn reference(&self) -> ObjectRef {
        crate::reconcile::reference(&self.object)
    }

    /// The gate, where `drillgate gate install` has written it down: there may be no resource.
    pub fn gate(&self) -> Option<DrillGate> {
        let written = self.object.annotations().get(GATE_SPEC)?;
        serde_json::from_str(written).ok()
    }

    /// Whether the active list has a drill's entry as `activation` wants it.
    pub fn lists(&self, id: Uuid, activation: &Object) -> bool {
        let id = id.to_string();
        let wanted = configuration_of(activation);
        let wanted = wanted
            .as_ref()
            .and_then(|wanted| wanted.get("drills")?.get(&id));
        let listed = active_list(&self.object).and_then(|drills| drills.get(&id));
        wanted.is_some() && listed == wanted
    }
}

/// Where a filter may be. With `Auto` it may stand in the older kind still, on a cluster that has
/// got the newer one since.
fn kinds(extension: Extension) -> &'static [PluginKind] {
    match extension {
        Extension::Auto => &[PluginKind::TrafficExtension, PluginKind::WasmPlugin],
        Extension::WasmPlugin => &[PluginKind::WasmPlugin],
        Extension::TrafficExtension => &[PluginKind::TrafficExtension],
    }
}

/// The kind that a new filter gets.
///
/// # Errors
/// If the cluster does not say what it serves.
pub async fn kind_for(client: &Client, extension: Extension) -> Result<PluginKind, Error> {
    let has_newer = match extension {
        Extension::Auto => crate::reconcile::serves_traffic_extension(client)
            .await
            .map_err(|error| super::cluster::unread("the API server's kinds", error))?,
        _ => false,
    };
    Ok(PluginKind::of(extension, has_newer))
}
