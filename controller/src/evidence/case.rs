//! What a record holds a drill to, one by one: the same list for test reports and for comparisons.

use std::collections::BTreeSet;

use super::record::{Control, ObjectiveResult, Record};
use super::time;
use crate::api::Severity;
use crate::checks::outcome::{Outcome, Verdict};

/// What a case belongs to, in the order of the reports.
pub(super) const SUITES: [&str; 6] = [
    "run",
    "checks",
    "controls",
    "ledger",
    "objectives",
    "residue",
];

/// One thing that has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// One of [`SUITES`].
    pub(super) suite: &'static str,
    /// What it is called: unique in its suite, but for checks of the same name.
    pub(super) name: String,
    /// How long it took, in milliseconds.
    pub(super) took: Option<i64>,
    /// What it came to.
    pub(super) result: CaseResult,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CaseResult {
    /// It holds.
    Passed,
    /// The drill has failed by it.
    Failed(String),
    /// It is not known, or does not count.
    Skipped(String),
}

impl Case {
    fn new(suite: &'static str, name: &str, result: CaseResult) -> Case {
        Case {
            suite,
            name: name.to_owned(),
            took: None,
            result,
        }
    }
}

/// All that has to hold. One of them has failed if and only if the drill has.
pub(super) fn cases(record: &Record) -> Vec<Case> {
    let mut cases = vec![Case::new(
        "run",
        "the drill came up and was taken away",
        all_of(&record.errors),
    )];
    cases.extend(record.checks.iter().map(check));
    cases.extend(record.controls.iter().map(control));
    cases.extend(ledger(record));
    cases.extend(record.objectives.iter().map(objective));
    cases.push(Case::new("residue", "nothing is left", residue(record)));
    tell_apart(&mut cases);
    cases
}

/// Cases of one name get numbers, so that none hides another.
fn tell_apart(cases: &mut [Case]) {
    let mut taken = BTreeSet::new();
    for case in cases {
        let name = case.name.clone();
        let mut number = 1;
        while !taken.insert((case.suite, case.name.clone())) {
            number += 1;
            case.name = format!("{name} ({number})");
        }
    }
}

fn all_of(problems: &[String]) -> CaseResult {
    match problems {
        [] => CaseResult::Passed,
        problems => CaseResult::Failed(problems.join("\n")),
    }
}

fn check(check: &Outcome) -> Case {
    let message = check.message.clone();
    let result = match (check.verdict, check.severity) {
        (Verdict::Passed, _) => CaseResult::Passed,
        (_, Severity::Required) => CaseResult::Failed(message),
        (Verdict::Failed, Severity::Informative) => {
            CaseResult::Skipped(format!("failed, and is informative only: {message}"))
        }
        (Verdict::NotRun, Severity::Informative) => CaseResult::Skipped(message),
    };
    let took = match (&check.started_at, &check.ended_at) {
        (Some(start), Some(end)) => Some(time::between(start, end)),
        _ => None,
    };
    Case {
        took,
        ..Case::new("checks", &check.name, result)
    }
}

fn control(control: &Control) -> Case {
    let result = match control.bites {
        true => CaseResult::Passed,
        false => CaseResult::Failed(format!(
            "the edge must answer {}, and answered {}",
            control.wanted, control.got
        )),
    };
    Case::new("controls", &control.name, result)
}

fn ledger(record: &Record) -> [Case; 5] {
    let ledger = &record.ledger;
    let held = |failure: Option<String>, is_known: bool, unknown: &str| match failure {
        Some(failure) => CaseResult::Failed(failure),
        None if is_known => CaseResult::Passed,
        None => CaseResult::Skipped(format!("unknown: {unknown}")),
    };
    let production = held(
        ledger.leak(),
        ledger.production.number.is_some(),
        &ledger.production.source,
    );
    let closes = held(
        ledger.gap(),
        ledger.is_balanced().is_some(),
        "a number that it takes could not be read",
    );
    let was_read = ledger.edge.counts.is_some();
    let stray = held(ledger.stray(), was_read, &ledger.edge.source);
    let silence = held(ledger.silence(), was_read, &ledger.edge.source);
    let is_known = ledger.all_routed().is_some() && ledger.sandbox.number.is_some();
    let sandbox = held(ledger.detour(), is_known, &ledger.sandbox.source);
    [
        Case::new("ledger", "production has seen no drill request", production),
        Case::new("ledger", "every request is accounted for", closes),
        Case::new("ledger", "the edge has sent no request elsewhere", stray),
        Case::new("ledger", "the edge has recorded what it answered", silence),
        Case::new("ledger", "the sandbox answered what was routed", sandbox),
    ]
}

fn objective(objective: &ObjectiveResult) -> Case {
    let result = match objective.failure() {
        Some(failure) => CaseResult::Failed(failure),
        None if objective.wanted_seconds.is_some() => CaseResult::Passed,
        None => CaseResult::Skipped("nothing was wanted".to_owned()),
    };
    Case::new("objectives", &objective.name, result)
}

fn residue(record: &Record) -> CaseResult {
    all_of(&record.residue)
}
