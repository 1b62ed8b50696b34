//! The rules about databases and their checks, as an API server would take them.

use serde_json::{Value, json};

use super::TlsMode;
use crate::api::{Drill, tests};

const EXAMPLE: &str = include_str!("../../../../examples/kubernetes/drill-databases.yaml");

fn verdict(drill: &Value) -> String {
    tests::verdict::<Drill>(drill, None)
}

fn example() -> Value {
    serde_saphyr::from_str(EXAMPLE).unwrap()
}

/// What the rules say to the example with something else at `pointer`.
fn changed(pointer: &str, value: Value) -> String {
    verdict(&tests::with(example(), pointer, value))
}

#[test]
fn the_example_is_accepted_and_the_document_shows_it() {
    assert_eq!(verdict(&example()), "accepted");
    let drill: Drill = serde_json::from_value(example()).unwrap();
    let kinds = drill.spec.checks.iter().map(|check| check.kind());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["schemaVersion", "sql", "sql", "freshness", "receipt"]
    );
    let document = include_str!("../../../../docs/databases.md");
    let (_, objects) = EXAMPLE.split_once("apiVersion").unwrap();
    assert!(document.contains(objects));
}

#[test]
fn a_value_has_one_source_and_a_password_none_in_the_object() {
    let both = json!({"value": "a", "env": "B"});
    assert!(changed("/spec/databases/0/user", both).contains("exactly one of: value, env"));
    let password = json!({"value": "a"});
    let said = changed("/spec/databases/0/password", password);
    assert!(said.contains("password.value is not allowed"), "{said}");
}

#[test]
fn what_a_check_must_say_is_demanded() {
    for (pointer, value, said) in [
        (
            "/spec/checks/1/sql/expect",
            json!({}),
            "exactly one of: value, rows, baseline",
        ),
        (
            "/spec/checks/1/sql/expect/rows",
            json!({}),
            "atLeast, atMost or both",
        ),
        (
            "/spec/checks/1/sql/expect/rows",
            json!({"atLeast": 2, "atMost": 1}),
            "atLeast is more than atMost",
        ),
        (
            "/spec/checks/2/sql/expect/baseline/number",
            json!(7),
            "exactly one of: number, file",
        ),
        (
            "/spec/checks/0/schemaVersion/tool",
            json!("Django"),
            "the app and its migration",
        ),
        (
            "/spec/checks/3/freshness/query",
            json!("SELECT 1"),
            "either query, or table",
        ),
        (
            "/spec/checks/4/receipt/own/find",
            json!("SELECT 1"),
            "name {canary}",
        ),
        (
            "/spec/checks/1/command",
            json!({"argv": ["true"]}),
            "exactly one of: http",
        ),
    ] {
        let verdict = changed(pointer, value);
        assert!(verdict.contains(said), "{pointer}: {verdict}");
    }
}

#[test]
fn a_connection_is_verified_unless_it_stays_on_this_machine() {
    let drill: Drill = serde_json::from_value(example()).unwrap();
    let mut database = drill.spec.databases.into_iter().next().unwrap();
    assert_eq!(database.tls_mode(), TlsMode::VerifyFull);
    for host in ["127.0.0.1", "localhost", "::1"] {
        database.host = host.to_owned();
        assert_eq!(database.tls_mode(), TlsMode::Prefer, "{host}");
    }
    database.tls.mode = Some(TlsMode::Require);
    assert_eq!(database.tls_mode(), TlsMode::Require);
}
