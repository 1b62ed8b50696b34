//! What the controller asked of the API server, and how often it looked.

use std::collections::BTreeMap;

use drillgate_tests::control_plane::Request;

use crate::report::{Storm, Times};
use crate::stage::Stage;

/// How often each kind of request was made, as `verb resource`.
pub type Calls = BTreeMap<String, usize>;

/// A moment from which on is counted.
pub struct Mark {
    requests: usize,
    looks: u64,
}

/// What the controller did since a mark.
pub struct Seen {
    /// Its requests, but for watches, the lists that begin them, and its lease.
    pub calls: Calls,
    /// How often it looked at a drill or a gate.
    pub looks: u64,
    /// Requests that the API server turned down.
    pub refused: Calls,
    writes: usize,
}

impl Mark {
    pub async fn set(stage: &Stage) -> Mark {
        Mark {
            requests: stage.plane.requests().await.len(),
            looks: looks(stage).await,
        }
    }

    pub async fn seen(&self, stage: &Stage) -> Seen {
        let looks = looks(stage).await - self.looks;
        let requests = stage.plane.requests().await;
        let own = requests.iter().skip(self.requests);
        let own: Vec<&Request> = own.filter(|request| is_of_controller(request)).collect();
        Seen {
            calls: tally(own.iter().copied()),
            refused: tally(own.iter().copied().filter(|request| request.code >= 400)),
            writes: own.iter().filter(|request| request.is_write()).count(),
            looks,
        }
    }

    pub async fn storm(&self, stage: &Stage, times: Times, resident_bytes: u64) -> Storm {
        let seen = self.seen(stage).await;
        Storm {
            times,
            resident_bytes,
            looks: seen.looks,
            calls: seen.calls,
            refused: seen.refused,
        }
    }
}

impl Seen {
    pub fn writes(&self) -> usize {
        self.writes
    }
}

/// Whether a request is one of the controller's that its drills cause.
fn is_of_controller(request: &Request) -> bool {
    request.user_agent.starts_with("drillgate/")
        && !matches!(request.verb.as_str(), "watch" | "list")
        && request.resource != "leases"
}

/// Whether a request is one of those, and may have changed something.
pub fn is_write_of_controller(request: &Request) -> bool {
    is_of_controller(request) && request.is_write()
}

fn tally<'a>(requests: impl Iterator<Item = &'a Request>) -> Calls {
    let mut calls = Calls::new();
    for request in requests {
        let mut kind = format!("{} {}", request.verb, request.resource);
        if !request.subresource.is_empty() {
            kind = format!("{kind}/{}", request.subresource);
        }
        if request.code >= 400 {
            kind = format!("{kind} ({})", request.code);
        }
        *calls.entry(kind).or_default() += 1;
    }
    calls
}

/// How many reconciliations its metrics tell of.
async fn looks(stage: &Stage) -> u64 {
    let (_, metrics) = stage.controller.get("/metrics").await;
    let counters = metrics.lines().filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        let is_it = name.starts_with("drillgate_reconciles_total");
        is_it.then(|| value.parse::<u64>().expect("a count"))
    });
    counters.sum()
}
