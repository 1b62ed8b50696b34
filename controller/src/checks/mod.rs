//! The checks of a drill: what they ask, how often, and what they came to.
//!
//! | to learn about | read |
//! |---|---|
//! | how tries follow one another | `engine.rs` |
//! | what a check came to | `outcome.rs` |
//! | what is wrong with a check before it runs | `sound/` |
//! | requests through the edge | `http.rs`, `edge.rs`, `grpc/` |
//! | what must come back, and what is kept of it | `expect.rs`, `capture.rs` |
//! | what nobody is shown | `mask.rs` |
//! | programs and their reports | `command.rs`, `group.rs`, `report/` |
//! | programs | `command.rs` |
//! | databases, and what they are asked | `database/`, `looks.rs` |
//! | queries | `sql.rs` |
//! | up to which migration a database is | `schema_version/` |
//! | marks that only the sandbox may show | `receipt.rs` |
//! | how old the newest data is | `freshness.rs` |
//! | questions to the service behind the route | `through.rs` |

mod capture;
mod command;
mod database;
mod edge;
mod engine;
mod expect;
mod freshness;
mod group;
mod grpc;
mod http;
mod looks;
mod mask;
pub mod outcome;
mod receipt;
mod report;
mod schema_version;
mod sound;
mod sql;
mod through;

pub use command::users_program;
pub use database::{Databases, NOT_HERE, Secrets};
pub use edge::Edge;
pub use engine::{Context, not_run, run};
pub use freshness::recovery_point;
pub use receipt::Receipts;
pub use sound::problems;
pub use through::{ThroughEdge, Way};
