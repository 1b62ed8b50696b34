//! Schedules in numbers: when the next run is due, and when the last one was.

use crate::api::DrillSchedule;
use crate::reconcile::context::Context;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Looks at all schedules.
pub fn measure(context: &Context) {
    let schedules = context.cluster.schedules.state();
    let times = |of: fn(&DrillSchedule) -> Option<&Time>| {
        let times = schedules.iter().filter_map(move |schedule| of(schedule));
        times.filter_map(|time| u64::try_from(time.0.as_second()).ok())
    };
    let next = times(|schedule| schedule.status.as_ref()?.next_schedule_time.as_ref()).min();
    let last = times(|schedule| schedule.status.as_ref()?.last_schedule_time.as_ref()).max();
    context.metrics.set_schedule_times(next, last);
}
