//! Which drills have a place at a gate: two about one host and environment take turns.

use kube::ResourceExt;

use crate::api::{Drill, Phase};
use crate::reconcile::triggers::gate_of;

/// Whether `other` may stand in the way of `drill`.
///
/// Whoever has a place keeps it. Two that came in at the same moment, each before it was seen of
/// the other, have one both: then the older one keeps it.
pub fn is_rival(drill: &Drill, other: &Drill) -> bool {
    // Of a thousand others nearly all are out here, for little.
    shares_a_host(drill, other)
        && other.metadata.uid != drill.metadata.uid
        && gate_of(other) == gate_of(drill)
        && has_a_place(other)
        && (!has_a_place(drill) || is_older(other, drill))
}

fn shares_a_host(one: &Drill, other: &Drill) -> bool {
    let mut hosts = one.spec.routes.iter().map(|route| &route.host);
    let others = &other.spec.routes;
    hosts.any(|host| others.iter().any(|route| route.host == *host))
}

/// Whether a drill has begun and is not over.
pub fn has_a_place(drill: &Drill) -> bool {
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
    use serde_json::json;

    use super::is_rival;
    use crate::api::Drill;
    use crate::resources::metadata::full_name;

    fn drill(name: &str, gate: &str, created: &str, phase: &str) -> Drill {
        let drill = json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": name, "namespace": "ci", "uid": name, "creationTimestamp": created},
            "spec": {
                "gateRef": {"name": gate}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            },
            "status": {"phase": phase},
        });
        serde_json::from_value(drill).unwrap()
    }

    fn names(of: &Drill, all: &[Drill]) -> Vec<String> {
        let rivals = all.iter().filter(|other| is_rival(of, other));
        rivals.map(full_name).collect()
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
    fn a_drill_with_other_hosts_is_in_nobodys_way() {
        let mut all = [
            drill("a", "edge", LATE, "Pending"),
            drill("b", "edge", EARLY, "Active"),
        ];
        all[1].spec.routes[0].host = "b.example.com".to_owned();
        assert_eq!(names(&all[0], &all), Vec::<String>::new());
        let shared = all[0].spec.routes[0].clone();
        all[1].spec.routes.push(shared);
        assert_eq!(names(&all[0], &all), ["ci/b"]);
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
