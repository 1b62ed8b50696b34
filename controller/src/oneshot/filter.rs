//! Where a gate's filter stands in the cluster.

use std::sync::Arc;

use kube::{Client, ResourceExt};

use super::Error;
use crate::api::{DrillGate, Extension};
use crate::reconcile::plugin::{Plugin, name};
use crate::reconcile::writer::Writer;
use crate::resources::metadata::{GATE_SPEC, full_name, namespace_of};
use crate::resources::plugin::PluginKind;

/// The filter of the gate with this namespace and name; nothing when there is none.
///
/// # Errors
/// If the cluster does not let us.
pub async fn find(
    writer: &Writer,
    (namespace, gate): (&str, &str),
    extension: Extension,
) -> Result<Option<Plugin>, Error> {
    for kind in kinds(extension) {
        // A cluster that does not serve the kind has no such object either.
        let found = writer.read(&name(*kind, namespace, gate)).await?;
        if let Some(filter) = found.and_then(|object| Plugin::read(*kind, Arc::new(object))) {
            return Ok(Some(filter));
        }
    }
    Ok(None)
}

/// The filter of `gate`.
///
/// # Errors
/// If it is not there, or the cluster does not let us.
pub async fn of_gate(writer: &Writer, gate: &DrillGate) -> Result<Plugin, Error> {
    let place = (&*namespace_of(gate), &*gate.name_any());
    let found = find(writer, place, gate.spec.extension).await?;
    found.ok_or_else(|| Error::NotInstalled {
        gate: full_name(gate),
    })
}

/// The gate, where `drillgate gate install` has written it down beside its filter: there may be no
/// resource.
pub fn written_gate(filter: &Plugin) -> Option<DrillGate> {
    let written = filter.object().annotations().get(GATE_SPEC)?;
    serde_json::from_str(written).ok()
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
