//! The drills as a watch shows them: a thousand that are asked for in turn would keep the API
//! server from what is measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drillgate::api::{Drill, Phase};
use futures::TryStreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stage::LIMIT;

/// How often is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Where each drill stands that is there, and when each that is not went.
#[derive(Default)]
struct Seen {
    there: BTreeMap<String, Life>,
    gone: BTreeMap<String, Instant>,
}

#[derive(Default)]
struct Life {
    phase: Option<Phase>,
    active_since: Option<Instant>,
}

/// Knows where each drill of a namespace stands.
pub struct Drills {
    seen: watch::Receiver<Seen>,
    watch: JoinHandle<()>,
}

impl Drills {
    pub fn watch(client: Client, namespace: &str) -> Drills {
        let api = Api::<Drill>::namespaced(client, namespace);
        let (sender, seen) = watch::channel(Seen::default());
        let watch = tokio::spawn(async move {
            let events = kube::runtime::watcher(api, watcher::Config::default());
            let mut events = Box::pin(events.default_backoff());
            // A watch that fails is begun anew; a drill that went meanwhile would be waited for
            // in vain, and said so.
            loop {
                match events.try_next().await {
                    Ok(Some(event)) => sender.send_modify(|seen| seen.take(event)),
                    Ok(None) => return,
                    Err(error) => eprintln!("    ... the watch is begun anew: {error}"),
                }
            }
        });
        Drills { seen, watch }
    }

    /// Waits until this drill is active.
    pub async fn active(&mut self, name: &str) {
        let is_active = |seen: &Seen| seen.there.get(name).is_some_and(Life::is_active);
        self.until(is_active).await;
    }

    /// Waits until so many are active.
    pub async fn all_active(&mut self, count: usize) {
        let active = |seen: &Seen| seen.there.values().filter(|life| life.is_active()).count();
        self.until(|seen| active(seen) == count).await;
    }

    /// Waits until this drill is gone.
    pub async fn gone(&mut self, name: &str) {
        self.until(|seen| !seen.there.contains_key(name)).await;
    }

    /// Waits until none is left.
    pub async fn all_gone(&mut self) {
        self.until(|seen| seen.there.is_empty()).await;
    }

    /// When this drill, which is active, was first seen so.
    pub fn active_since(&self, name: &str) -> Instant {
        let seen = self.seen.borrow();
        let since = seen.there.get(name).and_then(|life| life.active_since);
        since.expect("an active drill")
    }

    /// When this drill, which is gone, went.
    pub fn gone_since(&self, name: &str) -> Instant {
        *self
            .seen
            .borrow()
            .gone
            .get(name)
            .expect("a drill that went")
    }

    /// Says now and then how far it is.
    async fn until(&mut self, mut wanted: impl FnMut(&Seen) -> bool) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let held = timeout(TELL_EVERY, self.seen.wait_for(&mut wanted)).await;
            match held.map(|held| held.is_ok()) {
                Ok(true) => return,
                Err(_) if Instant::now() < deadline => eprintln!("    ... {}", self.summary()),
                _ => panic!("it does not come so far: {}", self.summary()),
            }
        }
    }

    fn summary(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for life in self.seen.borrow().there.values() {
            *counts.entry(format!("{:?}", life.phase)).or_default() += 1;
        }
        format!("{counts:?}")
    }
}

impl Drop for Drills {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Life {
    fn is_active(&self) -> bool {
        self.phase == Some(Phase::Active)
    }
}

impl Seen {
    fn take(&mut self, event: Event<Drill>) {
        match event {
            Event::Apply(drill) | Event::InitApply(drill) => {
                let life = self.there.entry(drill.name_any()).or_default();
                life.phase = drill.phase();
                if life.is_active() {
                    life.active_since.get_or_insert_with(Instant::now);
                }
            }
            Event::Delete(drill) => {
                self.there.remove(&drill.name_any());
                self.gone.insert(drill.name_any(), Instant::now());
            }
            Event::Init | Event::InitDone => {}
        }
    }
}
