//! A schedule's drills, as they are made.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ObjectMeta;
use kube::{Resource, ResourceExt};

use super::calendar::Minute;
use super::step::name_of;
use crate::api::{Drill, DrillSchedule};
use crate::resources::metadata::{SCHEDULE, SCHEDULED_FOR, STARTED_BY, namespace_of, rfc3339};

/// The drill of one run of `schedule`.
pub fn of_run(schedule: &DrillSchedule, run: Minute) -> Drill {
    let mut drill = of(schedule, (SCHEDULED_FOR, rfc3339(&run.time())));
    drill.metadata.name = Some(name_of(schedule, run));
    drill
}

/// A drill of `schedule` that a person starts now.
pub fn of_command(schedule: &DrillSchedule) -> Drill {
    let mut drill = of(schedule, (STARTED_BY, "schedule run".to_owned()));
    drill.metadata.generate_name = Some(format!("{}-run-", schedule.name_any()));
    drill
}

/// What all of them have: the template, and the schedule as their owner.
fn of(schedule: &DrillSchedule, (annotation, value): (&str, String)) -> Drill {
    let template = schedule.spec.drill_template.clone();
    let mut labels = template.metadata.labels;
    labels.insert(SCHEDULE.to_owned(), schedule.name_any());
    let mut annotations: BTreeMap<String, String> = template.metadata.annotations;
    annotations.insert(annotation.to_owned(), value);
    // It goes with its schedule, and does not hold it up.
    let owner = schedule
        .controller_owner_ref(&())
        .map(|owner| OwnerReference {
            block_owner_deletion: None,
            ..owner
        });
    Drill {
        metadata: ObjectMeta {
            namespace: Some(namespace_of(schedule)),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

/// Whether `object` belongs to `schedule`.
pub fn owns<K: Resource>(schedule: &DrillSchedule, object: &K) -> bool {
    let mut owners = object.owner_references().iter();
    owners.any(|owner| Some(owner.uid.as_str()) == schedule.meta().uid.as_deref())
}
