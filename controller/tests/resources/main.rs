//! From custom resources to objects of Istio: what is made, what is refused, and what the filter
//! and the policies then do with a request.
// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic
)]

mod expected;
mod filter;
mod gateway_api;
mod policy;
mod properties;
mod refused_drills;
mod refused_gates;

use drillgate::api::{Drill, DrillGate};
use drillgate::resources::samples;
use serde_json::Value;

/// A sample gate, with `changes` to its spec.
fn gate(yaml: &str, changes: &[(&str, Value)]) -> DrillGate {
    changed(yaml, changes)
}

/// A sample drill, with `changes` to its spec.
fn drill(yaml: &str, changes: &[(&str, Value)]) -> Drill {
    changed(yaml, changes)
}

/// The gate with what it must have.
fn plain_gate() -> DrillGate {
    gate(samples::GATE, &[])
}

/// Reads YAML after setting members of `spec` by their JSON pointers.
fn changed<T: serde::de::DeserializeOwned>(yaml: &str, changes: &[(&str, Value)]) -> T {
    let mut object: Value = serde_saphyr::from_str(yaml).unwrap();
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = object["spec"].pointer_mut(parent).unwrap();
        match (parent, member.parse::<usize>()) {
            (Value::Array(items), Ok(index)) => items[index] = value.clone(),
            (parent, _) => parent[member] = value.clone(),
        }
    }
    serde_json::from_value(object).unwrap()
}
