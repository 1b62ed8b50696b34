//! The drill's checks, as a run tells them.

use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use super::super::output::style;
use super::child::time_over;
use super::signals::Signals;
use super::tools::ProxyArgs;
use crate::checks::outcome::{Outcome, Verdict};
use crate::checks::{self, Context, Databases, Edge, Secrets, ThroughEdge};
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;
use crate::resources::metadata::namespace_of;

/// What the checks came to, and what has stopped them.
pub(super) struct Checked {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) stopped: Option<Stop>,
    /// Receipts that are still in a database, a sentence for each.
    pub(super) left: Vec<String>,
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
    let through = checks.iter().filter(|check| check.needs_the_edge());
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

/// The databases of the drill, to be looked into: as `client` may read their passwords.
pub(super) fn databases<'a>(
    plan: &'a Plan,
    id: &'a str,
    edge: Option<&'a Edge>,
    client: &Client,
) -> Databases<'a> {
    let mut databases = Databases::of(&plan.drill.spec, id);
    databases.secrets = Some(Secrets::new(client.clone(), namespace_of(&plan.drill)));
    databases.edge = edge.map(|edge| edge as &dyn ThroughEdge);
    databases
}

/// Until when the checks may run.
pub(super) fn deadline(plan: &Plan) -> Instant {
    let left = plan.expires_at.0.duration_since(now().0);
    Instant::now() + Duration::try_from(left).unwrap_or_default()
}

/// Runs them, one after the other, until the drill's time is over or we are told to end. `tell` has
/// a line for each.
pub(super) async fn run_checks(
    plan: &Plan,
    context: &Context<'_>,
    signals: &mut Signals,
    tell: impl Fn(&str),
) -> Checked {
    let all = &plan.drill.spec.checks;
    let mut outcomes = Vec::new();
    let mut stopped = tokio::select! {
        _ = checks::run(all, context, |outcome| {
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
    // They end by themselves at the drill's end, too: the last one was cut off then, or not begun.
    let is_short = |last: &Outcome| last.verdict != Verdict::Passed;
    let is_over = Instant::now() >= context.deadline;
    if stopped.is_none() && is_over && outcomes.last().is_some_and(is_short) {
        stopped = Some(Stop::TimeOver);
    }
    // A check that was cut off may have written one.
    let left = match context.databases {
        Some(databases) => databases.receipts.clear(databases).await,
        None => Vec::new(),
    };
    Checked {
        outcomes,
        stopped,
        left,
    }
}

/// One check, at its end.
fn line(outcome: &Outcome) -> String {
    let (verdict, style) = (outcome.verdict, style(outcome.verdict == Verdict::Passed));
    let tries = match outcome.tries {
        0 | 1 => String::new(),
        tries => format!(" at try {tries}"),
    };
    let severity = match outcome.fails_the_drill() || outcome.verdict == Verdict::Passed {
        true => "",
        false => " (informative)",
    };
    format!(
        "check {} {style}{verdict}{style:#}{tries}{severity}: {}",
        outcome.name, outcome.message
    )
}
