//! What is to be done next about a drill: a function of what is seen and the time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;

use crate::api::{Drill, DrillStatus, Phase};
use crate::reconcile::writer::FINALIZER;
use crate::resources::refusal::Refusal;

/// What is to be done next about a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is over, and nothing of it is left.
    Rest,
    /// It was deleted: everything that it made goes, and then the finalizer.
    Forget,
    /// Its time has come: everything that it made goes.
    End,
    /// It cannot be carried out: whatever it has made goes, and it waits for the mend.
    Hold(Vec<Refusal>),
    /// Its gate is not ready: whatever it has made goes, and it waits.
    Wait(String),
    /// It begins now.
    Begin,
    /// It has begun: what it consists of must stand at the edge.
    Program,
}

/// What is seen around a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What stands against it.
    pub refusals: Vec<Refusal>,
    /// Why its gate cannot take drills, if it cannot.
    pub gate_not_ready: Option<String>,
}

/// What is to be done next about `drill`. Only a drill that is neither gone nor over needs to be
/// `seen` among the others.
pub fn next(drill: &Drill, seen: impl FnOnce() -> Seen, now: &Time) -> Step {
    let finalized = drill.metadata.finalizers.iter().flatten();
    let is_held = finalized.into_iter().any(|name| name == FINALIZER);
    let none = DrillStatus::default();
    let status = drill.status.as_ref().unwrap_or(&none);
    if drill.metadata.deletion_timestamp.is_some() {
        return if is_held { Step::Forget } else { Step::Rest };
    }
    if drill.is_over() {
        return Step::Rest;
    }
    if status.phase == Some(Phase::Ending) || expires_at(drill).is_some_and(|end| end.0 <= now.0) {
        return Step::End;
    }
    let seen = seen();
    if !seen.refusals.is_empty() {
        return Step::Hold(seen.refusals);
    }
    if let Some(why) = seen.gate_not_ready {
        return Step::Wait(why);
    }
    if status.started_at.is_none() || !is_held {
        return Step::Begin;
    }
    Step::Program
}

/// When a drill that has begun ends: its ttl may have been changed since.
pub fn expires_at(drill: &Drill) -> Option<Time> {
    let started = drill.status.as_ref()?.started_at.as_ref()?;
    Some(after(started, drill))
}

/// When `drill` ends if it begins at `start`.
pub fn after(start: &Time, drill: &Drill) -> Time {
    let ttl = SignedDuration::from_secs(drill.spec.ttl.as_secs().into());
    // Whole seconds, as the edge counts them. Past the end of time it ends there.
    let start = k8s_openapi::jiff::Timestamp::from_second(start.0.as_second());
    let end = start.and_then(|start| start.checked_add(ttl));
    Time(end.unwrap_or(k8s_openapi::jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::{Seen, Step, expires_at, next};
    use crate::api::Drill;
    use crate::reconcile::writer::FINALIZER;
    use crate::resources::refusal::{Reason, Refusal};

    fn at(time: &str) -> Time {
        Time(time.parse().unwrap())
    }

    fn drill(metadata: Value, status: Value) -> Drill {
        let mut drill = json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": "q4", "namespace": "ci"},
            "spec": {
                "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            },
            "status": status,
        });
        for (name, value) in metadata.as_object().unwrap() {
            drill["metadata"][name] = value.clone();
        }
        serde_json::from_value(drill).unwrap()
    }

    fn fine() -> Seen {
        Seen {
            refusals: Vec::new(),
            gate_not_ready: None,
        }
    }

    fn refused() -> Seen {
        let refusals = vec![Refusal {
            reason: Reason::TtlOutOfRange,
            field: "spec.ttl".to_owned(),
            message: "m".to_owned(),
        }];
        Seen { refusals, ..fine() }
    }

    const START: &str = "2026-11-26T10:00:00Z";

    #[test]
    fn a_drill_begins_lives_and_ends_by_its_ttl() {
        let now = at("2026-11-26T10:10:00Z");
        assert_eq!(next(&drill(json!({}), json!({})), fine, &now), Step::Begin);
        let held = json!({"finalizers": [FINALIZER]});
        let begun = json!({"phase": "Programming", "startedAt": START});
        let running = drill(held.clone(), begun.clone());
        assert_eq!(next(&running, fine, &now), Step::Program);
        assert_eq!(expires_at(&running), Some(at("2026-11-26T10:30:00Z")));
        let last = at("2026-11-26T10:29:59Z");
        assert_eq!(next(&running, fine, &last), Step::Program);
        let end = at("2026-11-26T10:30:00Z");
        assert_eq!(next(&running, fine, &end), Step::End);
        // The end comes whatever else is wrong.
        assert_eq!(next(&running, refused, &end), Step::End);
        // Without the finalizer nothing may be made.
        assert_eq!(next(&drill(json!({}), begun), fine, &now), Step::Begin);
    }

    #[test]
    fn a_changed_ttl_moves_the_end_and_not_the_beginning() {
        let mut running = drill(json!({}), json!({"startedAt": START}));
        running.spec.ttl = "1h".parse().unwrap();
        assert_eq!(expires_at(&running), Some(at("2026-11-26T11:00:00Z")));
    }

    #[test]
    fn what_is_refused_or_has_no_gate_waits_and_keeps_nothing() {
        let now = at("2026-11-26T10:10:00Z");
        let held = json!({"finalizers": [FINALIZER]});
        let active = drill(held, json!({"phase": "Active", "startedAt": START}));
        assert!(matches!(next(&active, refused, &now), Step::Hold(_)));
        let waiting = Seen {
            gate_not_ready: Some("why".to_owned()),
            ..fine()
        };
        assert_eq!(
            next(&active, || waiting, &now),
            Step::Wait("why".to_owned())
        );
    }

    #[test]
    fn what_is_over_stays_over() {
        let now = at("2026-11-26T10:10:00Z");
        for phase in ["Ended", "Failed"] {
            let over = drill(json!({}), json!({"phase": phase, "startedAt": START}));
            assert_eq!(next(&over, fine, &now), Step::Rest, "{phase}");
        }
        let ending = drill(json!({}), json!({"phase": "Ending", "startedAt": START}));
        assert_eq!(next(&ending, fine, &now), Step::End);
    }

    #[test]
    fn a_deleted_drill_is_forgotten_in_any_phase_and_whatever_is_wrong() {
        let now = at("2026-11-26T10:10:00Z");
        for phase in [
            "Pending",
            "Programming",
            "Active",
            "Ending",
            "Ended",
            "Failed",
        ] {
            let deleted = json!({"deletionTimestamp": START, "finalizers": [FINALIZER]});
            let deleted = drill(deleted, json!({"phase": phase}));
            assert_eq!(next(&deleted, refused, &now), Step::Forget, "{phase}");
        }
        let free = drill(json!({"deletionTimestamp": START}), json!({}));
        assert_eq!(next(&free, fine, &now), Step::Rest);
    }
}
