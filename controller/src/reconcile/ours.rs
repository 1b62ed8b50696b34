//! What we have made, as the watches show it: a store and an index for each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, ApiResource};
use kube::runtime::reflector::{ObjectRef as StoreRef, Store};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use uuid::Uuid;

use super::by_drill::{ByDrill, Name, Whose, whose};
use super::cluster::reference;
use super::made::{Made, is_filter};
use super::recent::Recent;
use super::streams::{each, stored_with};
use super::triggers::Triggers;
use crate::api::ObjectRef;
use crate::resources::metadata::{DRILLGATE, MANAGED_BY};

/// What we have made, by kind.
pub struct Ours(BTreeMap<String, Kind>);

/// What we have made of one kind.
struct Kind {
    resource: ApiResource,
    store: Store<Made>,
    by_drill: Arc<ByDrill>,
}

impl Ours {
    /// Watches these kinds; what they show is told to both. The streams have to be driven.
    pub fn watch(
        client: &Client,
        kinds: Vec<ApiResource>,
        recent: &Arc<Recent>,
        triggers: &Triggers,
    ) -> (Ours, Vec<BoxStream<'static, ()>>) {
        let watched = kinds.into_iter().map(|resource| {
            let (kind, events) = Kind::watch(client, resource.clone());
            let (recent, triggers, held) = (recent.clone(), triggers.clone(), kind.store.clone());
            let name = resource.kind.clone();
            let told = each(events, move |object| {
                // The store has it already, or has lost it already.
                let now = held.get(&StoreRef::from_obj_with(object, resource.clone()));
                let version = now.and_then(|now| now.resource_version());
                recent.saw(&reference(object), version.as_deref());
                triggers.ours(object);
            });
            ((name, kind), told)
        });
        let (kinds, streams): (BTreeMap<_, _>, _) = watched.unzip();
        (Ours(kinds), streams)
    }

    /// Waits until every store has been filled once.
    pub async fn synced(&self) {
        for kind in self.0.values() {
            // A store's writer lives as long as the process.
            let _ = kind.store.wait_until_ready().await;
        }
    }

    /// The object of this name.
    pub fn get(&self, object: &ObjectRef) -> Option<Arc<Made>> {
        let kind = self.0.get(&object.kind)?;
        kind.get(&object.namespace, &object.name)
    }

    /// All that belongs to this drill, or to no drill.
    pub fn of(&self, owner: Whose) -> Vec<Arc<Made>> {
        let kinds = self.0.values();
        kinds.flat_map(|kind| kind.of(owner)).collect()
    }

    /// The drills without a resource that have objects.
    pub fn one_shots(&self) -> BTreeSet<Uuid> {
        let kinds = self.0.values();
        kinds.flat_map(|kind| kind.by_drill.one_shots()).collect()
    }

    /// The filters of all gates.
    pub fn filters(&self) -> Vec<Arc<Made>> {
        let kinds = self.0.iter().filter(|(name, _)| is_filter(name));
        kinds.flat_map(|(_, kind)| kind.store.state()).collect()
    }

    /// All that `wanted` is true for: this goes through everything.
    pub fn all(&self, wanted: impl Fn(&Made) -> bool) -> Vec<Arc<Made>> {
        let kinds = self.0.values();
        kinds
            .flat_map(|kind| kind.store.state_filter(&wanted))
            .collect()
    }
}

impl Kind {
    fn watch(
        client: &Client,
        resource: ApiResource,
    ) -> (Kind, BoxStream<'static, Result<Made, watcher::Error>>) {
        let config = watcher::Config::default().labels(&format!("{MANAGED_BY}={DRILLGATE}"));
        let api = Api::<Made>::all_with(client.clone(), &resource);
        let by_drill: Arc<ByDrill> = Arc::default();
        let index = by_drill.clone();
        let events = kube::runtime::watcher(api, config).inspect_ok(move |event| index.take(event));
        let (store, events) = stored_with(events.boxed(), resource.clone());
        let kind = Kind {
            resource,
            store,
            by_drill,
        };
        (kind, events)
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Arc<Made>> {
        let key = StoreRef::new_with(name, self.resource.clone()).within(namespace);
        self.store.get(&key)
    }

    fn of(&self, owner: Whose) -> Vec<Arc<Made>> {
        let names = self.by_drill.of(owner).into_iter();
        let objects = names.filter_map(|(namespace, name): Name| self.get(&namespace, &name));
        objects.filter(|object| whose(object) == owner).collect()
    }
}
