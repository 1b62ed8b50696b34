//! Which objects of ours are whose: a store knows objects by name alone, and a look at one drill of
//! a thousand must not go through what all have.
//!
//! An index is told of each event before the store is, so that it knows all that the store shows.
//! What it names is looked up there: it may have gone, or have been given to another drill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use kube::ResourceExt;
use kube::runtime::watcher::Event;
use uuid::Uuid;

use super::made::Made;
use crate::resources::metadata::{DRILL_ID, ONE_SHOT};

/// Whose an object is: a drill's, or a gate's own.
pub type Whose = Option<Uuid>;

/// An object's namespace and name.
pub type Name = (Box<str>, Box<str>);

/// The objects of one kind, by drill.
#[derive(Default)]
pub struct ByDrill(RwLock<State>);

#[derive(Default)]
struct State {
    /// What is known.
    held: Held,
    /// What a list has that is not complete yet.
    listed: Held,
}

type Held = BTreeMap<Whose, Group>;

#[derive(Default)]
struct Group {
    names: BTreeSet<Name>,
    is_one_shot: bool,
}

impl ByDrill {
    /// Takes note of what a watch brings.
    pub fn take(&self, event: &Event<Made>) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Apply(object) => add(&mut state.held, object),
            Event::Delete(object) => remove(&mut state.held, object),
            // As the store, it keeps what it has until the list is complete.
            Event::Init => state.listed.clear(),
            Event::InitApply(object) => add(&mut state.listed, object),
            Event::InitDone => state.held = std::mem::take(&mut state.listed),
        }
    }

    /// What these objects are called.
    pub fn of(&self, whose: Whose) -> Vec<Name> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let names = state.held.get(&whose).into_iter();
        names.flat_map(|group| &group.names).cloned().collect()
    }

    /// The drills without a resource that have objects of this kind.
    pub fn one_shots(&self) -> Vec<Uuid> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let one_shots = state.held.iter().filter(|(_, group)| group.is_one_shot);
        one_shots.filter_map(|(whose, _)| *whose).collect()
    }
}

fn add(held: &mut Held, object: &Made) {
    let group = held.entry(whose(object)).or_default();
    group.is_one_shot |= object.annotations().contains_key(ONE_SHOT);
    group.names.insert(name(object));
}

fn remove(held: &mut Held, object: &Made) {
    let whose = whose(object);
    let Some(group) = held.get_mut(&whose) else {
        return;
    };
    group.names.remove(&name(object));
    if group.names.is_empty() {
        held.remove(&whose);
    }
}

/// Whose an object is, by its label.
pub fn whose(object: &Made) -> Whose {
    object.labels().get(DRILL_ID)?.parse().ok()
}

fn name(object: &Made) -> Name {
    let namespace = object.namespace().unwrap_or_default();
    (namespace.into(), object.name_any().into())
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;
    use uuid::Uuid;

    use super::{ByDrill, Made};

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn made(name: &str, drill: Option<Uuid>) -> Made {
        let mut object = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "ci", "labels": {}, "annotations": {}},
        });
        if let Some(id) = drill {
            object["metadata"]["labels"]["drillgate.dev/drill-id"] = json!(id);
        }
        serde_json::from_value(object).unwrap()
    }

    fn one_shot(name: &str, drill: Uuid) -> Made {
        let mut object = made(name, Some(drill));
        let annotations = object.metadata.annotations.get_or_insert_default();
        annotations.insert("drillgate.dev/one-shot".to_owned(), "ci/orders".to_owned());
        object
    }

    fn names(index: &ByDrill, whose: Option<Uuid>) -> String {
        let names = index.of(whose).into_iter();
        let names: Vec<String> = names
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect();
        names.join(" ")
    }

    #[test]
    fn each_drill_has_its_own_objects_and_a_gate_what_is_no_drills() {
        let index = ByDrill::default();
        for object in [
            made("a", Some(ONE)),
            made("b", Some(OTHER)),
            made("c", Some(ONE)),
            made("d", None),
        ] {
            index.take(&Event::Apply(object));
        }
        assert_eq!(names(&index, Some(ONE)), "ci/a ci/c");
        assert_eq!(names(&index, Some(OTHER)), "ci/b");
        assert_eq!(names(&index, None), "ci/d");
        index.take(&Event::Delete(made("a", Some(ONE))));
        assert_eq!(names(&index, Some(ONE)), "ci/c");
        index.take(&Event::Delete(made("c", Some(ONE))));
        assert_eq!(names(&index, Some(ONE)), "");
        assert_eq!(names(&index, Some(OTHER)), "ci/b");
    }

    #[test]
    fn what_a_new_list_lacks_is_forgotten_when_the_list_is_complete() {
        let index = ByDrill::default();
        index.take(&Event::Apply(made("gone", Some(ONE))));
        index.take(&Event::Init);
        index.take(&Event::InitApply(made("broken off", Some(ONE))));
        index.take(&Event::Init);
        index.take(&Event::InitApply(made("new", Some(ONE))));
        assert_eq!(names(&index, Some(ONE)), "ci/gone");
        index.take(&Event::InitDone);
        assert_eq!(names(&index, Some(ONE)), "ci/new");
    }

    #[test]
    fn drills_without_a_resource_are_told_apart() {
        let index = ByDrill::default();
        index.take(&Event::Apply(made("a", Some(ONE))));
        index.take(&Event::Apply(one_shot("b", OTHER)));
        assert_eq!(index.one_shots(), [OTHER]);
        index.take(&Event::Delete(one_shot("b", OTHER)));
        assert!(index.one_shots().is_empty());
    }
}
