//! One drill on one machine, step by step: what is sent, who answers, what must happen.
//!
//! The parts are real: an Envoy with the filter's wasm module, a production and a sandbox
//! server, configuration that changes while requests flow. [`play`] gives a [`Report`]; how it
//! is shown is the caller's.

mod error;
mod proof;
mod report;
mod script;
mod stage;

use std::path::PathBuf;

pub use error::Error;
pub use proof::Proof;
pub use report::{Answer, Answerer, Ledger, Report, StepReport};
pub use stage::Stage;

use crate::checks::outcome::Outcome;
use crate::evidence::record::Control;
use crate::lab::postgres::Programs;

/// What the demo needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Envoy's binary; what `DRILLGATE_ENVOY` names when absent.
    pub envoy: Option<PathBuf>,
    /// The filter's wasm module.
    pub module: PathBuf,
    /// PostgreSQL, for a drill that restores a database; without it there is none.
    pub postgres: Option<Programs>,
    /// The current time in seconds of the Unix epoch.
    pub clock: fn() -> i64,
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something that takes a moment is being done.
    Doing(&'a str),
    /// A step is over.
    Step(&'a StepReport),
    /// All steps are over: what came of them.
    Report(&'a Report),
    /// The edge was tried with what it has to refuse.
    Controls(&'a [Control]),
    /// A check has ended.
    Check(&'a Outcome),
}

/// Plays the drill and leaves the stage standing, so that it can be looked at.
///
/// A step that differs from what must happen does not end the play: see [`Report::holds`].
///
/// # Errors
/// [`Error`] when a part does not start or does not take a change.
pub async fn play(
    options: &Options,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<(Stage, Report), Error> {
    tell(Event::Doing(
        "starting production, the sandbox and the edge",
    ));
    let mut stage = Stage::start(options).await?;
    let mut steps = Vec::new();
    for (number, step) in (1..).zip(script::steps()) {
        if let Some(change) = step.before {
            tell(Event::Doing(change.describe()));
            stage.change(change).await?;
        }
        let answer = stage.send(&step).await?;
        let report = StepReport::new(number, &step, answer);
        tell(Event::Step(&report));
        steps.push(report);
    }
    let drill_requests = steps.iter().filter(|step| step.drill_request).count();
    tell(Event::Doing("reading the audit records and the ledger"));
    let audit = stage.audit(drill_requests).await?;
    let ledger = stage.ledger(&steps, audit.len());
    let mut report = Report::new(stage.drill(), steps, audit, ledger);
    tell(Event::Report(&report));
    if let Some(programs) = &options.postgres {
        let (proof, shop) = proof::play(&mut stage, programs, tell).await?;
        report = report.with(proof);
        stage.keep(shop);
    }
    Ok((stage, report))
}
