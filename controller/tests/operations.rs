//! `docs/operations.md` names every word that an operator may meet.

#![cfg(test)]

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every text between quotes in `source` that follows `before`.
fn quoted_after<'a>(source: &'a str, before: &str) -> Vec<&'a str> {
    let parts = source.split(before).skip(1);
    let quoted = parts.filter_map(|rest| rest.trim_start().strip_prefix('"'));
    quoted.filter_map(|rest| rest.split('"').next()).collect()
}

#[track_caller]
fn all_named(what: &str, words: &[&str], at_least: usize) {
    let document = read("docs/operations.md");
    assert!(
        words.len() >= at_least,
        "{what}: only {words:?} were found in the code"
    );
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !document.contains(**word))
        .collect();
    assert!(
        missing.is_empty(),
        "{what} that docs/operations.md does not name: {missing:?}"
    );
}

#[test]
fn every_reason_of_a_refusal_is_explained() {
    let source = read("controller/src/resources/refusal/reason.rs");
    all_named("reasons", &quoted_after(&source, "=>"), 20);
}

#[test]
fn every_condition_and_its_other_reasons_are_explained() {
    let source = read("controller/src/resources/conditions.rs");
    all_named(
        "conditions and reasons",
        &quoted_after(&source, ": &str ="),
        12,
    );
}

#[test]
fn every_category_of_an_error_is_explained() {
    let source = read("controller/src/reconcile/error.rs");
    let code = source.split("#[cfg(test)]").next().unwrap();
    all_named("categories", &quoted_after(code, "=>"), 8);
}

#[test]
fn every_metric_is_explained() {
    let source = read("controller/src/reconcile/metrics.rs");
    let table = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `"));
    let names: Vec<&str> = table
        .filter_map(|line| line.split(['{', '`']).next())
        .collect();
    all_named("metrics", &names, 8);
}

#[test]
fn every_event_is_explained() {
    let sources = [
        "drill/mod.rs",
        "gate/mod.rs",
        "objects.rs",
        "schedule/mod.rs",
    ]
    .map(|file| read(&format!("controller/src/reconcile/{file}")));
    let mut events = Vec::new();
    for source in &sources {
        events.extend(quoted_after(source, "EventType::Warning,"));
        events.extend(quoted_after(source, "EventType::Normal,"));
    }
    events.extend(["Ended", "Failed"]);
    all_named("events", &events, 5);
}
