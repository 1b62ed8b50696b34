//! What a run tells at its end: what went wrong, its files, and its exit code.

use std::error::Error;

use super::prepared::Prepared;
use super::recording::Recording;
use super::signals::Signals;
use super::summary::Summary;
use super::{NOT_PROVEN, Progress, RunArgs, UpAndDown, failed};
use crate::cli::output;
use crate::evidence::ledger::Sides;
use crate::evidence::record::Record;

/// What is told of a run in files.
pub(super) struct Told {
    pub(super) summary: Summary,
    pub(super) recording: Recording,
}

impl Told {
    /// Tells what the run came to, then writes the files, and gives the exit code: 0 only if all that
    /// had to hold did. Files that could not be written hide nothing that is worse.
    pub(super) async fn finish(
        mut self,
        args: &RunArgs,
        prepared: &Prepared,
        (outcome, left): UpAndDown,
        counted: Sides,
        progress: &Progress,
        signals: &Signals,
    ) -> u8 {
        let errors = outcome.as_ref().err().into_iter();
        let errors = errors.chain(left.as_ref().err()).map(ToString::to_string);
        let errors: Vec<String> = errors.collect();
        if outcome.is_err() {
            self.summary.error = errors.first().cloned();
        }
        let record = self.recording.end(errors, counted);
        let tell = |error: Box<dyn Error>| failed(error.as_ref(), signals);
        let code = outcome.unwrap_or_else(tell);
        let code = match left {
            Err(error) => tell(error),
            Ok(()) if code == 0 => proven(&record),
            Ok(()) => code,
        };
        let (evidence, client) = (&prepared.evidence, &prepared.site.client);
        let kept = evidence.leave(client, &record, progress).await;
        let kept = kept.unwrap_or_else(tell);
        let written = self.summary.write(args.summary.as_deref());
        let written = written.map_or_else(tell, |()| 0);
        match code {
            0 => kept.max(written),
            code => code,
        }
    }
}

/// The exit code of a run in which everything has gone well, as far as it was told yet.
fn proven(record: &Record) -> u8 {
    let failures = record.failures();
    for failure in &failures {
        let error: Box<dyn Error> = failure.as_str().into();
        output::error(error.as_ref());
    }
    if failures.is_empty() { 0 } else { NOT_PROVEN }
}
