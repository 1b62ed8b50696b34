//! The Secrets that gates name, each watched by its name: the controller needs no right to read
//! any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Client, ResourceExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::triggers::Triggers;
use crate::api::DrillGate;
use crate::resources::keys;

/// The Secrets of all gates.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    triggers: Triggers,
    watched: Arc<Mutex<BTreeMap<(String, String), Watched>>>,
}

struct Watched {
    gates: BTreeSet<(String, String)>,
    content: Arc<Mutex<Content>>,
    seen: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What is known of a Secret.
#[derive(Default)]
enum Content {
    #[default]
    NotYet,
    Absent,
    Present(BTreeMap<String, Vec<u8>>),
}

impl Secrets {
    pub(super) fn new(client: Client, triggers: Triggers) -> Secrets {
        Secrets {
            client,
            triggers,
            watched: Arc::default(),
        }
    }

    /// The Secrets that `gate` names, those that exist. The first time it waits for an answer of
    /// the API server.
    pub async fn of(&self, gate: &DrillGate) -> keys::Secrets {
        let namespace = gate.namespace().unwrap_or_default();
        let names: BTreeSet<&String> = gate
            .spec
            .keys
            .iter()
            .map(|key| &key.secret_ref.name)
            .collect();
        self.forget_all_but(gate, &names);
        let mut secrets = keys::Secrets::new();
        for name in names {
            let (content, seen) = self.watch(gate, &namespace, name);
            loop {
                let notified = seen.notified();
                match &*lock(&content) {
                    Content::Present(data) => {
                        secrets.insert(name.clone(), data.clone());
                        break;
                    }
                    Content::Absent => break,
                    Content::NotYet => {}
                }
                notified.await;
            }
        }
        secrets
    }

    /// Stops watching what only `gate` needed.
    pub fn forget(&self, gate: &DrillGate) {
        self.forget_all_but(gate, &BTreeSet::new());
    }

    fn forget_all_but(&self, gate: &DrillGate, names: &BTreeSet<&String>) {
        let namespace = gate.namespace().unwrap_or_default();
        let gate = (namespace.clone(), gate.name_any());
        lock(&self.watched).retain(|(of, name), watched| {
            if *of == namespace && !names.contains(name) {
                watched.gates.remove(&gate);
            }
            if watched.gates.is_empty() {
                watched.task.abort();
            }
            !watched.gates.is_empty()
        });
    }

    fn watch(
        &self,
        gate: &DrillGate,
        namespace: &str,
        name: &str,
    ) -> (Arc<Mutex<Content>>, Arc<Notify>) {
        let mut all = lock(&self.watched);
        let gates = (namespace.to_owned(), gate.name_any());
        let watched = all
            .entry((namespace.to_owned(), name.to_owned()))
            .or_insert_with(|| self.start(ObjectRef::from_obj(gate), namespace, name));
        watched.gates.insert(gates);
        (watched.content.clone(), watched.seen.clone())
    }

    fn start(&self, gate: ObjectRef<DrillGate>, namespace: &str, name: &str) -> Watched {
        let content: Arc<Mutex<Content>> = Arc::default();
        let seen: Arc<Notify> = Arc::default();
        let api = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut events = watch(api, config).default_backoff().boxed();
        let (held, told, triggers) = (content.clone(), seen.clone(), self.triggers.clone());
        let task = tokio::spawn(async move {
            let mut listed = false;
            while let Some(event) = events.next().await {
                let now = match event {
                    Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
                        listed = true;
                        data(secret)
                    }
                    Ok(Event::Delete(_)) => Content::Absent,
                    Ok(Event::Init) => {
                        listed = false;
                        continue;
                    }
                    Ok(Event::InitDone) if !listed => Content::Absent,
                    Ok(Event::InitDone) => continue,
                    // Without the right to read it, it is as if it were not there.
                    Err(error) if is_forbidden(&error) => Content::Absent,
                    Err(_) => continue,
                };
                *lock(&held) = now;
                told.notify_waiters();
                triggers.send_gate(gate.clone());
            }
        });
        Watched {
            gates: BTreeSet::new(),
            content,
            seen,
            task,
        }
    }
}

fn data(secret: Secret) -> Content {
    let data = secret.data.unwrap_or_default();
    Content::Present(
        data.into_iter()
            .map(|(name, bytes)| (name, bytes.0))
            .collect(),
    )
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code == 403,
        _ => false,
    }
}

/// A poisoned lock holds data that is whole all the same: every change to it is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
