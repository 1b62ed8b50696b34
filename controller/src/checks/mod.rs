//! The checks of a drill: what they ask, how often, and what they came to.
//!
//! | to learn about | read |
//! |---|---|
//! | how tries follow one another | `engine.rs` |
//! | what a check came to | `outcome.rs` |
//! | what is wrong with a check before it runs | `sound.rs` |
//! | requests through the edge | `http.rs`, `edge.rs`, `grpc.rs` |
//! | what must come back, and what is kept of it | `expect.rs`, `capture.rs` |
//! | what nobody is shown | `mask.rs` |
//! | programs and their reports | `command.rs`, `group.rs`, `report/` |

mod capture;
mod command;
mod edge;
mod engine;
mod expect;
mod group;
mod grpc;
mod http;
mod mask;
pub mod outcome;
mod report;
mod sound;

pub use command::SECRETS;
pub use edge::Edge;
pub use engine::{Context, not_run, run};
pub use sound::problems;
