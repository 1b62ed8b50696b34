//! Which drills have a place at a gate: two about one host and environment take turns.

use std::sync::Arc;

use kube::ResourceExt;

use crate::api::{Drill, Phase};
use crate::reconcile::triggers::gate_of;
use crate::resources::refusal::LivingDrill;

/// The drills among `all` that may stand in the way of `drill`.
///
/// Whoever has a place keeps it. Two that came in at the same moment, each before it was seen of
/// the other, have one both: then the older one keeps it.
pub fn rivals(drill: &Drill, all: &[Arc<Drill>]) -> Vec<LivingDrill> {
    let counts = |other: &&Arc<Drill>| {
        other.metadata.uid != drill.metadata.uid
            && gate_of(other) == gate_of(drill)
            && has_a_place(other)
            && (!has_a_place(drill) || is_older(other, drill))
    };
    let rivals = all.iter().filter(counts);
    rivals.map(|other| LivingDrill::of(other)).collect()
}

/// Whether a drill has begun and is not over.
fn has_a_place(drill: &Drill) -> bool {
    matches!(
        drill.phase(),
        Some(Phase::Programming | Phase::Active | Phase::Ending)
    )
}

fn is_older(one: &Drill, other: &Drill) -> bool {
    let age = |drill: &Drill| (drill.creation_timestamp().map(|time| time.0), drill.uid());
    age(one) < age(other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::rivals;
    use crate::api::Drill;

    fn drill(name: &str, gate: &str, created: &str, phase: &str) -> Arc<Drill> {
        let drill = json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": name, "namespace": "ci", "uid": name, "creationTimestamp": created},
            "spec": {
                "gateRef": {"name": gate}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            },
            "status": {"phase": phase},
        });
        Arc::new(serde_json::from_value(drill).unwrap())
    }

    fn names(of: &Drill, all: &[Arc<Drill>]) -> Vec<String> {
        rivals(of, all)
            .into_iter()
            .map(|rival| rival.name)
            .collect()
    }

    const EARLY: &str = "2026-11-26T10:00:00Z";
    const LATE: &str = "2026-11-26T10:00:01Z";

    #[test]
    fn whoever_has_a_place_stands_in_the_way_of_one_that_has_none() {
        for phase in ["Programming", "Active", "Ending"] {
            let all = [
                drill("new", "edge", EARLY, "Pending"),
                drill("old", "edge", LATE, phase),
            ];
            assert_eq!(names(&all[0], &all), ["ci/old"], "{phase}");
            assert_eq!(names(&all[1], &all), Vec::<String>::new());
        }
    }

    #[test]
    fn of_two_that_came_in_together_the_older_one_stays() {
        let all = [
            drill("a", "edge", LATE, "Active"),
            drill("b", "edge", EARLY, "Programming"),
        ];
        assert_eq!(names(&all[0], &all), ["ci/b"]);
        assert_eq!(names(&all[1], &all), Vec::<String>::new());
        // Made in the same second: the UUIDs decide.
        let all = [
            drill("a", "edge", LATE, "Active"),
            drill("b", "edge", LATE, "Active"),
        ];
        assert_eq!(names(&all[0], &all), Vec::<String>::new());
        assert_eq!(names(&all[1], &all), ["ci/a"]);
    }

    #[test]
    fn what_is_over_waits_or_goes_elsewhere_is_in_nobodys_way() {
        for (gate, phase) in [
            ("edge", "Ended"),
            ("edge", "Failed"),
            ("edge", "Pending"),
            ("other", "Active"),
        ] {
            let all = [
                drill("a", "edge", LATE, "Pending"),
                drill("b", gate, EARLY, phase),
            ];
            assert_eq!(names(&all[0], &all), Vec::<String>::new(), "{gate} {phase}");
        }
    }
}
