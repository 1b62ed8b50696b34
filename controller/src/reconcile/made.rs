//! An object that we have made, as a store keeps it.
//!
//! As a tree, the spec of a route takes ten times the memory of its text, and it is looked at
//! rarely. A filter is kept as a tree: every look at every drill asks for an entry in it.

use std::borrow::Cow;

use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{DynamicResourceScope, ObjectMeta, TypeMeta};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of ours.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its kind.
    pub types: TypeMeta,
    /// Its metadata.
    pub metadata: ObjectMeta,
    spec: Spec,
}

#[derive(Debug, Clone)]
enum Spec {
    None,
    Text(Box<str>),
    Tree(Value),
}

impl Made {
    /// Its spec.
    pub fn spec(&self) -> Option<Cow<'_, Value>> {
        match &self.spec {
            Spec::None => None,
            // It was written by us.
            Spec::Text(text) => serde_json::from_str(text).ok().map(Cow::Owned),
            Spec::Tree(tree) => Some(Cow::Borrowed(tree)),
        }
    }

    /// The spec of a filter.
    pub fn filter(&self) -> Option<&Value> {
        match &self.spec {
            Spec::Tree(tree) => Some(tree),
            Spec::None | Spec::Text(_) => None,
        }
    }
}

impl From<DynamicObject> for Made {
    fn from(mut object: DynamicObject) -> Made {
        let types = object.types.unwrap_or_default();
        let spec = object.data.get_mut("spec").map(Value::take);
        Made {
            spec: match spec {
                None => Spec::None,
                Some(tree) if is_filter(&types.kind) => Spec::Tree(tree),
                Some(tree) => Spec::Text(tree.to_string().into()),
            },
            types,
            metadata: object.metadata,
        }
    }
}

impl<'de> Deserialize<'de> for Made {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Made, D::Error> {
        DynamicObject::deserialize(deserializer).map(Made::from)
    }
}

impl Resource for Made {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(resource)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(resource)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(resource)
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::api_version(resource)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(resource)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Whether an object of this kind is a gate's filter.
pub fn is_filter(kind: &str) -> bool {
    matches!(kind, "WasmPlugin" | "TrafficExtension")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Made;

    #[test]
    fn a_spec_is_the_same_however_it_is_kept() {
        for kind in ["VirtualService", "TrafficExtension"] {
            let made: Made = serde_json::from_value(json!({
                "apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"},
                "spec": {"http": [{"timeout": "1s"}], "n": 1.5},
            }))
            .unwrap();
            let spec = json!({"http": [{"timeout": "1s"}], "n": 1.5});
            assert_eq!(made.spec().as_deref(), Some(&spec), "{kind}");
            assert_eq!(made.filter().is_some(), kind == "TrafficExtension");
        }
        let bare: Made = serde_json::from_value(json!({
            "apiVersion": "x/v1", "kind": "WasmPlugin", "metadata": {"name": "a"},
        }))
        .unwrap();
        assert!(bare.spec().is_none() && bare.filter().is_none());
    }
}
