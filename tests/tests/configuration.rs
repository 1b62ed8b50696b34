//! The filter's configuration as Envoy hands it over: a bad one is refused as a whole and the
//! last good one stays, keys change without a pause, a secret may come from the environment.

use std::collections::BTreeMap;

use drill_context::{HEADER_NAME, TokenType, sign};
use drillgate::lab::{Error, Filter, Module, Request, Resource};
use drillgate_tests::audit::{counter, records};
use drillgate_tests::gate::{self, ED25519, HOST, HS256, ROUTE_KEY};
use drillgate_tests::traffic::{Traffic, outcome};
use drillgate_tests::{Harness, module};
use serde_json::{Value, json};

const ROUTED: &str = "200 routed sandbox";
const UNKNOWN_KEY: &str = "403 unknown-key";
const OTHER_DRILL: &str = "0b8f7a52-59a3-4c55-8a63-5f7e4f0f2a11";

/// A second HS256 key.
const NEW: &str = "suite-new";

/// A secret that is too short, as text in base64url.
const SHORT: &str = "aHVudGVyMg";

/// A good configuration of `generation` with one thing in it changed.
fn with(generation: u64, pointer: &str, value: Value) -> Value {
    let mut configuration = gate::good(generation);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    configuration.pointer_mut(parent).unwrap()[name] = value;
    configuration
}

/// Configurations that are refused, with what is said about each.
fn bad() -> Vec<(Value, String)> {
    let second = json!([{"environment": "billing-dr", "routeKey": ROUTE_KEY, "notAfter": 5}]);
    let secret = format!("/keys/{HS256}/secret");
    let mut cases = vec![
        (
            with(2, "/maxAgeSecond", json!(5)),
            "maxAgeSecond: is not a known member".to_owned(),
        ),
        (
            with(2, &secret, json!(SHORT)),
            format!("keys.{HS256}.secret: key {HS256}: an HS256 secret needs"),
        ),
        (
            with(2, "/drills", json!([])),
            "drills: must be an object".to_owned(),
        ),
        (json!("text"), "configuration: ".to_owned()),
    ];
    cases.push((
        with(2, &format!("/drills/{OTHER_DRILL}"), second),
        ".routeKey: is another drill's, too".to_owned(),
    ));
    cases
}

/// The configuration is refused: gives Envoy's reason.
async fn refused(harness: &mut Harness, change: impl FnOnce(&mut Module)) -> String {
    match change_module(harness, change).await {
        Err(Error::Rejected {
            resource: Resource::Filter,
            reason,
        }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

async fn change_module(
    harness: &mut Harness,
    change: impl FnOnce(&mut Module),
) -> Result<(), Error> {
    harness
        .gateway
        .change(|edge| match &mut edge.filter {
            Filter::Module(module) => change(module),
            _ => panic!("there is no module"),
        })
        .await
}

/// What a request with a token signed with the key `kid` gets.
async fn signed_with(harness: &Harness, kid: &str) -> String {
    let token = sign(&gate::key(kid), TokenType::Drill, &gate::claims());
    with_token(harness, &token).await
}

async fn with_token(harness: &Harness, token: &str) -> String {
    let request = Request::get(HOST, "/").header(HEADER_NAME, token);
    outcome(&harness.send(&request).await)
}

#[tokio::test]
async fn a_bad_configuration_is_refused_and_the_last_good_one_stays() {
    let mut harness = gate::gate(|_| {}).await;
    let traffic = Traffic::start(harness.address());
    for (refusals, (configuration, problem)) in (1..).zip(bad()) {
        let reason = refused(&mut harness, |module| module.configuration = configuration).await;
        let expected = "drillgate: configuration refused: ";
        assert!(reason.contains(expected), "{reason}");
        assert!(reason.contains(&problem), "{problem} is not in {reason}");
        assert_eq!(gate::probe(&harness).await, (1, 1), "{problem}");
        assert_eq!(signed_with(&harness, HS256).await, ROUTED, "{problem}");
        let envoy = harness.gateway.envoy();
        let rejected = counter(envoy, "config.rejected").await.unwrap();
        assert!(rejected >= refusals, "{rejected} after {refusals}");
        assert_eq!(counter(envoy, "config.generation").await, Some(1));
    }
    harness.configure(gate::good(3)).await;
    assert_eq!(gate::probe(&harness).await, (3, 1));
    assert_eq!(signed_with(&harness, HS256).await, ROUTED);

    let answers = traffic.stop().await;
    assert!(answers.drill.iter().all(|drill| drill == ROUTED));
    assert!(answers.plain.iter().all(|plain| plain == "200 production"));
    harness.assert_production_untouched(HOST).await;

    let log = harness.gateway.envoy().log().unwrap();
    let secret = gate::good(1)["keys"][HS256]["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    for secret in [&secret, SHORT, "hunter2", ROUTE_KEY] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test]
async fn an_edge_that_starts_with_a_bad_configuration_has_the_guard() {
    let (configuration, problem) = bad().swap_remove(0);
    let mut harness = Harness::start_unchecked(|edge| {
        gate::drilled(edge);
        edge.filter = module(configuration);
    })
    .await;
    let log = harness.gateway.envoy().log().unwrap();
    assert!(log.contains(&problem), "{log}");
    for token in [gate::token(), gate::forged()] {
        assert_eq!(with_token(&harness, &token).await, "403");
    }
    assert_eq!(harness.sandbox.total(), 0);
    harness.assert_production_untouched(HOST).await;

    harness.configure(gate::good(2)).await;
    assert_eq!(signed_with(&harness, HS256).await, ROUTED);
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn keys_are_rotated_without_a_pause() {
    let mut harness = gate::gate(|_| {}).await;
    let secret = gate::good(1)["keys"][HS256].clone();
    assert_eq!(signed_with(&harness, NEW).await, UNKNOWN_KEY);

    let both = with(2, &format!("/keys/{NEW}"), secret.clone());
    harness.configure(both).await;
    for kid in [HS256, NEW] {
        assert_eq!(signed_with(&harness, kid).await, ROUTED, "{kid}");
    }
    let new_only = with(3, "/keys", json!({NEW: secret}));
    harness.configure(new_only).await;
    assert_eq!(signed_with(&harness, HS256).await, UNKNOWN_KEY);
    assert_eq!(signed_with(&harness, NEW).await, ROUTED);
    let records = records(harness.gateway.envoy(), 5).await;
    assert_eq!(records[2]["kid"], NEW);
    assert_eq!(
        records[3]["kid"],
        Value::Null,
        "nothing shows who signed it"
    );
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn a_token_that_was_verified_before_is_refused_once_its_key_is_gone() {
    let mut harness = gate::gate(|_| {}).await;
    for (generation, gone, left) in [(2, ED25519, HS256), (4, HS256, ED25519)] {
        let token = sign(&gate::key(gone), TokenType::Drill, &gate::claims());
        for _ in 0..2 {
            assert_eq!(with_token(&harness, &token).await, ROUTED);
        }
        let key = gate::good(1)["keys"][left].clone();
        harness
            .configure(with(generation, "/keys", json!({left: key})))
            .await;
        assert_eq!(with_token(&harness, &token).await, UNKNOWN_KEY);
        assert_eq!(signed_with(&harness, left).await, ROUTED);
        harness.configure(gate::good(generation + 1)).await;
    }
    harness.assert_production_untouched(HOST).await;
}

/// The configuration of an edge whose key comes from the variable `name`.
fn from_environment(generation: u64, name: &str) -> Value {
    let key = json!({"alg": "HS256", "env": name});
    with(generation, "/keys", json!({HS256: key}))
}

/// An edge whose key comes from `DRILL_KEY`, and the value of that variable.
async fn gate_with_environment() -> (Harness, String) {
    let secret = gate::good(1)["keys"][HS256]["secret"]
        .as_str()
        .map(str::to_owned);
    let secret = secret.unwrap();
    let environment = BTreeMap::from([("DRILL_KEY".to_owned(), secret.clone())]);
    let harness = gate::gate(|edge| {
        let configuration = from_environment(1, "DRILL_KEY");
        let module = Module::new(drillgate_tests::module_path(), configuration);
        edge.filter = Filter::Module(Module {
            environment,
            ..module
        });
    })
    .await;
    (harness, secret)
}

#[tokio::test]
async fn a_secret_may_come_from_the_vms_environment() {
    let (mut harness, secret) = gate_with_environment().await;
    assert_eq!(signed_with(&harness, HS256).await, ROUTED);

    let missing = from_environment(2, "DRILL_KEY_2");
    let reason = refused(&mut harness, |module| module.configuration = missing).await;
    let problem = format!("keys.{HS256}.env: names a variable that the VM does not have");
    assert!(reason.contains(&problem), "{reason}");
    assert_eq!(gate::probe(&harness).await, (1, 1));
    assert_eq!(signed_with(&harness, HS256).await, ROUTED);

    let log = harness.gateway.envoy().log().unwrap();
    assert!(!log.contains(&secret), "{log}");
    harness.assert_production_untouched(HOST).await;
}

/// Since 1.39, Envoy makes a new VM when the environment changes. Before, it goes on with the one
/// that it has and with its old values, withdrawn secrets among them, until it is started anew.
#[tokio::test]
async fn a_change_of_the_vms_environment_counts_where_envoy_makes_a_new_vm() {
    let (mut harness, secret) = gate_with_environment().await;
    let version = harness.gateway.envoy().admin().version().await.unwrap();
    let new_vm = version >= (1, 39);
    let other = "A".repeat(secret.len());
    let changes = [
        ("DRILL_KEY", &other, "403 bad-signature"),
        ("DRILL_KEY_2", &other, "403 bad-signature"),
        ("DRILL_KEY_2", &secret, ROUTED),
    ];
    for (generation, (name, value, outcome)) in (2..).zip(changes) {
        let environment = BTreeMap::from([(name.to_owned(), value.clone())]);
        let change = |module: &mut Module| {
            module.environment = environment;
            module.configuration = from_environment(generation, name);
        };
        let changed = change_module(&mut harness, change).await;
        let outcome = if new_vm { outcome } else { ROUTED };
        assert_eq!(signed_with(&harness, HS256).await, outcome, "{name}");
        // The old VM has no variable of the other name.
        let taken = new_vm || name == "DRILL_KEY";
        assert_eq!(changed.is_ok(), taken, "{name}: {changed:?}");
    }
    harness.assert_production_untouched(HOST).await;
}
