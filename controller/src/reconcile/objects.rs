//! Applying and removing whole objects.

use std::sync::Arc;

use kube::Resource;
use kube::runtime::events::EventType;

use super::applied::{is_current, stamped};
use super::cluster::reference;
use super::context::Context;
use super::error::{Error, named};
use super::made::Made;
use super::writer::MANAGER;
use crate::api::ObjectRef;
use crate::resources::Object;

/// Applies the objects of `about` that are not as they should be. One that is gone although
/// `about` `stood` already was deleted by hand: people are told.
pub async fn apply<'a, K: Resource<DynamicType = ()>>(
    context: &Context,
    about: &K,
    objects: impl IntoIterator<Item = &'a Object>,
    stood: bool,
) -> Result<(), Error> {
    for object in objects {
        let was_missing = apply_one(context, object).await?;
        if was_missing && stood {
            let name = named(&object.reference());
            let note = format!("{name} was gone and has been made again");
            let writer = &context.writer;
            writer
                .tell(about, EventType::Warning, "Repaired", note)
                .await;
        }
    }
    Ok(())
}

/// Says whether the object was not there at all.
async fn apply_one(context: &Context, object: &Object) -> Result<bool, Error> {
    let name = object.reference();
    let body = stamped(object);
    let observed = context.cluster.ours.get(&name);
    let is_there = observed.is_some();
    let current = observed.is_some_and(|observed| is_current(&observed, &body));
    if current || context.cluster.lags(&name, MANAGER) {
        return Ok(false);
    }
    let version = context.writer.apply(&name, &body, MANAGER).await?;
    context.cluster.wrote(&name, MANAGER, version);
    Ok(!is_there)
}

/// All that has been made for a gate or a drill: what its status has `told`, and what is `seen`.
pub fn known(seen: &[Arc<Made>], told: Option<&[ObjectRef]>) -> Vec<ObjectRef> {
    let seen = seen.iter().map(|object| reference(object));
    let mut known: Vec<ObjectRef> = seen.chain(told.into_iter().flatten().cloned()).collect();
    known.sort();
    known.dedup();
    known
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

/// What routes requests, and what is routed to.
pub fn routes_first(objects: Vec<ObjectRef>) -> (Vec<ObjectRef>, Vec<ObjectRef>) {
    let is_route = |object: &ObjectRef| order(&object.kind) <= order("VirtualService");
    objects.into_iter().partition(is_route)
}

/// What steers goes first, then what routes, then limits, then what refuses.
pub fn order(kind: &str) -> u8 {
    match kind {
        "WasmPlugin" | "TrafficExtension" => 0,
        "Telemetry" => 1,
        "VirtualService" | "HTTPRoute" => 2,
        "DestinationRule" => 3,
        _ => 4,
    }
}
