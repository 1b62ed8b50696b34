//! What the controller has in one filter's active list, and the apply that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Change;
use crate::api::ObjectRef;
use crate::reconcile::made::Made;
use crate::reconcile::plugin::active_list;
use crate::resources::names::DRILLS_MANAGER;

/// Entries by drill. Each write makes another set, with few entries that are new.
pub type Entries = BTreeMap<Uuid, Arc<Value>>;

/// The controller's entries, as they are at one version of the filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    uid: String,
    version: String,
    /// The entries.
    pub entries: Entries,
}

impl Book {
    /// From a filter as the API server has it. Each object there has a UID and a version.
    pub fn read(filter: &Made) -> Book {
        Book {
            uid: filter.uid().unwrap_or_default(),
            version: filter.resource_version().unwrap_or_default(),
            entries: owned(filter, DRILLS_MANAGER),
        }
    }

    /// The entries after these changes, the later ones last.
    pub fn with<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Entries {
        let mut entries = self.entries.clone();
        for change in changes {
            match &change.entry {
                Some(entry) => entries.insert(change.id, Arc::new(entry.clone())),
                None => entries.remove(&change.id),
            };
        }
        entries
    }

    /// The body of the apply that makes `entries` all that the controller has, if the filter still
    /// is at the version of this book. Without entries it wants nothing.
    pub fn body(&self, filter: &ObjectRef, entries: &Entries) -> Value {
        let mut body = json!({
            "apiVersion": filter.api_version,
            "kind": filter.kind,
            "metadata": {
                "name": filter.name,
                "namespace": filter.namespace,
                "uid": self.uid,
                "resourceVersion": self.version,
            },
        });
        if entries.is_empty() {
            return body;
        }
        let drills: Map<String, Value> = entries
            .iter()
            .map(|(id, entry)| (id.to_string(), Value::clone(entry)))
            .collect();
        let configuration = json!({"pluginConfig": {"drills": drills}});
        let spec = match filter.kind.as_str() {
            "WasmPlugin" => configuration,
            _ => json!({ "wasm": configuration }),
        };
        if let Some(members) = body.as_object_mut() {
            members.insert("spec".to_owned(), spec);
        }
        body
    }

    /// The book after such an apply was taken.
    pub fn written(self, entries: Entries, version: Option<String>) -> Book {
        let version = version.unwrap_or_default();
        Book {
            version,
            entries,
            ..self
        }
    }

    /// Without entries that somebody else has taken.
    pub fn give_up(&mut self, taken: &BTreeSet<Uuid>) {
        self.entries.retain(|id, _| !taken.contains(id));
    }
}

/// The entries that `manager` has applied.
fn owned(filter: &Made, manager: &str) -> Entries {
    let Some(drills) = active_list(filter) else {
        return Entries::new();
    };
    let records = filter.metadata.managed_fields.iter().flatten();
    let own = records.filter(|record| {
        record.manager.as_deref() == Some(manager) && record.operation.as_deref() == Some("Apply")
    });
    let fields = own.filter_map(|record| fields_of_drills(&record.fields_v1.as_ref()?.0));
    let fields = fields.flatten();
    let entries = fields.filter_map(|(name, _)| {
        let id = name.strip_prefix("f:")?;
        Some((id.parse().ok()?, Arc::new(drills.get(id)?.clone())))
    });
    entries.collect()
}

fn fields_of_drills(fields: &Value) -> Option<&Map<String, Value>> {
    let spec = fields.get("f:spec")?;
    let wasm = spec.get("f:wasm").unwrap_or(spec);
    wasm.get("f:pluginConfig")?.get("f:drills")?.as_object()
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Book, Change, Entries};
    use crate::api::ObjectRef;
    use crate::reconcile::made::Made;

    const ONE: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
    const OTHER: &str = "00000000-0000-4000-8000-000000000001";
    const THIRD: &str = "00000000-0000-4000-8000-000000000002";

    fn id(text: &str) -> Uuid {
        text.parse().unwrap()
    }

    fn reference(kind: &str) -> ObjectRef {
        ObjectRef {
            api_version: "extensions.istio.io/v1alpha1".to_owned(),
            kind: kind.to_owned(),
            namespace: "istio-system".to_owned(),
            name: "drillgate-edge".to_owned(),
        }
    }

    fn entry(environment: &str) -> Value {
        json!([{"environment": environment, "notAfter": 5}])
    }

    fn record(manager: &str, operation: &str, drills: Value) -> Value {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:wasm": {"f:pluginConfig": {"f:drills": drills}}}},
        })
    }

    /// A filter with three entries: the controller's, one that somebody else has taken by force, and
    /// one under its own drill's manager.
    fn filter() -> Made {
        let object = json!({
            "apiVersion": "extensions.istio.io/v1alpha1", "kind": "TrafficExtension",
            "metadata": {
                "name": "drillgate-edge", "namespace": "istio-system", "uid": "u", "resourceVersion": "7",
                "managedFields": [
                    record("drillgate-drills", "Apply", json!({format!("f:{ONE}"): {}})),
                    record("someone", "Update", json!({format!("f:{OTHER}"): {}})),
                    record(&format!("drillgate-{THIRD}"), "Apply", json!({format!("f:{THIRD}"): {}})),
                ],
            },
            "spec": {"wasm": {"pluginConfig": {"version": 1, "drills": {
                ONE: entry("a"), OTHER: entry("b"), THIRD: entry("c"),
            }}}},
        });
        // As it is read from the API server: a watch leaves out who manages what.
        serde_json::from_value::<DynamicObject>(object)
            .unwrap()
            .into()
    }

    /// A book with two entries.
    fn two() -> Book {
        let book = Book::read(&filter());
        let more = Change {
            id: id(OTHER),
            entry: Some(entry("b")),
        };
        let entries = book.with([&more]);
        book.written(entries, None)
    }

    #[test]
    fn a_book_has_what_the_controller_has_applied_and_nothing_of_others() {
        let book = Book::read(&filter());
        assert_eq!(book.entries, Entries::from([(id(ONE), entry("a").into())]));
    }

    #[test]
    fn an_apply_keeps_every_entry_that_nobody_asked_to_take() {
        let book = two();
        let put = Change {
            id: id(THIRD),
            entry: Some(entry("new")),
        };
        let take = Change {
            id: id(ONE),
            entry: None,
        };
        let entries = book.with([&put, &take]);
        let body = book.body(&reference("TrafficExtension"), &entries);
        let drills = json!({OTHER: entry("b"), THIRD: entry("new")});
        assert_eq!(
            body["spec"],
            json!({"wasm": {"pluginConfig": {"drills": drills}}})
        );
        // Of two about one drill the later one counts.
        let again = Change {
            id: id(ONE),
            entry: Some(entry("a")),
        };
        assert!(book.with([&take, &again]).contains_key(&id(ONE)));
        assert!(!book.with([&again, &take]).contains_key(&id(ONE)));
    }

    #[test]
    fn an_apply_names_the_very_object_and_version_that_it_was_worked_out_from() {
        let book = Book::read(&filter());
        let entries = book.entries.clone();
        let body = book.body(&reference("WasmPlugin"), &entries);
        assert_eq!(body["metadata"]["uid"], "u");
        assert_eq!(body["metadata"]["resourceVersion"], "7");
        assert!(body["spec"]["pluginConfig"]["drills"][ONE].is_array());
        let next = book.written(entries.clone(), Some("8".to_owned()));
        let body = next.body(&reference("WasmPlugin"), &entries);
        assert_eq!(body["metadata"]["resourceVersion"], "8");
    }

    #[test]
    fn what_others_have_taken_is_given_up_and_nothing_else() {
        let mut book = two();
        book.give_up(&[id(ONE)].into());
        assert_eq!(book.entries.keys().collect::<Vec<_>>(), [&id(OTHER)]);
    }

    #[test]
    fn without_entries_nothing_is_wanted() {
        let book = Book::read(&filter());
        let body = book.body(&reference("TrafficExtension"), &Entries::new());
        assert_eq!(body.get("spec"), None);
    }
}
