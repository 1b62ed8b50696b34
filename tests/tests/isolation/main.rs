//! The invariants under load: what the edge promises, while everything around it changes.
//!
//! Each test sends at least 20,000 mixed requests from 8 clients through a [`Storm`]: the drill
//! and a key come and go, good and bad configurations follow one another, the sandbox dies and
//! comes back, Envoy is replaced by hot restart. Each ends with the whole [`Ledger`](ledger::Ledger),
//! which is exact, and then looks at what it is about.

mod ledger;
mod storm;

use drillgate::lab::{Filter, Request, Seen};
use drillgate_tests::Harness;
use drillgate_tests::gate::HOST;

use ledger::{Ledger, ROUTED, UNKNOWN_DRILL, UNKNOWN_KEY, UNREACHABLE};
use storm::Storm;

/// All of a storm on an Envoy with so many workers.
async fn storm(workers: u32) -> Ledger {
    let mut storm = Storm::begin(workers).await;
    while storm.goes_on() {
        storm.round().await;
    }
    storm.end().await
}

/// I1: production never serves a request with the header, valid or not. With two workers, which
/// take up each change at different times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_no_request_with_the_header_is_served_by_production_whatever_changes() {
    let ledger = storm(2).await;
    ledger.assert_exact();
    for outcome in [ROUTED, UNREACHABLE, UNKNOWN_DRILL, UNKNOWN_KEY] {
        let met = ledger.sent.iter().any(|sent| sent.outcome == outcome);
        assert!(met, "no {outcome}");
    }
}

/// I2: the same as without drillgate, for those without the header. No change touches a listener,
/// and no connection ends but by a hand-over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_production_is_served_as_without_the_filter_and_no_listener_is_touched() {
    let plain = Harness::start(|edge| edge.filter = Filter::Absent).await;
    let expected = seen_by_production(&plain).await;

    let mut storm = Storm::begin(1).await;
    while storm.goes_on() {
        let before = storm.harness.listeners().await;
        storm.changes().await;
        assert_eq!(storm.harness.listeners().await, before);
        storm.hand_over().await;
    }
    let ledger = storm.end().await;
    ledger.assert_exact();
    ledger.assert_connections_lasted();
    assert_eq!(seen_by_production(&ledger.harness).await, expected);
}

/// A request without the header as production sees it, but for what is random in it.
async fn seen_by_production(harness: &Harness) -> Seen {
    let request = Request::get(HOST, "/plain");
    let mut seen = harness.send(&request).await.seen().unwrap();
    seen.headers.retain(|(name, _)| name != "x-request-id");
    seen
}

/// I3: nothing reaches the sandbox but a valid context for a drill that is active at that time,
/// signed with a key that the gate has at that time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_the_sandbox_receives_valid_requests_of_the_active_drill_and_no_other() {
    let ledger = storm(1).await;
    ledger.assert_exact();
    ledger.assert_stages();
}

/// I4: a sandbox that is not there is answered for with 503, and nothing else serves its requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_sandbox_that_comes_and_goes_is_answered_for_with_503_and_nowhere_else() {
    let ledger = storm(1).await;
    ledger.assert_exact();
    ledger.assert_stages();
    let cut_off = ledger.visits.sandbox_owes();
    assert!(cut_off >= ledger.hand_overs, "{cut_off} were cut off");
}

/// I5: each drill request leaves one record, which says what became of it. With two workers, which
/// write to one log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_each_drill_request_leaves_one_record_of_what_became_of_it() {
    let ledger = storm(2).await;
    ledger.assert_exact();
    ledger.assert_recorded().await;
}
