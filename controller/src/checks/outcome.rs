//! What a check came to.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Severity;

/// The longest text that is kept of what a check has seen, in bytes.
pub const MAX_SEEN: usize = 2048;

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// What it demands is so.
    Passed,
    /// It is not so, or could not be found out in time.
    Failed,
    /// It was not asked: the drill ended before.
    NotRun,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::NotRun => "not run",
        })
    }
}

/// One check, at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// Its kind, as the field of the Drill is called: `http`, `sql`, `command`.
    pub kind: String,
    /// What follows if it fails.
    pub severity: Severity,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What a person should know, in one sentence: what was found, and what was wanted.
    pub message: String,
    /// When the first try began; nothing if it was not run.
    #[serde(
        with = "crate::evidence::precise::optional",
        skip_serializing_if = "Option::is_none",
        default
    )]
    #[schemars(with = "Option<Time>")]
    pub started_at: Option<Time>,
    /// When the last try ended.
    #[serde(
        with = "crate::evidence::precise::optional",
        skip_serializing_if = "Option::is_none",
        default
    )]
    #[schemars(with = "Option<Time>")]
    pub ended_at: Option<Time>,
    /// How long the last try took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_try_ms: Option<u64>,
    /// How many tries there were.
    pub tries: u32,
    /// What it has seen, by name: bounded by [`MAX_SEEN`] each, and without secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub seen: BTreeMap<String, String>,
}

/// What one try came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Why it failed; nothing if it passed.
    pub failure: Option<String>,
    /// What a person should know if it passed.
    pub message: String,
    /// What it has seen, by name.
    pub seen: BTreeMap<String, String>,
}

impl Tried {
    /// It passed.
    pub fn passed(message: impl Into<String>) -> Tried {
        Tried {
            message: message.into(),
            ..Tried::default()
        }
    }

    /// It failed.
    pub fn failed(why: impl Into<String>) -> Tried {
        Tried {
            failure: Some(why.into()),
            ..Tried::default()
        }
    }

    /// It has seen this, too. What is longer than [`MAX_SEEN`] is cut, and says so.
    #[must_use]
    pub fn and_saw(mut self, name: &str, what: &str) -> Tried {
        self.seen.insert(name.to_owned(), bounded(what));
        self
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_SEEN {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_SEEN);
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept} [cut: {} bytes in all]", text.len())
}

impl Outcome {
    /// Whether the drill has failed by it.
    pub fn fails_the_drill(&self) -> bool {
        self.severity == Severity::Required && self.verdict != Verdict::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SEEN, Tried};

    #[test]
    fn what_was_seen_is_bounded_and_says_so() {
        let long = "ä".repeat(MAX_SEEN);
        let tried = Tried::passed("")
            .and_saw("body", &long)
            .and_saw("short", "x");
        let body = &tried.seen["body"];
        assert!(body.len() < MAX_SEEN + 40, "{}", body.len());
        assert!(body.ends_with(&format!("[cut: {} bytes in all]", long.len())));
        assert_eq!(tried.seen["short"], "x");
    }
}
