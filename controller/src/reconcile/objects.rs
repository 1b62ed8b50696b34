//! Applying and removing whole objects.

use super::applied::{is_current, stamped};
use super::context::Context;
use super::error::Error;
use crate::api::ObjectRef;
use crate::resources::Object;

/// Applies an object that is not as it should be; says whether it was not there at all.
pub async fn apply(context: &Context, object: &Object, manager: &str) -> Result<bool, Error> {
    let name = object.reference();
    let body = stamped(object);
    let observed = context.cluster.our(&name);
    let is_there = observed.is_some();
    let current = observed.is_some_and(|observed| is_current(&observed, &body));
    if current || context.cluster.lags(&name, manager) {
        return Ok(false);
    }
    let version = context.writer.apply(&name, &body, manager).await?;
    context.cluster.wrote(&name, manager, version);
    Ok(!is_there)
}

/// Removes objects: what routes requests before what is routed to.
pub async fn remove(context: &Context, mut objects: Vec<ObjectRef>) -> Result<(), Error> {
    objects.sort_by_key(|object| order(&object.kind));
    for object in objects {
        context.writer.delete(&object).await?;
        context.cluster.recent.forget(&object);
    }
    Ok(())
}

/// What steers goes first, then what routes, then limits, then what refuses.
fn order(kind: &str) -> u8 {
    match kind {
        "WasmPlugin" | "TrafficExtension" => 0,
        "Telemetry" => 1,
        "VirtualService" => 2,
        "DestinationRule" => 3,
        _ => 4,
    }
}
