//! The invariants under load: what the edge promises, while everything around it changes.
//!
//! Each test sends 20,000 mixed requests from 8 clients and ends with a ledger that must be
//! exact: production received all and only the requests without the header, the sandbox nothing
//! but valid ones, and nothing went unanswered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use drillgate::lab::{Behaviour, Cluster, Error, Filter, Resource};
use drillgate_tests::gate::{self, HS256};
use drillgate_tests::load::{Kind, Load, Outcomes};
use drillgate_tests::{Harness, SANDBOX, module};
use serde_json::{Value, json};
use tokio::time::sleep;

const REQUESTS: usize = 20_000;

const PRODUCTION: &str = "200 production";
const ROUTED: &str = "200 routed sandbox";
const UNREACHABLE: &str = "503 sandbox-unreachable";
const UNKNOWN_DRILL: &str = "403 unknown-drill";
const UNKNOWN_KEY: &str = "403 unknown-key";

fn without_key(generation: u64) -> Value {
    let mut configuration = gate::good(generation);
    configuration["keys"].as_object_mut().unwrap().remove(HS256);
    configuration
}

fn count(outcomes: &Outcomes, kind: Kind) -> u64 {
    let of_kind = outcomes.iter().filter(|((of, _), _)| *of == kind);
    of_kind.map(|(_, count)| count).sum()
}

fn of(outcomes: &Outcomes, kind: Kind, outcome: &str) -> u64 {
    outcomes
        .get(&(kind, outcome.to_owned()))
        .copied()
        .unwrap_or(0)
}

/// What holds at the end of every load. `valid` are the outcomes that a valid request may have.
fn assert_ledger(harness: &Harness, outcomes: &Outcomes, valid: &[&str]) {
    let sent: u64 = outcomes.values().sum();
    assert_eq!(sent, REQUESTS as u64, "{outcomes:?}");
    for (kind, outcome) in outcomes.keys() {
        let expected: &[&str] = match kind {
            Kind::Plain => &[PRODUCTION],
            Kind::Valid => valid,
            // A signature and a time are judged before the drill, the key before both.
            Kind::Forged => &["403 bad-signature", UNKNOWN_KEY],
            Kind::Expired => &["403 expired", UNKNOWN_KEY],
            Kind::Duplicate => &["403 duplicate-header"],
            Kind::Spoofed => &["403 spoofed-authority", UNKNOWN_DRILL, UNKNOWN_KEY],
        };
        assert!(
            expected.contains(&outcome.as_str()),
            "{kind:?}: {outcome} in {outcomes:?}"
        );
    }
    // I1, I2: production.
    assert_eq!(harness.production.drill_requests(), 0);
    assert_eq!(harness.production.total(), count(outcomes, Kind::Plain));
    // I3: the sandbox. A request whose connection is cut under it was received and not answered.
    let routed = of(outcomes, Kind::Valid, ROUTED);
    let unreachable = of(outcomes, Kind::Valid, UNREACHABLE);
    let received = harness.sandbox.total();
    assert!(received >= routed, "{received} received, {routed} answered");
    assert!(
        received <= routed + 3 * unreachable,
        "{received} received, {routed} answered"
    );
    assert!(
        harness
            .sandbox
            .requests()
            .iter()
            .all(|seen| seen.path == Kind::Valid.path())
    );
}

/// I1: while drills come and go, keys change and good and bad configurations follow each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_no_request_with_the_header_is_served_by_production_while_all_configuration_changes() {
    let mut harness = gate::gate(|_| {}).await;
    let load = Load::start(harness.address(), REQUESTS);
    let mut generation = 1;
    while load.is_running() {
        generation += 5;
        harness.set_drills([]).await;
        harness
            .configure(gate::configuration(generation, json!({})))
            .await;
        harness.configure(without_key(generation + 1)).await;
        harness.set_drills([gate::drill()]).await;
        harness.configure(gate::good(generation + 2)).await;
        let mut bad = gate::good(generation + 3);
        bad["maxAgeSecond"] = json!(5);
        push_bad(&mut harness, bad).await;
        harness.configure(gate::good(generation + 4)).await;
        sleep(Duration::from_millis(50)).await;
    }
    let outcomes = load.end().await;
    let allowed = [ROUTED, UNREACHABLE, UNKNOWN_DRILL, UNKNOWN_KEY];
    assert_ledger(&harness, &outcomes, &allowed);
    for outcome in allowed {
        assert!(
            of(&outcomes, Kind::Valid, outcome) > 0,
            "no {outcome} in {outcomes:?}"
        );
    }
}

async fn push_bad(harness: &mut Harness, configuration: Value) {
    let change = |edge: &mut drillgate::lab::Edge| edge.filter = module(configuration);
    match harness.gateway.change(change).await {
        Err(Error::Rejected {
            resource: Resource::Filter,
            ..
        }) => {}
        other => panic!("not refused: {other:?}"),
    }
}

/// I2: the same as without drillgate, for those without the header.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_production_is_served_as_without_the_filter_and_no_listener_is_touched() {
    let heads = async |harness: &Harness| {
        let request = drillgate::lab::Request::get(gate::HOST, "/plain");
        let mut seen = harness.send(&request).await.seen().unwrap();
        seen.headers.retain(|(name, _)| name != "x-request-id");
        seen
    };
    let plain = Harness::start(|edge| edge.filter = Filter::Absent).await;
    let expected = heads(&plain).await;

    let mut harness = gate::gate(|_| {}).await;
    let before = harness.listeners().await;
    let load = Load::start(harness.address(), REQUESTS);
    let mut generation = 1;
    while load.is_running() {
        generation += 1;
        harness.set_drills([]).await;
        harness.set_drills([gate::drill()]).await;
        harness.configure(gate::good(generation)).await;
        sleep(Duration::from_millis(50)).await;
    }
    let outcomes = load.end().await;
    assert_ledger(&harness, &outcomes, &[ROUTED, UNREACHABLE]);
    assert_eq!(harness.listeners().await, before);
    assert_eq!(
        heads(&harness).await,
        expected,
        "what production sees of a request"
    );
}

/// I3: nothing but a valid context for an active drill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_the_sandbox_receives_valid_requests_and_no_other() {
    let refused = Arc::new(AtomicU64::new(0));
    let valid = Arc::new(AtomicU64::new(0));
    let counting = |path: &str, counter: &Arc<AtomicU64>| {
        let counted = async |State(counter): State<Arc<AtomicU64>>, uri: Uri| {
            counter.fetch_add(1, Ordering::SeqCst);
            uri.path().to_owned()
        };
        Router::new()
            .route(path, get(counted))
            .with_state(counter.clone())
    };
    let kinds = [Kind::Forged, Kind::Expired, Kind::Duplicate, Kind::Spoofed];
    let refusing = kinds.map(|kind| counting(&kind.path(), &refused));
    let router = refusing
        .into_iter()
        .fold(counting(&Kind::Valid.path(), &valid), Router::merge);
    let harness = Harness::start_with(&drillgate_tests::envoy(), router, |edge| {
        gate::drilled(edge);
        edge.filter = module(gate::good(1));
    })
    .await;
    let outcomes = Load::start(harness.address(), REQUESTS).end().await;
    let answered = of(&outcomes, Kind::Valid, "200 routed");
    assert_eq!(answered, count(&outcomes, Kind::Valid), "{outcomes:?}");
    assert_eq!(valid.load(Ordering::SeqCst), answered);
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    assert_eq!(harness.sandbox.total(), answered);
    assert_eq!(harness.production.drill_requests(), 0);
    assert_eq!(harness.production.total(), count(&outcomes, Kind::Plain));
}

/// I4: the sandbox dies in every way and comes back, over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_sandbox_that_comes_and_goes_is_answered_for_with_503_and_nowhere_else() {
    let mut harness = gate::gate(|edge| edge.drills[0].timeout = Duration::from_millis(200)).await;
    let load = Load::start(harness.address(), REQUESTS);
    let sandbox = harness.sandbox.address();
    while load.is_running() {
        harness.sandbox.down().await.unwrap();
        sleep(Duration::from_millis(50)).await;
        harness.sandbox.revive().await.unwrap();
        sleep(Duration::from_millis(50)).await;
        for behaviour in [Behaviour::Hang, Behaviour::Reset, Behaviour::Answer] {
            harness.sandbox.behave(behaviour);
            sleep(Duration::from_millis(50)).await;
        }
        for endpoints in [vec![], vec![sandbox]] {
            let cluster = Cluster::new(SANDBOX, endpoints);
            harness.change(|edge| edge.sandboxes = vec![cluster]).await;
        }
        harness.change(|edge| edge.sandboxes.clear()).await;
        let cluster = Cluster::new(SANDBOX, [sandbox]);
        harness.change(|edge| edge.sandboxes = vec![cluster]).await;
        sleep(Duration::from_millis(100)).await;
    }
    let outcomes = load.end().await;
    assert_ledger(&harness, &outcomes, &[ROUTED, UNREACHABLE]);
    for outcome in [ROUTED, UNREACHABLE] {
        assert!(
            of(&outcomes, Kind::Valid, outcome) > 0,
            "no {outcome} in {outcomes:?}"
        );
    }
}
