//! Whether an object that stands in the cluster is the one that is wanted.
//!
//! A server-side apply that changes nothing is still a write. So what was applied is stamped with
//! its own hash, and applied again only where the stamp is another one or a field has been changed
//! since.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::made::Made;
use crate::digest::digest;
use crate::resources::Object;

/// The annotation that holds the hash of what was applied.
pub const APPLIED_HASH: &str = "drillgate.dev/applied-hash";

/// The body of an apply: the object, stamped.
pub fn stamped(object: &Object) -> Value {
    // Texts, numbers and maps always can be written as JSON.
    let mut body = serde_json::to_value(object).unwrap_or_default();
    let hash = digest(&body.to_string(), 16);
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata
            .entry("annotations")
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(APPLIED_HASH.to_owned(), Value::String(hash));
        }
    }
    body
}

/// Whether `observed` was made from `body` and has not been changed since.
pub fn is_current(observed: &Made, body: &Value) -> bool {
    // The hash stands in the body's own annotations, so that it is compared with all else.
    let metadata = serde_json::to_value(&observed.metadata).unwrap_or_default();
    holds(Some(&metadata), body.get("metadata"))
        && holds(observed.spec().as_deref(), body.get("spec"))
}

/// A number for a configuration that is another one as soon as anything in it is: below 2^53, so
/// that every reader of JSON takes it for the same number, and never 0, which stands for none.
pub fn number(configuration: &Value) -> u64 {
    let digest = Sha256::digest(configuration.to_string());
    let first = digest.iter().take(6);
    first
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
        .max(1)
}

/// Whether all of `wanted` is in `held`. Maps may hold more, written by others; lists may not.
fn holds(held: Option<&Value>, wanted: Option<&Value>) -> bool {
    match (held, wanted) {
        (_, None | Some(Value::Null)) => true,
        (Some(Value::Object(held)), Some(Value::Object(wanted))) => wanted
            .iter()
            .all(|(name, value)| holds(held.get(name), Some(value))),
        (None, Some(Value::Object(wanted))) => wanted.is_empty(),
        (Some(Value::Array(held)), Some(Value::Array(wanted))) => {
            held.len() == wanted.len()
                && held
                    .iter()
                    .zip(wanted)
                    .all(|(held, wanted)| holds(Some(held), Some(wanted)))
        }
        // A control plane may carry a whole number as a double.
        (Some(Value::Number(held)), Some(Value::Number(wanted))) => {
            held == wanted || held.as_f64() == wanted.as_f64()
        }
        (held, wanted) => held == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{APPLIED_HASH, Made, holds, is_current, number, stamped};
    use crate::resources::samples;

    fn wanted() -> Value {
        json!({"hosts": ["a"], "http": [{"name": "x", "timeout": "1s"}], "n": 1})
    }

    fn changed(change: impl FnOnce(&mut Value)) -> bool {
        let mut held = wanted();
        change(&mut held);
        holds(Some(&held), Some(&wanted()))
    }

    #[test]
    fn what_is_wanted_holds_and_others_may_add_to_maps() {
        assert!(changed(|_| {}));
        assert!(changed(|held| held["more"] = json!(1)));
        assert!(changed(|held| held["n"] = json!(1.0)));
    }

    #[test]
    fn every_change_of_what_is_wanted_is_seen() {
        assert!(!changed(|held| held["hosts"] = json!(["b"])));
        assert!(!changed(|held| held["hosts"] = json!(["a", "b"])));
        assert!(!changed(|held| held["http"] = json!([])));
        assert!(!changed(|held| held["http"][0]["timeout"] = json!("2s")));
        assert!(!changed(|held| held["n"] = json!(2)));
        assert!(!changed(|held| {
            held.as_object_mut().unwrap().remove("hosts");
        }));
    }

    #[test]
    fn an_object_as_applied_is_current_and_another_is_not() {
        let samples = samples::samples().unwrap();
        for object in samples.into_iter().flat_map(|sample| sample.objects) {
            let body = stamped(&object);
            let observed: Made = serde_json::from_value(body.clone()).unwrap();
            assert!(is_current(&observed, &body));
            let mut unstamped = observed;
            let annotations = unstamped.metadata.annotations.as_mut().unwrap();
            annotations.insert(APPLIED_HASH.to_owned(), "0".to_owned());
            assert!(!is_current(&unstamped, &body));
            let mut emptied = body.clone();
            emptied["spec"] = json!({});
            let emptied = serde_json::from_value(emptied).unwrap();
            assert!(!is_current(&emptied, &body), "{body}");
        }
    }

    #[test]
    fn a_configuration_has_a_number_of_its_own() {
        let one = number(&json!({"keys": {"a": 1}}));
        assert_eq!(one, number(&json!({"keys": {"a": 1}})));
        assert_ne!(one, number(&json!({"keys": {"a": 2}})));
        assert!(one < 1 << 53);
    }
}
