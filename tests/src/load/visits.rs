//! What upstreams did with the requests of a load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use drillgate::lab::Seen;

use crate::harness::SANDBOX;

/// How often an upstream met one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visit {
    /// How often it came, answered or not.
    pub received: u64,
    /// How often all of an answer was handed to the connection.
    pub answered: u64,
}

/// What each upstream received and answered of a load, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Visits {
    by_upstream: Arc<Mutex<BTreeMap<String, BTreeMap<String, Visit>>>>,
    sandbox_hangs: Arc<AtomicBool>,
}

impl Visits {
    /// What upstreams serve to be recorded here, for
    /// [`Harness::start_with`](crate::Harness::start_with).
    pub fn router(&self) -> Router {
        Router::new()
            .route("/load/{*rest}", get(visit))
            .with_state(self.clone())
    }

    /// From now on, whether the sandbox receives requests and never answers them.
    pub fn let_sandbox_hang(&self, hangs: bool) {
        self.sandbox_hangs.store(hangs, Ordering::SeqCst);
    }

    /// How many requests the sandbox has received and not answered.
    ///
    /// # Panics
    /// If a request could not be recorded.
    pub fn sandbox_owes(&self) -> u64 {
        let sandbox = self.of(SANDBOX);
        sandbox
            .values()
            .map(|visit| visit.received - visit.answered)
            .sum()
    }

    /// Forgets all of it, for the next load.
    ///
    /// # Panics
    /// If a request could not be recorded.
    pub fn forget(&self) {
        self.by_upstream.lock().unwrap().clear();
    }

    /// What the upstream `who` did, by path.
    ///
    /// # Panics
    /// If a request could not be recorded.
    pub fn of(&self, who: &str) -> BTreeMap<String, Visit> {
        let by_upstream = self.by_upstream.lock().unwrap();
        by_upstream.get(who).cloned().unwrap_or_default()
    }

    fn record(&self, seen: &Seen, record: impl FnOnce(&mut Visit)) {
        let mut by_upstream = self.by_upstream.lock().unwrap();
        let visits = by_upstream.entry(seen.who.clone()).or_default();
        record(visits.entry(seen.path.clone()).or_default());
    }
}

/// Answers as an upstream does by itself. There is nothing to wait for between the two records of
/// a request that is answered, and the answer is short: a connection that is cut gets none of it,
/// or all.
async fn visit(State(visits): State<Visits>, Extension(seen): Extension<Seen>) -> String {
    visits.record(&seen, |visit| visit.received += 1);
    if seen.who == SANDBOX && visits.sandbox_hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    visits.record(&seen, |visit| visit.answered += 1);
    serde_json::to_string(&seen).unwrap()
}
