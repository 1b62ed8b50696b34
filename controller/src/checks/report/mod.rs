//! Test reports that programs write: JUnit's XML, and TAP.

mod junit;
mod tap;

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use super::mask::Mask;
use super::outcome::Tried;
use crate::api::CommandReport;

/// How large a report may be.
const MAX_REPORT: u64 = 16 * 1024 * 1024;

/// What a report says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// How many cases there were, skipped ones included.
    pub(super) cases: usize,
    /// How many of them were skipped.
    pub(super) skipped: usize,
    /// The names of those that failed.
    pub(super) failed: Vec<String>,
    /// What is wrong beside them: the report is cut off, or names fewer failures than it counts.
    pub(super) problems: Vec<String>,
}

impl Report {
    /// Whether it is one of tests that all passed. No tests at all prove nothing.
    pub(super) fn has_passed(&self) -> bool {
        self.failed.is_empty() && self.problems.is_empty() && self.cases > self.skipped
    }

    /// The same without secrets.
    pub(super) fn masked(mut self, mask: &Mask) -> Report {
        for text in self.failed.iter_mut().chain(&mut self.problems) {
            *text = mask.apply(text);
        }
        self
    }

    /// What it says, in a sentence with the first `named` failures.
    pub(super) fn summary(&self, named: usize) -> String {
        let mut parts = Vec::new();
        if !self.failed.is_empty() {
            let names: Vec<&str> = self.failed.iter().take(named).map(String::as_str).collect();
            let more = self.failed.len().saturating_sub(names.len());
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            parts.push(format!(
                "{} of {} failed: {}{more}",
                self.failed.len(),
                cases(self.cases),
                names.join(", ")
            ));
        }
        parts.extend(self.problems.iter().cloned());
        if parts.is_empty() && self.cases <= self.skipped {
            parts.push(format!("the report has {} that ran", cases(0)));
        }
        if parts.is_empty() {
            let ran = self.cases.saturating_sub(self.skipped);
            parts.push(format!("{} passed", cases(ran)));
        }
        if self.skipped > 0 {
            parts.push(format!("{} skipped", self.skipped));
        }
        parts.join(", ")
    }

    /// Tells it beside what was seen.
    pub(super) fn seen(&self, tried: Tried) -> Tried {
        let failed = self.failed.len();
        let counts = format!(
            "{} run, {failed} failed, {} skipped",
            self.cases.saturating_sub(self.skipped),
            self.skipped
        );
        let tried = tried.and_saw("test cases", &counts);
        match failed {
            0 => tried,
            _ => tried.and_saw("failed cases", &self.failed.join("\n")),
        }
    }
}

fn cases(count: usize) -> String {
    match count {
        1 => "1 test case".to_owned(),
        count => format!("{count} test cases"),
    }
}

/// What a report's file was before the program ran: one of an earlier run is none of this one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Before(Option<(u64, u64, i64, i64)>);

impl Before {
    /// Looks at it.
    pub(super) fn look(wanted: Option<&CommandReport>) -> Before {
        let path = wanted.and_then(|wanted| wanted.junit.as_ref());
        let found = path.and_then(|path| fs::metadata(path).ok());
        Before(found.map(|found| (found.ino(), found.len(), found.ctime(), found.ctime_nsec())))
    }
}

/// Reads the report that the program has left.
///
/// # Errors
/// Why there is none.
pub(super) fn read(
    wanted: &CommandReport,
    before: &Before,
    stdout: &[u8],
) -> Result<Report, String> {
    let Some(path) = &wanted.junit else {
        return Ok(tap::parse(&String::from_utf8_lossy(stdout)));
    };
    if Before::look(Some(wanted)) == *before {
        return Err(format!("the report {path} has not been written"));
    }
    let unreadable = |error: &dyn std::fmt::Display| format!("the report {path}: {error}");
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    let read = file
        .take(MAX_REPORT.saturating_add(1))
        .read_to_string(&mut text);
    read.map_err(|error| unreadable(&error))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_REPORT {
        return Err(unreadable(&format!("it is longer than {MAX_REPORT} bytes")));
    }
    junit::parse(&text).map_err(|error| unreadable(&error))
}
