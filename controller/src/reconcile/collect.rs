//! Removes what nobody removed: after a crash, a lost delete, or a pipeline that was killed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use tokio::time::sleep;
use uuid::Uuid;

use super::cluster::{Cluster, reference};
use super::context::Context;
use super::error::{Error, named};
use super::made::Made;
use super::plugin::{self, active_list};
use super::writer::MANAGER;
use crate::api::{Drill, ObjectRef};
use crate::resources::metadata::{DRILL, DRILL_ID, EXPIRES_AT};
use crate::resources::names::field_manager;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(30);

/// How long after its end an object may still be there: whoever made it removes it first.
const GRACE_SECONDS: i64 = 10;

/// Looks for stale objects for ever; `beat` is called after each look.
pub async fn run(context: Arc<Context>, beat: impl Fn()) {
    loop {
        context.measure_drills();
        super::schedule::measure(&context);
        if let Err(error) = collect(&context).await {
            tracing::warn!(%error, category = error.category(), "the collector could not finish and tries again");
        }
        beat();
        sleep(EVERY).await;
    }
}

/// Removes everything that carries our labels and has no living drill, or is past its end. What
/// cannot be removed holds up nothing else: the first failure is told when all has been tried.
pub async fn collect(context: &Context) -> Result<(), Error> {
    let (cluster, now) = (&context.cluster, context.now());
    let living = living(cluster);
    let stale = |object: &Made| is_stale(object, |id| living.contains(id), &now);
    let mut outcome = Ok(());
    for object in cluster.ours.all(stale) {
        let name = reference(&object);
        let removed = remove(context, &name, &now).await;
        outcome = outcome.and(logged(removed, &name));
    }
    for filter in cluster.ours.filters() {
        let name = reference(&filter);
        let stale = stale_entries(&filter, cluster, &now);
        // Together: what is ours among them goes by one write.
        let ours = stale
            .iter()
            .map(|id| plugin::withdraw_from(context, &name, *id));
        for (id, was_ours) in stale.iter().zip(join_all(ours).await) {
            let removed = withdraw(context, &filter, *id, was_ours).await;
            outcome = outcome.and(logged(removed, &name));
        }
    }
    outcome
}

/// Removes a stale object, as it is now, and only if we made it: a label alone is soon copied.
async fn remove(context: &Context, name: &ObjectRef, now: &Time) -> Result<(), Error> {
    let Some(found) = context.writer.read(name).await? else {
        return Ok(());
    };
    // A drill may have come meanwhile.
    let is_stale = is_stale(&found, |id| lives(id, &context.cluster), now);
    if is_ours(&found) && is_stale && context.writer.delete_if(name, found.uid()).await? {
        context.metrics.collected(static_kind(&name.kind));
        tracing::info!(object = %named(name), "collected: it has no living drill, or is past its end");
    }
    Ok(())
}

/// Takes a stale entry out of `filter`, unless it `was_ours` and is out already.
async fn withdraw(
    context: &Context,
    filter: &Made,
    id: Uuid,
    was_ours: Result<bool, Error>,
) -> Result<(), Error> {
    let name = reference(filter);
    if !was_ours? {
        // That of a drill without a resource.
        let (uid, manager) = (filter.uid().unwrap_or_default(), field_manager(id));
        context.writer.withdraw(&name, &uid, &manager).await?;
    }
    context.metrics.collected("ActiveListEntry");
    tracing::info!(drill = %id, plugin = %named(&name), "collected: an entry of the active list that has no living drill");
    Ok(())
}

/// Says what could not be removed, or taken out of what.
fn logged(removed: Result<(), Error>, from: &ObjectRef) -> Result<(), Error> {
    removed.inspect_err(|error| {
        tracing::warn!(object = %named(from), %error, category = error.category(), "could not be collected, and is tried again");
    })
}

/// The kinds that a drill has, as the metric's label knows them.
fn static_kind(kind: &str) -> &'static str {
    match kind {
        "VirtualService" => "VirtualService",
        "HTTPRoute" => "HTTPRoute",
        "DestinationRule" => "DestinationRule",
        _ => "Other",
    }
}

/// Whether an object belongs to a drill that is gone, or is past its end.
fn is_stale(object: &Made, lives: impl Fn(&str) -> bool, now: &Time) -> bool {
    let Some(id) = object.labels().get(DRILL_ID) else {
        return false;
    };
    let annotations = object.annotations();
    if is_past(annotations.get(EXPIRES_AT).map(String::as_str), now) {
        return true;
    }
    // A one-shot drill has no resource: only its end counts.
    annotations.contains_key(DRILL) && !lives(id)
}

/// The active list's entries that are past their end. The edge has ended them already; what has
/// no resource belongs to a one-shot drill and is that drill's own until then.
fn stale_entries(filter: &Made, cluster: &Cluster, now: &Time) -> Vec<Uuid> {
    let drills = active_list(filter).into_iter().flatten();
    let stale = drills.filter(|(id, entry)| {
        let end = plugin::end_of(entry);
        let is_past = end.is_some_and(|end| end + GRACE_SECONDS < now.0.as_second());
        is_past && !lives(id, cluster)
    });
    stale.filter_map(|(id, _)| id.parse().ok()).collect()
}

/// The UUIDs of all drills that have a resource.
fn living(cluster: &Cluster) -> HashSet<String> {
    let drills = cluster.drills.state();
    drills.iter().filter_map(|drill| drill.uid()).collect()
}

/// Whether the drill with this UUID has a resource, over or not: then that is what removes.
fn lives(id: &str, cluster: &Cluster) -> bool {
    let is_it = |drill: &Drill| drill.metadata.uid.as_deref() == Some(id);
    cluster.drills.find(is_it).is_some()
}

fn is_past(end: Option<&str>, now: &Time) -> bool {
    let end: Option<k8s_openapi::jiff::Timestamp> = end.and_then(|end| end.parse().ok());
    end.is_some_and(|end| end.as_second() + GRACE_SECONDS < now.0.as_second())
}

fn is_ours(object: &Made) -> bool {
    let managers = object.metadata.managed_fields.iter().flatten();
    let mut names = managers.filter_map(|entry| entry.manager.as_deref());
    names.any(|name| name == MANAGER)
}
