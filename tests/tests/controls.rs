//! The negative controls of a drill bite on an edge that is whole, and do not where it is broken;
//! production sees none of them either way.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use drill_context::SigningKey;
use drillgate::controls::{
    Edge, Subject, after_the_drill, attempts, before_the_checks, until_refused, until_routed,
};
use drillgate::evidence::record::Control;
use drillgate::lab::Filter;
use drillgate::proxy::{Tally, Trust, Upstream};
use drillgate_tests::{Harness, envoy, gate};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

fn subject() -> Subject {
    Subject {
        drill: gate::DRILL.parse().unwrap(),
        environment: gate::ENVIRONMENT.parse().unwrap(),
        host: gate::HOST.to_owned(),
        domain: "drill.internal".to_owned(),
    }
}

fn edge(harness: &Harness, tally: &Arc<Tally>) -> Edge {
    let upstream: Upstream = format!("http://{}", harness.address()).parse().unwrap();
    Edge::new(upstream, &Trust::System, &subject(), LIMIT, tally.clone()).unwrap()
}

/// The controls of a drill at this edge, and how many requests with the header were sent for them.
async fn controls(harness: &Harness) -> (Vec<Control>, u64) {
    let key = gate::key(gate::HS256);
    let forged = SigningKey::hs256(key.kid().clone(), &[9; 32]).unwrap();
    let stranger = "0b9f2f0e-6d5e-4ec5-9d4b-000000000000".parse().unwrap();
    let attempts = attempts(&subject(), &key, &forged, stranger, gate::now());
    let tally = Arc::new(Tally::default());
    let controls = before_the_checks(&edge(harness, &tally), &attempts).await;
    (controls, tally.counts().sent)
}

fn toothless(controls: &[Control]) -> Vec<&str> {
    let toothless = controls.iter().filter(|control| !control.bites);
    toothless.map(|control| control.name.as_str()).collect()
}

/// The gate's configuration with a drill about its host only, as the controller writes it.
fn whole() -> Filter {
    let mut drills = gate::active();
    drills[gate::DRILL][0]["hosts"] = json!([gate::HOST]);
    drillgate_tests::module(gate::configuration(1, drills))
}

#[tokio::test]
async fn every_control_bites_on_a_whole_edge() {
    let harness = gate::gate(|edge| edge.filter = whole()).await;
    let (controls, sent) = controls(&harness).await;
    assert_eq!(toothless(&controls), [""; 0], "{controls:#?}");
    assert_eq!(controls.len(), 9);
    // One of them has no header.
    assert_eq!(sent, 8);
    assert_eq!(harness.sandbox.total(), 0);
    assert_eq!(harness.production.total(), 0);
}

#[tokio::test]
async fn without_the_filter_only_the_policys_own_control_bites() {
    let harness = gate::gate(|edge| edge.filter = Filter::AllowAll).await;
    let (controls, _) = controls(&harness).await;
    assert_eq!(
        toothless(&controls).len(),
        controls.len() - 1,
        "{controls:#?}"
    );
    let forged = controls.iter().find(|control| control.name == "forged");
    let got = &forged.unwrap().got;
    assert_eq!(got, "403 without a verdict of the filter");
    assert_eq!(harness.production.total(), 0);
}

#[tokio::test]
async fn without_the_policy_nothing_is_sent_and_the_reason_says_so() {
    let harness = gate::gate(|edge| {
        edge.filter = Filter::AllowAll;
        edge.guard = false;
    })
    .await;
    let (controls, sent) = controls(&harness).await;
    assert_eq!(toothless(&controls).len(), controls.len());
    assert_eq!(sent, 0, "{controls:#?}");
    let forged = controls.iter().find(|control| control.name == "forged");
    let got = &forged.unwrap().got;
    assert!(
        got.starts_with("nothing was sent: drillgate-control.drill.internal"),
        "{got}"
    );
    assert!(got.contains("has to refuse it with 403"), "{got}");
    // What asked for the policy had no header.
    assert_eq!(harness.production.drill_requests(), 0);
}

#[tokio::test]
async fn a_filter_that_knows_another_key_is_found() {
    let mut configuration = gate::configuration(1, gate::active());
    configuration["keys"] =
        json!({"other": {"alg": "HS256", "secret": format!("{}A", "b".repeat(42))}});
    let filter = drillgate_tests::module(configuration);
    let mut harness = gate::gate(|_| {}).await;
    harness.change(|edge| edge.filter = filter).await;
    let (controls, _) = controls(&harness).await;
    let forged = controls
        .iter()
        .find(|control| control.name == "forged")
        .unwrap();
    assert!(!forged.bites);
    assert_eq!(
        (forged.wanted.as_str(), forged.got.as_str()),
        ("bad-signature", "403 unknown-key")
    );
}

/// The sandbox's own page may be of any size.
#[tokio::test]
async fn a_large_page_of_the_sandboxs_is_an_answer_of_the_sandboxs() {
    let page = Router::new().route("/", get(|| async { "x".repeat(1_000_000) }));
    let harness = Harness::start_with(&envoy(), page, gate::drilled).await;
    let tally = Arc::new(Tally::default());
    let edge = edge(&harness, &tally);
    let attempt = after_the_drill(&subject(), &gate::key(gate::HS256), gate::now());
    let late = until_refused(&edge, &attempt, Duration::ZERO).await;
    assert_eq!(late.got, "200 of the sandbox");
    assert_eq!(until_routed(&edge, &attempt, LIMIT).await, Ok(()));
    assert_eq!(tally.counts().routed, 2);
}

#[tokio::test]
async fn after_the_drill_its_token_is_refused_once_the_edge_has_taken_over() {
    let mut harness = gate::gate(|edge| edge.filter = whole()).await;
    let tally = Arc::new(Tally::default());
    let edge = edge(&harness, &tally);
    let attempt = after_the_drill(&subject(), &gate::key(gate::HS256), gate::now());

    let early = until_refused(&edge, &attempt, Duration::ZERO).await;
    assert!(!early.bites, "{early:?}");
    assert_eq!(early.got, "200 of the sandbox");

    let over = drillgate_tests::module(gate::configuration(2, json!({})));
    let (control, ()) = tokio::join!(until_refused(&edge, &attempt, LIMIT), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        harness.change(|edge| edge.filter = over).await;
    });
    assert!(control.bites, "{control:?}");
    assert_eq!(control.got, "403 unknown-drill");
    let counts = tally.counts();
    assert_eq!(counts.sent, counts.routed + counts.refused["unknown-drill"]);
    assert_eq!(harness.production.total(), 0);
}
