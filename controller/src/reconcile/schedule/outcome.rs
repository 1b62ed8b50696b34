//! Whether a drill of a schedule has shown what it was made for.

use crate::api::{Drill, Phase, Severity};
use crate::resources::conditions::{CHECKS_PASSED, Status};

/// Whether a drill was ready, is over, and all that it had to prove was proven: required checks that
/// failed, or were not run, did not.
pub fn went_well(drill: &Drill) -> bool {
    let mut checks = drill.spec.checks.iter();
    let is_asked = checks.any(|check| check.severity == Severity::Required);
    let mut conditions = drill.status.iter().flat_map(|status| &status.conditions);
    let has_passed =
        conditions.any(|held| held.type_ == CHECKS_PASSED && held.status == Status::True.as_str());
    drill.phase() == Some(Phase::Ended) && (has_passed || !is_asked)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::went_well;
    use crate::api::Drill;

    /// A drill with a check of this severity, if any, in this phase; and what its checks came to.
    fn drill(severity: Option<&str>, phase: &str, passed: Option<&str>) -> Drill {
        let checks =
            severity.map(|severity| json!([{"name": "up", "grpc": {}, "severity": severity}]));
        let conditions = passed.map(|status| {
            json!([{
                "type": "ChecksPassed", "status": status, "reason": "r", "message": "m",
                "lastTransitionTime": "2026-11-26T10:00:00Z",
            }])
        });
        let or_none = |list: Option<Value>| list.unwrap_or_else(|| json!([]));
        let drill = json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": "q4", "namespace": "ci"},
            "spec": {
                "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
                "checks": or_none(checks),
            },
            "status": {"phase": phase, "conditions": or_none(conditions)},
        });
        serde_json::from_value(drill).unwrap()
    }

    #[test]
    fn a_drill_went_well_that_ended_and_whose_required_checks_have_passed() {
        let (required, informative) = (Some("Required"), Some("Informative"));
        for (severity, phase, passed, well) in [
            (None, "Ended", None, true),
            (None, "Failed", None, false),
            (None, "Active", None, false),
            (required, "Ended", Some("True"), true),
            (required, "Ended", Some("False"), false),
            // They were not run, or nobody could ask the gateway.
            (required, "Ended", Some("Unknown"), false),
            (required, "Ended", None, false),
            (required, "Failed", Some("True"), false),
            (required, "Ending", Some("True"), false),
            (informative, "Ended", Some("True"), true),
            (informative, "Ended", Some("Unknown"), true),
        ] {
            let drill = drill(severity, phase, passed);
            assert_eq!(went_well(&drill), well, "{severity:?} {phase} {passed:?}");
        }
    }
}
