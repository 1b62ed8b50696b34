//! What cannot be carried out, found before anything is applied.
//!
//! The schema refuses what can be seen in one object. These functions see the rest of the cluster,
//! as far as it is handed in, and look for all that is wrong, not just for the first.

mod drill;
mod gate;
mod listeners;
mod reason;
mod servers;

use std::fmt;

pub use drill::{DrillFacts, LivingDrill, check_drill};
pub use gate::{GateFacts, check_gate};
pub use reason::Reason;

/// Something that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of thing it is.
    pub reason: Reason,
    /// The field that has to change, such as `spec.routes[0].sandbox`.
    pub field: String,
    /// What is wrong and what mends it, in one sentence.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, field: impl Into<String>, message: String) -> Refusal {
        Refusal {
            reason,
            field: field.into(),
            message,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
