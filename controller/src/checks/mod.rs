//! The checks of a drill: what they ask, how often, and what they came to.
//!
//! | to learn about | read |
//! |---|---|
//! | how tries follow one another | `engine.rs` |
//! | what a check came to | `outcome.rs` |
//! | programs | `command.rs` |

mod command;
mod engine;
pub mod outcome;

pub use engine::{Context, run};
