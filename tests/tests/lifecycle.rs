//! A drill comes, changes, ends and goes while requests flow: what each request gets at every
//! step, and that production notices nothing of it.

use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate::lab::{Behaviour, Cluster, Edge, Request, Stats, Upstream};
use drillgate_tests::audit::records;
use drillgate_tests::gate::{self, DRILL, HOST};
use drillgate_tests::traffic::{Traffic, outcome};
use drillgate_tests::{Harness, SANDBOX, arrived, module};
use serde_json::json;
use tokio::time::sleep;

const ROUTED: &str = "200 routed sandbox";
const UNREACHABLE: &str = "503 sandbox-unreachable";
const UNKNOWN_DRILL: &str = "403 unknown-drill";

/// A gateway under [`Traffic`].
struct Story {
    harness: Harness,
    traffic: Traffic,
    listeners: Stats,
}

impl Story {
    async fn begin(prepare: impl FnOnce(&mut Edge)) -> Self {
        let harness = gate::gate(prepare).await;
        let traffic = Traffic::start(harness.address());
        let listeners = harness.listeners().await;
        Self {
            harness,
            traffic,
            listeners,
        }
    }

    /// What a drill request gets now.
    async fn drill(&self) -> String {
        outcome(&self.harness.send(&gate::drill_request("/")).await)
    }

    /// The edge has a configuration of this generation with so many active drills.
    async fn assert_probe(&self, generation: u64, active: u64) {
        assert_eq!(gate::probe(&self.harness).await, (generation, active));
    }

    /// Ends the traffic. Asserts that production got the requests without the header, all of
    /// them and nothing else, that no listener was touched, and that drill requests got these
    /// outcomes and no other, one after the other; one that lasted but a moment may be missing.
    async fn end(self, drill: &[&str]) {
        let mut answers = self.traffic.stop().await;
        let harness = self.harness;
        assert_eq!(harness.listeners().await, self.listeners);
        let sent = u64::try_from(answers.plain.len()).unwrap();
        assert_eq!(harness.production.total(), sent);
        for plain in answers.plain {
            assert_eq!(plain, "200 production");
        }
        for forged in answers.forged {
            assert_eq!(forged, "403 bad-signature");
        }
        answers.drill.dedup();
        let mut due = drill.iter();
        let in_order = answers.drill.iter().all(|got| due.any(|due| due == got));
        assert!(in_order, "{:?} is not {drill:?}", answers.drill);
        harness.assert_production_untouched(HOST).await;
    }
}

#[tokio::test]
async fn a_drill_is_added() {
    let mut story = Story::begin(|edge| {
        edge.filter = module(gate::configuration(1, json!({})));
        edge.drills.clear();
        edge.sandboxes.clear();
    })
    .await;
    story.assert_probe(1, 0).await;
    assert_eq!(story.drill().await, UNKNOWN_DRILL);

    let sandbox = Cluster::new(SANDBOX, [story.harness.sandbox.address()]);
    let add = |edge: &mut Edge| {
        gate::drilled(edge);
        edge.filter = module(gate::good(2));
        edge.sandboxes = vec![sandbox];
    };
    story.harness.change(add).await;
    assert_eq!(story.drill().await, ROUTED);
    story.assert_probe(2, 1).await;
    story.end(&[UNKNOWN_DRILL, ROUTED]).await;
}

#[tokio::test]
async fn a_drill_changes_its_sandbox_and_its_environment() {
    const OTHER: &str = "200 routed other";
    const REFUSED: &str = "403 wrong-environment";
    let mut story = Story::begin(|_| {}).await;
    assert_eq!(story.drill().await, ROUTED);

    let other = Upstream::start("other").unwrap();
    let cluster = Cluster::new("other", [other.address()]);
    let change = |edge: &mut Edge| {
        edge.sandboxes.push(cluster);
        edge.drills[0].cluster = "other".to_owned();
    };
    story.harness.change(change).await;
    assert_eq!(story.drill().await, OTHER);
    story.assert_probe(1, 1).await;

    let mut moved = gate::active();
    moved[DRILL][0]["environment"] = json!("orders-dr-2");
    story.harness.configure(gate::configuration(2, moved)).await;
    assert_eq!(story.drill().await, REFUSED);
    story.assert_probe(2, 1).await;
    let mut claims = gate::claims();
    claims.environment = "orders-dr-2".parse().unwrap();
    let request = Request::get(HOST, "/").header(HEADER_NAME, gate::signed(&claims));
    assert_eq!(outcome(&story.harness.send(&request).await), OTHER);
    story.end(&[ROUTED, OTHER, REFUSED]).await;
}

#[tokio::test]
async fn a_drill_ends_by_the_edges_own_clock() {
    const OVER: &str = "403 drill-over";
    let mut story = Story::begin(|_| {}).await;
    let not_after = gate::now() + 10;
    let ending = gate::configuration(2, gate::active_until(not_after));
    story.harness.configure(ending).await;
    story.assert_probe(2, 1).await;

    let mut outcomes = Vec::new();
    while outcomes.last().is_none_or(|last| last != OVER) {
        let before = gate::now();
        outcomes.push(story.drill().await);
        assert!(before < not_after || outcomes.ends_with(&[OVER.to_owned()]));
        sleep(Duration::from_millis(20)).await;
    }
    assert!(gate::now() >= not_after, "it ended early");
    outcomes.dedup();
    assert_eq!(outcomes, [ROUTED, OVER]);
    story.assert_probe(2, 0).await;
    story.end(&[ROUTED, OVER]).await;
}

#[tokio::test]
async fn a_drill_is_removed_routes_first() {
    let mut story = Story::begin(|_| {}).await;
    assert_eq!(story.drill().await, ROUTED);
    story.harness.set_drills([]).await;
    assert_eq!(story.drill().await, UNREACHABLE);
    story.harness.change(|edge| edge.sandboxes.clear()).await;
    assert_eq!(story.drill().await, UNREACHABLE);
    story.assert_probe(1, 1).await;
    story
        .harness
        .configure(gate::configuration(2, json!({})))
        .await;
    assert_eq!(story.drill().await, UNKNOWN_DRILL);
    story.assert_probe(2, 0).await;
    story.end(&[ROUTED, UNREACHABLE, UNKNOWN_DRILL]).await;
}

#[tokio::test]
async fn a_drill_is_removed_active_list_first() {
    let mut story = Story::begin(|_| {}).await;
    assert_eq!(story.drill().await, ROUTED);
    story
        .harness
        .configure(gate::configuration(2, json!({})))
        .await;
    assert_eq!(story.drill().await, UNKNOWN_DRILL);
    story.assert_probe(2, 0).await;
    story.harness.set_drills([]).await;
    story.harness.change(|edge| edge.sandboxes.clear()).await;
    assert_eq!(story.drill().await, UNKNOWN_DRILL);
    story.end(&[ROUTED, UNKNOWN_DRILL]).await;
}

/// The sandbox takes a request and hangs; then the drill is removed.
#[tokio::test]
async fn a_request_in_flight_ends_by_the_rules_that_it_began_with() {
    let mut harness = gate::gate(|edge| edge.drills[0].timeout = Duration::from_secs(10)).await;
    harness.sandbox.behave(Behaviour::Hang);
    let address = harness.address();
    let request = gate::drill_request("/slow");
    let in_flight = tokio::spawn(async move { request.send(address).await.unwrap() });
    arrived(&harness.sandbox, 1).await;

    harness.configure(gate::configuration(2, json!({}))).await;
    harness.set_drills([]).await;
    assert!(!in_flight.is_finished());
    let later = harness.send(&gate::drill_request("/")).await;
    assert_eq!(outcome(&later), UNKNOWN_DRILL);
    assert_eq!(outcome(&in_flight.await.unwrap()), UNREACHABLE);

    let records = records(harness.gateway.envoy(), 2).await;
    assert_eq!(records[0]["generation"], 2);
    assert_eq!(records[1]["generation"], 1);
    assert_eq!(records[1]["verdict"], "sandbox-unreachable");
    assert_eq!(records[1]["code_details"], "response_timeout");
    assert_eq!(harness.sandbox.total(), 1);
    harness.assert_production_untouched(HOST).await;
}
