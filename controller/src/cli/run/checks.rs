//! The drill's checks, as a run tells them.

use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use super::super::output::{BAD, GOOD};
use super::child::time_over;
use super::signals::Signals;
use super::tools::ProxyArgs;
use crate::checks::outcome::{Outcome, Verdict};
use crate::checks::{self, Context, Edge};
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;

/// What the checks came to, and what has stopped them.
pub(super) struct Checked {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) stopped: Option<Stop>,
}

/// What stops checks before they have all run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// We were told to end.
    Signal,
    /// The drill's time is over.
    TimeOver,
}

impl Checked {
    /// The names of those by which the drill has failed.
    pub(super) fn failed(&self) -> Vec<&str> {
        let failed = self.outcomes.iter();
        let failed = failed.filter(|outcome| outcome.fails_the_drill());
        failed.map(|outcome| outcome.name.as_str()).collect()
    }
}

/// That there is something to run, and that it can be asked: before anything is applied.
pub(super) fn can_run(
    plan: &Plan,
    command: &[OsString],
    proxy: &ProxyArgs,
) -> Result<(), Box<dyn Error>> {
    let checks = &plan.drill.spec.checks;
    if checks.is_empty() && command.is_empty() {
        return Err("there is nothing to run: name a command after `--`, or give the drill checks (spec.checks)".into());
    }
    let through = checks.iter().filter(|check| check.asks_the_edge());
    let names: Vec<&str> = through.map(|check| check.name.as_str()).collect();
    if !names.is_empty() && proxy.edge(plan)?.is_none() {
        return Err(format!(
            "checks go through the edge, and its address is not known ({}): name it with --upstream, or in the gate's spec.probe.address",
            names.join(", ")
        )
        .into());
    }
    Ok(())
}

/// Runs them, one after the other, until the drill's time is over or we are told to end. `tell` has
/// a line for each.
pub(super) async fn run_checks(
    plan: &Plan,
    environment: &[(&'static str, OsString)],
    edge: Option<&Edge>,
    signals: &mut Signals,
    tell: impl Fn(&str),
) -> Checked {
    let all = &plan.drill.spec.checks;
    let left = plan.expires_at.0.duration_since(now().0);
    let context = Context {
        environment,
        edge,
        deadline: Instant::now() + Duration::try_from(left).unwrap_or_default(),
    };
    let mut outcomes = Vec::new();
    let mut stopped = tokio::select! {
        _ = checks::run(all, &context, |outcome| {
            tell(&line(outcome));
            outcomes.push(outcome.clone());
        }) => None,
        _ = signals.next() => Some(Stop::Signal),
        () = time_over(plan) => Some(Stop::TimeOver),
    };
    let why = match stopped {
        Some(Stop::Signal) => "the run was told to end before",
        _ => "the drill was over before",
    };
    for check in all.iter().skip(outcomes.len()) {
        let outcome = checks::not_run(check, why);
        tell(&line(&outcome));
        outcomes.push(outcome);
    }
    let is_missing = |outcome: &Outcome| outcome.verdict == Verdict::NotRun;
    if stopped.is_none() && outcomes.iter().any(is_missing) {
        stopped = Some(Stop::TimeOver);
    }
    Checked { outcomes, stopped }
}

/// One check, at its end.
fn line(outcome: &Outcome) -> String {
    let (style, word) = match outcome.verdict {
        Verdict::Passed => (GOOD, "passed"),
        Verdict::Failed => (BAD, "failed"),
        Verdict::NotRun => (BAD, "not run"),
    };
    let tries = match outcome.tries {
        0 | 1 => String::new(),
        tries => format!(" at try {tries}"),
    };
    let severity = match outcome.fails_the_drill() || outcome.verdict == Verdict::Passed {
        true => "",
        false => " (informative)",
    };
    format!(
        "check {} {style}{word}{style:#}{tries}{severity}: {}",
        outcome.name, outcome.message
    )
}
