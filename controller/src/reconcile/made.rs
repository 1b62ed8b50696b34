//! An object that we have made, as a store keeps it.
//!
//! It is read without who manages which field: of a filter with a thousand entries that is the
//! larger half, and memory that was taken once is hardly given back. As a tree, the spec of a route
//! takes ten times the memory of its text, and it is looked at rarely. A filter is kept as a tree:
//! every look at every drill asks for an entry in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
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
    fn new(types: TypeMeta, metadata: ObjectMeta, spec: Option<Value>) -> Made {
        let spec = match spec {
            None => Spec::None,
            Some(tree) if is_filter(&types.kind) => Spec::Tree(tree),
            Some(tree) => Spec::Text(tree.to_string().into()),
        };
        Made {
            types,
            metadata,
            spec,
        }
    }

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
        let spec = object.data.get_mut("spec").map(Value::take);
        Made::new(object.types.unwrap_or_default(), object.metadata, spec)
    }
}

/// An object as a watch brings it, and what of it is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    metadata: Metadata,
    spec: Option<Value>,
}

/// What anybody asks the metadata of an object of ours for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
}

impl From<Metadata> for ObjectMeta {
    fn from(read: Metadata) -> ObjectMeta {
        ObjectMeta {
            name: read.name,
            namespace: read.namespace,
            uid: read.uid,
            resource_version: read.resource_version,
            deletion_timestamp: read.deletion_timestamp,
            labels: read.labels,
            annotations: read.annotations,
            owner_references: read.owner_references,
            ..ObjectMeta::default()
        }
    }
}

impl<'de> Deserialize<'de> for Made {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Made, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let types = TypeMeta {
            api_version: read.api_version,
            kind: read.kind,
        };
        Ok(Made::new(types, read.metadata.into(), read.spec))
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

    use kube::ResourceExt;
    use kube::api::DynamicObject;

    use super::Made;

    #[test]
    fn a_watch_brings_all_that_is_asked_for_and_not_who_manages_what() {
        let object = json!({
            "apiVersion": "x/v1", "kind": "VirtualService",
            "metadata": {
                "name": "a", "namespace": "ci", "uid": "u", "resourceVersion": "7",
                "deletionTimestamp": "2026-11-26T10:00:00Z",
                "labels": {"l": "1"}, "annotations": {"n": "2"},
                "ownerReferences": [
                    {"apiVersion": "x/v1", "kind": "K", "name": "o", "uid": "p", "controller": true},
                ],
                "managedFields": [{"manager": "m", "operation": "Apply"}],
            },
            "spec": {},
        });
        let whole: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let whole = Made::from(whole);
        assert_eq!(whole.managed_fields().len(), 1);
        let mut expected = whole.metadata;
        expected.managed_fields = None;
        let seen: Made = serde_json::from_value(object).unwrap();
        assert_eq!(seen.metadata, expected);
        assert_eq!(seen.types, whole.types);
    }

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
