//! Labels, annotations and owners of what drillgate makes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::core::ObjectMeta;
use kube::{Resource, ResourceExt};
use uuid::Uuid;

use super::names::bounded;
use crate::api::{Drill, DrillGate};

/// The label that marks what drillgate makes.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Its value.
pub const DRILLGATE: &str = "drillgate";

/// The label with a drill's UUID, on the objects of the drill.
pub const DRILL_ID: &str = "drillgate.dev/drill-id";

/// The label with the gate, as `namespace.name`, on the objects of a gate and of its drills. See
/// [`gate_label`].
pub const GATE: &str = "drillgate.dev/gate";

/// The annotation with the drill, as `namespace/name`, on the objects of the drill.
pub const DRILL: &str = "drillgate.dev/drill";

/// The same for a drill that has no resource, since a command has brought it up: then its end alone
/// says whether it still has a use.
pub const ONE_SHOT: &str = "drillgate.dev/one-shot";

/// The annotation with the time, in RFC 3339, at which an object of a drill has no use any more.
pub const EXPIRES_AT: &str = "drillgate.dev/expires-at";

/// The label with a schedule's name, on the drills of the schedule.
pub const SCHEDULE: &str = "drillgate.dev/schedule";

/// The annotation with the time, in RFC 3339, at which a drill of a schedule was due.
pub const SCHEDULED_FOR: &str = "drillgate.dev/scheduled-for";

/// The annotation on a drill that says which command started it.
pub const STARTED_BY: &str = "drillgate.dev/started-by";

/// The annotation on the gate's plugin with what its drills' route keys are derived from
/// ([`crate::route_key::Seed`]).
pub const ROUTE_SEED: &str = "drillgate.dev/route-seed";

/// The annotation on the plugin of a gate that has no resource: the gate itself, as JSON.
pub const GATE_SPEC: &str = "drillgate.dev/gate-resource";

/// The label with a drill's name, on the evidence of its runs. See
/// [`evidence_of`](super::names::evidence_of).
pub const EVIDENCE_OF: &str = "drillgate.dev/evidence-of";

/// The annotation on evidence with what the drill came to: `passed` or `failed`.
pub const VERDICT: &str = "drillgate.dev/verdict";

/// The annotation on evidence with the time, in RFC 3339, at which the run began.
pub const BEGAN: &str = "drillgate.dev/began";

/// The annotation on evidence with the SHA-256 of its `report.json`, in hex.
pub const REPORT_SHA256: &str = "drillgate.dev/report-sha256";

/// The value of the label [`GATE`], shortened where it would be too long for a label.
pub fn gate_label(namespace: &str, name: &str) -> String {
    bounded(format!("{namespace}.{name}"))
}

/// The value of the label [`GATE`] for what belongs to `gate`.
pub(crate) fn label_of(gate: &DrillGate) -> String {
    gate_label(&namespace_of(gate), &gate.name_any())
}

/// RFC 3339 in UTC, in whole seconds.
pub fn rfc3339(time: &Time) -> String {
    time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Metadata of an object of `gate` in `namespace`.
pub(super) fn of_gate(gate: &DrillGate, namespace: &str, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace.to_owned()),
        labels: Some(BTreeMap::from([
            (MANAGED_BY.to_owned(), DRILLGATE.to_owned()),
            (GATE.to_owned(), label_of(gate)),
        ])),
        owner_references: owner(gate, namespace),
        ..ObjectMeta::default()
    }
}

/// Metadata of an object of `drill` in `namespace`.
pub(super) fn of_drill(
    drill: &Drill,
    (id, gate, expires_at): (Uuid, &DrillGate, &Time),
    namespace: &str,
    name: String,
) -> ObjectMeta {
    let mut meta = of_gate(gate, namespace, name);
    let labels = meta.labels.get_or_insert_default();
    labels.insert(DRILL_ID.to_owned(), id.to_string());
    // The API server gives every resource a UID.
    let has_resource = drill.meta().uid.is_some();
    let annotation = if has_resource { DRILL } else { ONE_SHOT };
    meta.annotations = Some(BTreeMap::from([
        (annotation.to_owned(), full_name(drill)),
        (EXPIRES_AT.to_owned(), rfc3339(expires_at)),
    ]));
    meta.owner_references = owner(drill, namespace);
    meta
}

/// The namespace that an object of ours is in; both kinds are namespaced, so it has one.
pub(crate) fn namespace_of<K: Resource>(object: &K) -> String {
    object.namespace().unwrap_or_default()
}

/// An object as `namespace/name`.
pub(crate) fn full_name<K: Resource>(object: &K) -> String {
    format!("{}/{}", namespace_of(object), object.name_any())
}

/// `object` as the owner of what is in `namespace`: garbage collection knows no owner in another
/// namespace, and an object that the API server has not seen yet has no UID to be owned by.
fn owner<K: Resource<DynamicType = ()>>(
    object: &K,
    namespace: &str,
) -> Option<Vec<OwnerReference>> {
    if namespace_of(object) != namespace {
        return None;
    }
    Some(vec![object.controller_owner_ref(&())?])
}
