//! The drills that go through a gate.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Map, Value};

use crate::api::Drill;
use crate::reconcile::plugin::end_of;

/// How many drills go through a gate, each once: the `begun` ones, which have a resource, and those
/// in its filter's active list, which may have none.
pub fn count(begun: &[Arc<Drill>], listed: Option<&Map<String, Value>>, now: &Time) -> i32 {
    let begun = begun
        .iter()
        .filter_map(|drill| drill.metadata.uid.as_deref());
    let lasts = |entry: &Value| end_of(entry).is_none_or(|end| end > now.0.as_second());
    let listed = listed.into_iter().flatten();
    let listed = listed.filter(|(_, entry)| lasts(entry));
    let all: BTreeSet<&str> = begun.chain(listed.map(|(id, _)| id.as_str())).collect();
    i32::try_from(all.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Map, Value, json};

    use super::count;
    use crate::api::Drill;

    const NOW: i64 = 1_790_000_000;

    fn drill(uid: &str) -> Arc<Drill> {
        let drill = json!({
            "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
            "metadata": {"name": uid, "namespace": "ci", "uid": uid},
            "spec": {
                "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            },
        });
        Arc::new(serde_json::from_value(drill).unwrap())
    }

    fn counted(begun: &[&str], listed: &[(&str, i64)]) -> i32 {
        let begun: Vec<Arc<Drill>> = begun.iter().map(|uid| drill(uid)).collect();
        let entry = |until: &i64| json!([{"environment": "dr", "notAfter": until}]);
        let listed = listed.iter();
        let listed: Map<String, Value> = listed
            .map(|(id, until)| ((*id).to_owned(), entry(until)))
            .collect();
        let now = Time(Timestamp::from_second(NOW).unwrap());
        count(&begun, Some(&listed), &now)
    }

    #[test]
    fn a_drill_without_a_resource_counts_until_its_end() {
        assert_eq!(counted(&[], &[]), 0);
        assert_eq!(counted(&[], &[("pipeline", NOW + 1)]), 1);
        assert_eq!(counted(&[], &[("pipeline", NOW)]), 0);
        assert_eq!(counted(&["a"], &[("pipeline", NOW + 1)]), 2);
    }

    #[test]
    fn a_drill_with_a_resource_and_an_entry_counts_once() {
        assert_eq!(counted(&["a", "b"], &[]), 2);
        assert_eq!(counted(&["a", "b"], &[("a", NOW + 1), ("b", NOW)]), 2);
    }
}
