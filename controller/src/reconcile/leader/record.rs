//! What a Lease says, and what to do about it: no I/O and no clock.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

/// What a replica does about the record that it saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Writes this record, and leads if it is taken.
    Write(LeaseSpec),
    /// Leaves it to another.
    Wait {
        /// Who leads.
        holder: String,
        /// How long the record counts if it stays as it is.
        left: Duration,
    },
}

/// What `identity` does about the record that was seen, and for how long it was seen unchanged.
///
/// The times in the record are for people: they come from the clock of another machine. `now` is
/// what is written into the next one, `lease` is how long that one counts.
pub(super) fn next_step(
    seen: Option<(&LeaseSpec, Duration)>,
    identity: &str,
    lease: Duration,
    now: Timestamp,
) -> Step {
    let Some((spec, unchanged)) = seen else {
        let first = LeaseSpec {
            lease_transitions: Some(0),
            ..LeaseSpec::default()
        };
        return Step::Write(taken(first, identity, lease, now));
    };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    if holder == identity {
        return Step::Write(renewed(spec.clone(), lease, now));
    }
    let left = length(spec, lease).saturating_sub(unchanged);
    if !holder.is_empty() && !left.is_zero() {
        let holder = holder.to_owned();
        return Step::Wait { holder, left };
    }
    let next = LeaseSpec {
        lease_transitions: Some(spec.lease_transitions.unwrap_or(0).saturating_add(1)),
        ..spec.clone()
    };
    Step::Write(taken(next, identity, lease, now))
}

/// The record with which `identity` gives the lease back; nothing if it is not its own.
pub(super) fn released(spec: &LeaseSpec, identity: &str, now: Timestamp) -> Option<LeaseSpec> {
    (spec.holder_identity.as_deref() == Some(identity)).then(|| LeaseSpec {
        holder_identity: None,
        acquire_time: None,
        // As client-go does, for readers that look at the times and not at the holder.
        lease_duration_seconds: Some(1),
        renew_time: Some(MicroTime(now)),
        ..spec.clone()
    })
}

fn taken(spec: LeaseSpec, identity: &str, lease: Duration, now: Timestamp) -> LeaseSpec {
    let spec = LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        acquire_time: Some(MicroTime(now)),
        ..spec
    };
    renewed(spec, lease, now)
}

fn renewed(spec: LeaseSpec, lease: Duration, now: Timestamp) -> LeaseSpec {
    // Whole seconds, rounded up: a record must never count for less than its leader believes.
    let seconds = lease.as_secs() + u64::from(lease.subsec_nanos() > 0);
    LeaseSpec {
        lease_duration_seconds: Some(i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)),
        renew_time: Some(MicroTime(now)),
        ..spec
    }
}

/// How long a record counts: what its writer said, since that is what its writer relies on.
fn length(spec: &LeaseSpec, default: Duration) -> Duration {
    match spec.lease_duration_seconds.map(u64::try_from) {
        Some(Ok(seconds)) if seconds > 0 => Duration::from_secs(seconds),
        _ => default,
    }
}
