//! The checks of a drill: what they ask, how often, and what they came to.
//!
//! | to learn about | read |
//! |---|---|
//! | how tries follow one another | `engine.rs` |
//! | what a check came to | `outcome.rs` |
//! | programs | `command.rs` |
//! | databases, and what they are asked | `database/`, `looks.rs` |
//! | queries | `sql.rs` |
//! | up to which migration a database is | `schema_version/` |
//! | marks that only the sandbox may show | `receipt.rs` |
//! | how old the newest data is | `freshness.rs` |
//! | questions to the service behind the route | `through.rs` |

mod command;
mod database;
mod engine;
mod freshness;
mod looks;
pub mod outcome;
mod receipt;
mod schema_version;
mod sql;
mod through;

pub use database::{Databases, NOT_HERE, Secrets};
pub use engine::{Context, run};
pub use freshness::recovery_point;
pub use receipt::Receipts;
pub use through::{ThroughEdge, Way};
