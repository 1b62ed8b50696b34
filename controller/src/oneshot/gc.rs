//! What was left behind: drills of pipelines that were killed.
//!
//! The controller's collector does the same all the time. This is for clusters that run none.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;

use super::standing::Standing;

/// How long after its end a drill may still be there: whoever made it removes it first.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// The drills that are over for a while and have no resource: nobody else removes them.
pub fn stale<'a>(all: &'a [Standing], now: &Time) -> Vec<&'a Standing> {
    let then = now.0.checked_sub(GRACE).map_or_else(|_| now.clone(), Time);
    let is_stale = |one: &&Standing| one.resource.is_none() && one.is_over(&then);
    all.iter().filter(is_stale).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::stale;
    use crate::oneshot::standing::{Resource, Standing, standing};

    fn at(seconds: i64) -> Time {
        Time(Timestamp::from_second(seconds).unwrap())
    }

    fn drill(end: Option<i64>, resource: bool) -> Standing {
        let filter = serde_json::json!({
            "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
            "metadata": {"name": "drillgate-edge", "namespace": "istio-system"},
            "spec": {"pluginConfig": {"drills": {
                "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f": [{"environment": "dr", "notAfter": end}],
            }}},
        });
        let filter = serde_json::from_value(filter).unwrap();
        let mut one = standing(&[filter], &[]).remove(0);
        one.resource = resource.then_some(Resource {
            phase: None,
            message: None,
            checks: Vec::new(),
        });
        one
    }

    #[test]
    fn what_is_over_for_a_while_and_is_nobodys_is_stale() {
        let all = [drill(Some(100), false)];
        assert_eq!(stale(&all, &at(110)).len(), 1);
        assert_eq!(stale(&all, &at(109)).len(), 0);
    }

    #[test]
    fn what_has_a_resource_or_no_end_is_left_alone() {
        let all = [drill(Some(100), true), drill(None, false)];
        assert_eq!(stale(&all, &at(1_000_000)).len(), 0);
    }
}
