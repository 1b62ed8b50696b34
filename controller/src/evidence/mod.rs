//! What a drill leaves for those who doubt it.
//!
//! | to learn about | read |
//! |---|---|
//! | what is known of a run, and whether the drill has failed | `record.rs` |
//! | the record as a file, and how strictly it is read | `document.rs` |
//! | what has to hold, one by one | `case.rs` |
//! | the report for people | `html.rs`, `timeline.rs`, `templates/report.html` |
//! | the report for pull requests | `markdown.rs` |
//! | the report for test tools | `junit.rs` |
//! | the folder, written and verified | `folder.rs` |
//! | the same files in the cluster, and how many stay | `kept.rs` |
//! | what is signed, and in which envelope | `statement.rs`, `envelope.rs` |
//! | where the requests went | `ledger.rs` |
//! | how times are written | `precise.rs` |
//! | two runs side by side | `comparison.rs` |
//! | how that is put together while it runs | `recorder.rs` |

mod case;
pub mod comparison;
pub mod document;
mod envelope;
pub mod folder;
mod html;
mod junit;
pub mod kept;
pub mod ledger;
mod markdown;
pub(crate) mod precise;
pub mod record;
pub mod recorder;
pub mod samples;
mod statement;
mod text;
mod time;
mod timeline;

#[cfg(test)]
mod tests;

use std::fmt;

pub use document::schema;
pub use html::{Seal, html};
pub use junit::junit;
pub use markdown::markdown;

/// Why a record could not be made a report.
#[derive(Debug)]
pub struct RenderError(String);

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the report cannot be made: {}", self.0)
    }
}

impl std::error::Error for RenderError {}

impl From<serde_json::Error> for RenderError {
    fn from(error: serde_json::Error) -> RenderError {
        RenderError(error.to_string())
    }
}

impl From<askama::Error> for RenderError {
    fn from(error: askama::Error) -> RenderError {
        RenderError(error.to_string())
    }
}
