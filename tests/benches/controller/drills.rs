//! The drills as a watch shows them: a thousand that are asked for in turn would keep the API
//! server from what is measured.

use std::collections::BTreeMap;

use drillgate::api::{Drill, Phase};
use futures::TryStreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stage::LIMIT;

/// The phase of each drill that is there.
type Phases = BTreeMap<String, Option<Phase>>;

/// Knows where each drill of a namespace stands.
pub struct Drills {
    phases: watch::Receiver<Phases>,
    watch: JoinHandle<()>,
}

impl Drills {
    pub fn watch(client: Client, namespace: &str) -> Drills {
        let api = Api::<Drill>::namespaced(client, namespace);
        let (sender, phases) = watch::channel(Phases::new());
        let watch = tokio::spawn(async move {
            let events = kube::runtime::watcher(api, watcher::Config::default());
            let mut events = Box::pin(events.default_backoff());
            // A watch that fails is begun anew; a drill that went meanwhile would be waited for
            // in vain, and said so.
            loop {
                match events.try_next().await {
                    Ok(Some(event)) => sender.send_modify(|phases| take(phases, event)),
                    Ok(None) => return,
                    Err(error) => eprintln!("    ... the watch is begun anew: {error}"),
                }
            }
        });
        Drills { phases, watch }
    }

    /// Waits until this drill is active.
    pub async fn active(&mut self, name: &str) {
        let is_active = |phases: &Phases| phases.get(name) == Some(&Some(Phase::Active));
        self.until(is_active).await;
    }

    /// Waits until so many are active.
    pub async fn all_active(&mut self, count: usize) {
        let active = |phases: &Phases| {
            let active = phases
                .values()
                .filter(|phase| **phase == Some(Phase::Active));
            active.count() == count
        };
        self.until(active).await;
    }

    /// Waits until this drill is gone.
    pub async fn gone(&mut self, name: &str) {
        self.until(|phases| !phases.contains_key(name)).await;
    }

    /// Waits until none is left.
    pub async fn all_gone(&mut self) {
        self.until(Phases::is_empty).await;
    }

    async fn until(&mut self, wanted: impl FnMut(&Phases) -> bool) {
        let held = timeout(LIMIT, self.phases.wait_for(wanted)).await;
        let came = held.is_ok_and(|held| held.is_ok());
        assert!(came, "it does not come so far: {}", self.summary());
    }

    fn summary(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for phase in self.phases.borrow().values() {
            *counts.entry(format!("{phase:?}")).or_default() += 1;
        }
        format!("{counts:?}")
    }
}

impl Drop for Drills {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn take(phases: &mut Phases, event: Event<Drill>) {
    match event {
        Event::Apply(drill) | Event::InitApply(drill) => {
            let phase = drill.phase();
            phases.insert(drill.name_any(), phase);
        }
        Event::Delete(drill) => {
            phases.remove(&drill.name_any());
        }
        Event::Init | Event::InitDone => {}
    }
}
