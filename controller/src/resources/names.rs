//! Names of objects: the same for the same gate, drill and host, so that applying twice changes
//! nothing, and at most 63 characters, which every kind and every label takes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use uuid::Uuid;

use crate::digest::digest;

/// How many bytes of a hash stand in a name.
const HASH: usize = 8;

/// The longest name.
pub const MAX_NAME: usize = 63;

/// The plugin and the telemetry of a gate.
pub fn gate(gate: &str) -> String {
    bounded(format!("drillgate-{gate}"))
}

/// The guard of a gate: the VirtualService of the drill domain, and the gateway's policy.
pub fn guard(gate: &str) -> String {
    bounded(format!("drillgate-{gate}-guard"))
}

/// The policy of a gate in a protected namespace, where gates of several namespaces may meet.
pub fn protection(namespace: &str, gate: &str) -> String {
    let origin = digest(&format!("{namespace}/{gate}"), HASH);
    bounded(format!("drillgate-{gate}-{origin}"))
}

/// An object of a drill that is about one host. Eight digits of the UUID are for people; the hash
/// is over the whole of it, so that two drills whose UUIDs begin alike keep apart.
pub fn of_drill(drill: Uuid, host: &str) -> String {
    let id = drill.to_string();
    let short: String = id.chars().take(8).collect();
    bounded(format!(
        "drillgate-{short}-{}",
        digest(&format!("{id}/{host}"), HASH)
    ))
}

/// The drill in the label of its evidence: its name. One that is too long, or no name that the API
/// server would take, is made one, with a hash of what it was: two drills never share a label.
pub fn evidence_of(drill: &str) -> String {
    let is_sound = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(fits) && part.trim_matches('-') == part
    };
    if drill.len() <= MAX_NAME && drill.split('.').all(is_sound) {
        return drill.to_owned();
    }
    let hash = digest(drill, HASH);
    let plain = drill.chars().map(|c| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    });
    let kept: String = plain.take(MAX_NAME - hash.len() - 1).collect();
    format!("{}-{hash}", kept.trim_matches('-'))
        .trim_start_matches('-')
        .to_owned()
}

/// The evidence of a run of a drill that began then: longer than [`MAX_NAME`], which no ConfigMap
/// minds. Eight digits of the drill's UUID keep two runs of one second apart.
pub fn evidence(drill: &str, began: &Time, id: &str) -> String {
    let began = began.0.strftime("%Y%m%d-%H%M%S");
    let digits = id.chars().filter(char::is_ascii_hexdigit);
    let short: String = digits.take(8).collect();
    let short = short.to_ascii_lowercase();
    format!("drillgate-{}-{began}-{short}", evidence_of(drill))
}

/// The field manager of the entries that the controller has in active lists: those of all drills
/// with a resource.
pub const DRILLS_MANAGER: &str = "drillgate-drills";

/// The field manager of the entry of a drill without a resource. Each such drill has its own: then
/// the API server merges the entries of many, and each is withdrawn without a look at the others.
pub fn field_manager(drill: Uuid) -> String {
    format!("drillgate-{drill}")
}

/// `name` itself if it is short enough, else its beginning and a hash of all of it.
pub(super) fn bounded(name: String) -> String {
    if name.len() <= MAX_NAME {
        return name;
    }
    let hash = digest(&name, HASH);
    let kept: String = name.chars().take(MAX_NAME - hash.len() - 1).collect();
    format!("{}-{hash}", kept.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::{MAX_NAME, evidence, evidence_of, gate, guard, of_drill, protection};

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

    #[test]
    fn names_never_change() {
        let drill = DRILL.parse().unwrap();
        assert_eq!(gate("edge"), "drillgate-edge");
        assert_eq!(guard("edge"), "drillgate-edge-guard");
        assert_eq!(
            protection("istio-system", "edge"),
            "drillgate-edge-ab11aa47fd681e31"
        );
        assert_eq!(
            of_drill(drill, "orders.example.com"),
            "drillgate-6f1c2b9e-2e29260dd360e7e5"
        );
    }

    #[test]
    fn drills_whose_uuids_begin_alike_have_objects_of_their_own() {
        let [one, other] = [
            "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f",
            "6f1c2b9e-0000-4d0c-9a55-0f5a7c1d2e3f",
        ]
        .map(|id| of_drill(id.parse().unwrap(), "orders.example.com"));
        assert_ne!(one, other);
    }

    #[test]
    fn the_longest_names_are_short_enough_and_keep_apart() {
        let long = "g".repeat(300);
        for name in [gate(&long), guard(&long), protection(&long, &long)] {
            assert!(name.len() <= MAX_NAME, "{name}");
        }
        assert_ne!(gate(&long), guard(&long));
        assert!(of_drill(DRILL.parse().unwrap(), &"h".repeat(253)).len() <= MAX_NAME);
    }

    #[test]
    fn evidence_is_named_after_the_drill_and_the_time() {
        let began = Time(Timestamp::from_second(1_790_001_800).unwrap());
        assert_eq!(
            evidence("orders", &began, DRILL),
            "drillgate-orders-20260921-144320-6f1c2b9e"
        );
        assert_eq!(evidence_of("orders.eu-west"), "orders.eu-west");
    }

    #[test]
    fn what_is_no_name_for_the_api_server_is_made_one_and_keeps_apart() {
        let long = "o".repeat(253);
        let odd = ["Orders", "orders_", "-orders", "a..b", "ä", "", "..", &long];
        let mut labels: Vec<String> = odd.iter().map(|drill| evidence_of(drill)).collect();
        labels.push(evidence_of(&format!("{long}o")));
        for label in &labels {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(
                label.len() <= MAX_NAME && label.chars().all(fits),
                "{label}"
            );
            assert_eq!(label.trim_matches('-'), label);
            assert_eq!(evidence_of(label), *label);
        }
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), odd.len() + 1);
    }
}
