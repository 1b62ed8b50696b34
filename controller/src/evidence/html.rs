//! `report.html`: one file without scripts, which opens nothing from anywhere.
//!
//! The template is also XML, so that a test can tell whether each tag is closed.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::RenderError;
use super::record::{Control, Event, ObjectiveResult, Record};
use super::text::visible_record;
use super::time;
use super::timeline::{NARROW, Picture, WIDE, stage_name};
use crate::api::Severity;
use crate::checks::outcome::{Outcome, Verdict};

const STYLE: &str = include_str!("../../templates/report.css");

/// Who vouches for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// Nobody: the folder has no signature.
    Unsigned,
    /// The folder is signed by the key of this name.
    Signed {
        /// Its `kid`.
        kid: String,
        /// Its thumbprint.
        thumbprint: String,
    },
    /// Nobody: it was made anew from a `report.json`.
    MadeAnew,
}

/// The record as one page of HTML.
///
/// # Errors
/// [`RenderError`].
pub fn html(record: &Record, seal: &Seal) -> Result<String, RenderError> {
    let record = visible_record(record)?;
    let page = Page {
        style: STYLE,
        style_hash: STANDARD.encode(Sha256::digest(STYLE)),
        seal,
        failures: record.failures(),
        pictures: [WIDE.draw(&record), NARROW.draw(&record)],
        record: &record,
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    style: &'static str,
    style_hash: String,
    seal: &'a Seal,
    record: &'a Record,
    failures: Vec<String>,
    pictures: [Picture; 2],
}

/// A verdict in words, and the class of its style.
struct Mark {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
}

const GOOD: &str = "good";
const BAD: &str = "bad";
const NEUTRAL: &str = "neutral";

impl Mark {
    fn new(class: &'static str, word: &'static str) -> Mark {
        let sign = match class {
            GOOD => "\u{2713}",
            BAD => "\u{2715}",
            _ => "\u{2013}",
        };
        Mark { class, sign, word }
    }
}

impl Page<'_> {
    fn verdict(&self) -> Mark {
        match self.failures.as_slice() {
            [] => Mark::new(GOOD, "Passed"),
            _ => Mark::new(BAD, "Failed"),
        }
    }

    fn summary(&self) -> String {
        let (checks, controls) = (&self.record.checks, &self.record.controls);
        let passed = checks.iter().filter(|c| c.verdict == Verdict::Passed);
        let biting = controls.iter().filter(|control| control.bites);
        let held = format!(
            "{} of {} checks passed; {} of {} requests that the edge had to refuse were refused.",
            passed.count(),
            checks.len(),
            biting.count(),
            controls.len()
        );
        match self.failures.len() {
            0 => format!("All that had to hold did. {held}"),
            1 => format!("One thing that had to hold did not. {held}"),
            many => format!("{many} things that had to hold did not. {held}"),
        }
    }

    /// How many events are in the table and not in the picture.
    fn more(&self) -> usize {
        let [wide, _] = &self.pictures;
        wide.more
    }

    fn took(&self) -> String {
        let record = self.record;
        time::duration(time::between(&record.started_at, &record.ended_at))
    }

    fn check_took(&self, check: &Outcome) -> String {
        match (&check.started_at, &check.ended_at) {
            (Some(start), Some(end)) => time::duration(time::between(start, end)),
            _ => "\u{2013}".to_owned(),
        }
    }

    fn event_took(&self, event: &Event) -> String {
        time::duration(time::between(&event.started_at, &event.ended_at))
    }

    fn balance(&self) -> (Mark, &'static str) {
        match self.record.ledger.is_balanced() {
            Some(true) => (
                Mark::new(GOOD, "Closes"),
                "Every request that was sent was routed, refused, failed or left without an answer.",
            ),
            Some(false) => (
                Mark::new(BAD, "Does not close"),
                "The requests that were sent are not those that were routed, refused, failed or left without an answer.",
            ),
            None => (
                Mark::new(NEUTRAL, "Unknown"),
                "A number that it takes could not be read, so nothing is said about where every request went.",
            ),
        }
    }

    fn production(&self) -> (Mark, &'static str) {
        match self.record.ledger.production.number {
            Some(0) => (
                Mark::new(GOOD, "Untouched"),
                "Production has seen none of the drill's requests.",
            ),
            Some(_) => (
                Mark::new(BAD, "Touched"),
                "Production has seen requests of the drill.",
            ),
            None => (
                Mark::new(NEUTRAL, "Unknown"),
                "Whether production has seen requests of the drill could not be read.",
            ),
        }
    }
}

fn check_mark(check: &Outcome) -> Mark {
    match (check.verdict, check.severity) {
        (Verdict::Passed, _) => Mark::new(GOOD, "Passed"),
        (Verdict::Failed, Severity::Required) => Mark::new(BAD, "Failed"),
        (Verdict::Failed, Severity::Informative) => Mark::new(NEUTRAL, "Failed"),
        (Verdict::NotRun, Severity::Required) => Mark::new(BAD, "Not run"),
        (Verdict::NotRun, Severity::Informative) => Mark::new(NEUTRAL, "Not run"),
    }
}

fn control_mark(control: &Control) -> Mark {
    match control.bites {
        true => Mark::new(GOOD, "Refused"),
        false => Mark::new(BAD, "Not refused"),
    }
}

fn objective_mark(objective: &ObjectiveResult) -> Mark {
    match (objective.wanted_seconds, objective.failure()) {
        (None, _) => Mark::new(NEUTRAL, "No target"),
        (Some(_), None) => Mark::new(GOOD, "Met"),
        (Some(_), Some(_)) => Mark::new(BAD, "Not met"),
    }
}

fn severity(check: &Outcome) -> &'static str {
    match check.severity {
        Severity::Required => "required",
        Severity::Informative => "informative",
    }
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
}

fn target(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "none".to_owned(), time::seconds)
}

fn reached(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "unknown".to_owned(), time::seconds)
}
