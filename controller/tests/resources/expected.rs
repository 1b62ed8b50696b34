//! What is made, letter by letter. `BLESS=1 cargo test -p drillgate --test resources` writes the
//! files anew; the difference is then for a person to read.

use std::path::Path;
use std::{env, fs};

use drillgate::resources::Object;
use drillgate::resources::samples::{Sample, samples};
use serde_json::{Value, json};

fn yaml(sample: &Sample) -> String {
    let mut documents: Vec<String> = Vec::new();
    for object in &sample.objects {
        documents.push(serde_saphyr::to_string(object).unwrap());
    }
    for (manager, body) in &sample.entries {
        let body = serde_saphyr::to_string(body).unwrap();
        documents.push(format!("# applied by field manager {manager}\n{body}"));
    }
    documents.join("---\n")
}

#[test]
fn each_sample_becomes_the_objects_in_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/resources/expected");
    for sample in samples().unwrap() {
        let path = folder.join(format!("{}.yaml", sample.name));
        let made = yaml(&sample);
        if env::var_os("BLESS").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap();
        assert_eq!(made, expected, "{}", path.display());
    }
}

/// The kinds of routes, of either API.
const ROUTES: [&str; 2] = ["VirtualService", "HTTPRoute"];

fn spec(object: &Object) -> Value {
    serde_json::to_value(object).unwrap()["spec"].clone()
}

#[test]
fn the_guard_comes_before_what_steers_requests_to_it() {
    for sample in samples().unwrap() {
        let kinds: Vec<String> = sample
            .objects
            .iter()
            .map(|object| object.reference().kind)
            .collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        if sample.name.starts_with("gate") {
            assert!(ROUTES.contains(&kinds[0]), "{kinds:?}");
            assert_eq!(kinds[1], "AuthorizationPolicy");
            assert!(["WasmPlugin", "TrafficExtension"].contains(kinds.last().unwrap()));
        } else {
            let rules = kinds.iter().rposition(|kind| *kind == "DestinationRule");
            let routes = kinds.iter().position(|kind| ROUTES.contains(kind));
            assert!(rules < routes, "{kinds:?}");
        }
    }
}

/// The parts that touch a listener of the gateway, of which a drill must have none.
#[test]
fn a_drill_makes_routes_and_clusters_only() {
    for sample in samples().unwrap() {
        if sample.name.starts_with("drill") {
            for object in &sample.objects {
                let kind = object.reference().kind;
                let is_rule = kind == "DestinationRule";
                assert!(is_rule || ROUTES.contains(&kind.as_str()), "{kind}");
            }
            for (_, body) in &sample.entries {
                let spec = spec(body);
                let wasm = spec.get("wasm").unwrap_or(&spec);
                let members: Vec<&String> = wasm.as_object().unwrap().keys().collect();
                assert!(
                    members.is_empty() || members == ["pluginConfig"],
                    "{members:?}"
                );
            }
        }
    }
}

#[test]
fn a_withdrawal_wants_nothing_of_the_same_object() {
    for sample in samples().unwrap() {
        if let [(giving, activation), (taking, withdrawal)] = sample.entries.as_slice() {
            assert_eq!(giving, taking);
            assert_eq!(activation.reference(), withdrawal.reference());
            assert_eq!(spec(withdrawal), json!({}));
        }
    }
}

#[test]
fn only_an_owner_in_the_same_namespace_owns() {
    for sample in samples().unwrap() {
        for object in &sample.objects {
            let meta = object.meta();
            let owners = meta.owner_references.as_deref().unwrap_or_default();
            let namespace = meta.namespace.as_deref().unwrap();
            let home = if sample.name.starts_with("gate") {
                "istio-system"
            } else {
                "orders-dr"
            };
            assert_eq!(owners.len(), usize::from(namespace == home), "{meta:?}");
        }
    }
}
