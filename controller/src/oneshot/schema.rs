//! A resource from a file, held against its definition as an API server would hold it: where the
//! definitions are not installed, nobody else does.

use kube::CustomResourceExt;
use kube::core::cel::Validator;
use serde_json::{Map, Value, json};

/// What is wrong with `object`, each with its field; nothing if an API server would take it.
///
/// Fields that the definition does not have are wrong, too, as with `kubectl apply --validate=strict`:
/// a mistyped `timeuot` would otherwise be the default, silently.
pub fn problems<K: CustomResourceExt>(object: &Value) -> Vec<String> {
    let schema = definition::<K>();
    let mut closed = schema.clone();
    close(&mut closed);
    let validator = match jsonschema::validator_for(&closed) {
        Ok(validator) => validator,
        Err(error) => return vec![format!("the definition itself cannot be read: {error}")],
    };
    validator
        .iter_errors(object)
        .map(|error| {
            let field = field(error.instance_path().as_str());
            format!("{field}: {error}")
        })
        .collect()
}

/// What the definition's rules say against `object`, which has its defaults already.
pub fn broken_rules<K: CustomResourceExt>(object: &Value) -> Vec<String> {
    match Validator::new().validate(&definition::<K>(), object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

fn definition<K: CustomResourceExt>() -> Value {
    let crd = serde_json::to_value(K::crd()).unwrap_or_default();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    let mut schema = schema.cloned().unwrap_or_default();
    // An API server knows these by itself.
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, kind) in [
            ("apiVersion", "string"),
            ("kind", "string"),
            ("metadata", "object"),
        ] {
            properties.insert(name.to_owned(), json!({"type": kind}));
        }
    }
    schema
}

/// Allows no member that is not declared.
fn close(schema: &mut Value) {
    let Value::Object(members) = schema else {
        return;
    };
    let is_open = members.contains_key("additionalProperties");
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(close);
        if !is_open {
            members.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = members.get_mut(nested) {
            close(nested);
        }
    }
    nullable(members);
}

/// `nullable` is a word of OpenAPI that JSON Schema does not have.
fn nullable(members: &mut Map<String, Value>) {
    if members.remove("nullable") == Some(Value::Bool(true))
        && let Some(kind) = members.get("type").cloned()
    {
        members.insert("type".to_owned(), json!([kind, "null"]));
    }
}

/// A JSON pointer as people write a field: `spec.routes[0].host`.
fn field(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            field.push_str(&format!("[{part}]"));
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(part);
        }
    }
    if field.is_empty() {
        field.push_str("the resource");
    }
    field
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{broken_rules, field, problems};
    use crate::api::{Drill, DrillGate};
    use crate::resources::samples;

    fn sample(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn every_sample_is_as_its_definition_wants_it() {
        for text in [samples::GATE, samples::GATE_FULL, samples::GATE_TARGET_REFS] {
            assert_eq!(problems::<DrillGate>(&sample(text)), Vec::<String>::new());
        }
        for text in [
            samples::DRILL_AUTHORITY,
            samples::DRILL_MULTI_ROUTE,
            samples::DRILL_OWNED,
        ] {
            assert_eq!(problems::<Drill>(&sample(text)), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        for (pointer, value, said) in [
            (
                "/spec/routes/0/host",
                json!("Orders.example.com"),
                "spec.routes[0].host: ",
            ),
            (
                "/spec/routes/0/timeuot",
                json!("3s"),
                "spec.routes[0]: Additional properties",
            ),
            (
                "/spec/routes/0/sandbox/port",
                json!(0),
                "spec.routes[0].sandbox.port: ",
            ),
            ("/spec/environment", json!("DR"), "spec.environment: "),
            ("/spec/ttl", json!(30), "spec.ttl: "),
            ("/spce", json!({}), "the resource: Additional properties"),
        ] {
            let mut drill = sample(samples::DRILL_AUTHORITY);
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            drill.pointer_mut(parent).unwrap()[name] = value;
            let found = problems::<Drill>(&drill);
            assert_eq!(found.len(), 1, "{pointer}: {found:?}");
            assert!(found[0].starts_with(said), "{found:?}");
        }
    }

    #[test]
    fn the_rules_count_too() {
        let mut drill = sample(samples::DRILL_AUTHORITY);
        drill["spec"]["mode"] = json!("Owned");
        let broken = broken_rules::<Drill>(&drill);
        assert!(
            broken.join(" ").contains("production in mode Owned"),
            "{broken:?}"
        );
    }

    #[test]
    fn a_field_is_written_as_people_write_it() {
        assert_eq!(field("/spec/routes/10/host"), "spec.routes[10].host");
        assert_eq!(field(""), "the resource");
    }
}
