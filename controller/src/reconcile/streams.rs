//! Watches that fill stores, and go on whatever comes.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{self, Event, ExponentialBackoff};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

/// The longest pause between two tries of a watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
    let events = settled(events.backoff(pauses()).reflect(writer), &store, ());
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
    let writer = reflector::store::Writer::new(resource.clone());
    let store = writer.as_reader();
    let events = events.modify(without_managers);
    let events = settled(events.backoff(pauses()).reflect(writer), &store, resource);
    (store, logged::<K>(events.boxed()))
}

/// Between the tries of a watch that fails: kube's own pauses reach half a minute, which is long
/// for a drill that waits.
fn pauses() -> impl Backoff {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(800))
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times();
    ResetTimerBackoff::new(ExponentialBackoff::from(pauses), Duration::from_secs(120))
}

/// What has changed, told when the store has it: whoever is told looks there. A watch that lists
/// anew fills its store at the end of the list, and only then is it told what the list has, and
/// what it has no longer.
fn settled<K>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    store: &Store<K>,
    resource: K::DynamicType,
) -> impl Stream<Item = Result<K, watcher::Error>> + Send + 'static
where
    K: Resource + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone + Send + Sync + 'static,
{
    let store = store.clone();
    let mut before = Vec::new();
    events.flat_map(move |event| {
        let told = match event {
            Ok(Event::Apply(object) | Event::Delete(object)) => vec![Ok(object)],
            Ok(Event::Init) => {
                before = store.state();
                Vec::new()
            }
            Ok(Event::InitApply(_)) => Vec::new(),
            Ok(Event::InitDone) => {
                let mut touched = store.state();
                touched.extend(before.drain(..).filter(|object| {
                    let name = ObjectRef::from_obj_with(&**object, resource.clone());
                    store.get(&name).is_none()
                }));
                let touched = touched.into_iter();
                touched
                    .map(|object| Ok(Arc::unwrap_or_clone(object)))
                    .collect()
            }
            Err(error) => vec![Err(error)],
        };
        futures::stream::iter(told)
    })
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

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::stream;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::runtime::WatchStreamExt;
    use kube::runtime::reflector;
    use kube::runtime::watcher::{self, Event};

    use super::settled;

    fn named(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object
    }

    #[tokio::test]
    async fn what_a_new_list_has_and_lacks_is_told_when_the_store_shows_it() {
        let events = [
            Ok(Event::Init),
            Ok(Event::InitApply(named("gone"))),
            Ok(Event::InitApply(named("stays"))),
            Ok(Event::InitDone),
            Ok(Event::Init),
            Ok(Event::InitApply(named("new"))),
            // The list breaks off and is read again.
            Err(watcher::Error::NoResourceVersion),
            Ok(Event::Init),
            Ok(Event::InitApply(named("new"))),
            Ok(Event::InitApply(named("stays"))),
            Ok(Event::InitDone),
            Ok(Event::Delete(named("new"))),
        ];
        let (store, writer) = reflector::store::<ConfigMap>();
        let events = stream::iter(events).reflect(writer);
        let told = settled(events, &store, ()).map(|object| match object {
            Ok(object) => {
                let mut held: Vec<_> = store.state().iter().map(|held| held.name_any()).collect();
                held.sort();
                format!("{} of {}", object.name_any(), held.join("+"))
            }
            Err(error) => error.to_string(),
        });
        let mut told: Vec<_> = told.collect().await;
        told[..2].sort();
        told[3..5].sort();
        assert_eq!(
            told,
            [
                "gone of gone+stays",
                "stays of gone+stays",
                &watcher::Error::NoResourceVersion.to_string(),
                "new of new+stays",
                "stays of new+stays",
                "gone of new+stays",
                "new of stays",
            ]
        );
    }
}
