//! Audit records read back: from the proxy's log, from access logs, from OpenTelemetry.
//!
//! | to learn about | read |
//! |---|---|
//! | what a record says | `record.rs` |
//! | how it is found in a line | `line.rs`, `otlp.rs` |
//! | what a heap of them says of a drill | `account.rs` |

mod account;
mod line;
mod otlp;
mod record;

/// The longest line that is read, in bytes: an export of OpenTelemetry has thousands of records.
pub const MAX_LINE: u64 = 64 << 20;

pub use account::{Account, Totals};
pub use line::records;
pub use record::Record;
