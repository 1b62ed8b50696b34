//! Watches that fill stores, and go on whatever comes.

use std::fmt::Debug;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

/// What a watch brings.
pub(super) type Events<K> = BoxStream<'static, Result<Event<K>, watcher::Error>>;

/// One object that does not decode must not stall the others: it is logged and left out.
pub(super) fn decoded<K>(
    client: &Client,
) -> (Store<K>, BoxStream<'static, Result<K, watcher::Error>>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let api = Api::<DeserializeGuard<K>>::all(client.clone());
    let events = kube::runtime::watcher(api, watcher::Config::default());
    let (store, writer) = reflector::store();
    let events = events.try_filter_map(|event| async move { Ok(readable(event)) });
    let events = events.modify(without_managers);
    let events = events.default_backoff().reflect(writer).touched_objects();
    (store, logged::<K>(events.boxed()))
}

fn readable<K: Resource<DynamicType = ()>>(event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
    let read = |guarded: DeserializeGuard<K>| match guarded.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            let metadata = &invalid.metadata;
            tracing::error!(
                kind = %K::kind(&()),
                namespace = metadata.namespace.as_deref().unwrap_or_default(),
                name = metadata.name.as_deref().unwrap_or_default(),
                error = %invalid.error,
                "an object cannot be read and is left alone: mend it, or delete it"
            );
            None
        }
    };
    match event {
        Event::Apply(object) => read(object).map(Event::Apply),
        Event::Delete(object) => read(object).map(Event::Delete),
        Event::InitApply(object) => read(object).map(Event::InitApply),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
    }
}

/// Who manages which field is half of an object, and nobody asks a store for it.
fn without_managers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

pub(super) fn stored<K>(
    events: Events<K>,
) -> (Store<K>, BoxStream<'static, Result<K, watcher::Error>>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    stored_with(events, ())
}

pub(super) fn stored_with<K>(
    events: Events<K>,
    resource: K::DynamicType,
) -> (Store<K>, BoxStream<'static, Result<K, watcher::Error>>)
where
    K: Resource + Clone + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone + Debug + Unpin + Send + Sync + 'static,
{
    let writer = reflector::store::Writer::new(resource);
    let store = writer.as_reader();
    let events = events.modify(without_managers);
    let events = events.default_backoff().reflect(writer).touched_objects();
    (store, logged::<K>(events.boxed()))
}

/// Says once what a watch fails with, and when it works again.
fn logged<K: Debug + Send + 'static>(
    events: BoxStream<'static, Result<K, watcher::Error>>,
) -> BoxStream<'static, Result<K, watcher::Error>> {
    let mut failing = false;
    events
        .inspect(move |event| match event {
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, what = std::any::type_name::<K>(), "a watch fails and is tried again");
            }
            Ok(_) if failing => {
                failing = false;
                tracing::info!(what = std::any::type_name::<K>(), "a watch works again");
            }
            _ => {}
        })
        .boxed()
}

pub(super) fn each<K: Send + 'static>(
    events: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
    react: impl Fn(&K) + Send + Sync + 'static,
) -> BoxStream<'static, ()> {
    events
        .map(move |event| {
            if let Ok(object) = &event {
                react(object);
            }
        })
        .boxed()
}
