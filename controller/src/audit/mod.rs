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

pub use account::{Account, Totals};
pub use line::records;
pub use record::Record;
