//! Drills and gates without the controller: for pipelines, and for clusters that do not have the
//! custom resources.
//!
//! What is made is the same, by the same functions of [`crate::resources`]; only who watches over
//! it differs. Here nobody does: the edge ends a drill by its own clock, whoever began it removes
//! it, and what was left behind is removed by the controller's collector or by [`gc`].
//!
//! | to learn about | read |
//! |---|---|
//! | what a file says, and what it may not say | `manifest.rs`, `schema.rs` |
//! | what is read of the cluster | `cluster.rs`, `filter.rs` |
//! | a drill, from its plan to its end | `plan.rs`, `drill.rs` |
//! | a gate | `gate.rs` |
//! | what stands in the cluster | `standing.rs` |
//! | what was left behind | `gc.rs` |
//! | evidence of runs that are over | `kept.rs` |
//!
//! Field managers are those of the controller: a drill's entry in the active list has its own
//! ([`crate::resources::names::field_manager`]), so that any number of pipelines, and the
//! controller, write to one filter and never to each other's part of it.

pub mod cluster;
pub mod drill;
mod error;
pub mod filter;
pub mod gate;
pub mod gc;
pub mod kept;
pub mod manifest;
pub mod plan;
mod schema;
pub mod standing;

pub use error::Error;
