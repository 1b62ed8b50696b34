//! The controller: watches gates, drills and schedules, and makes the cluster what they say.
//!
//! | to learn about | read |
//! |---|---|
//! | one drill's life | `drill/` |
//! | a drill's checks | `drill/checks.rs`, `checks.rs` |
//! | one gate's | `gate/` |
//! | one schedule's | `schedule/` |
//! | what is seen of the cluster, and what sets a look off | `cluster.rs`, `ours.rs`, `by_drill.rs`, `made.rs`, `streams.rs`, `triggers.rs`, `secrets.rs` |
//! | what is written, and when not | `writer.rs`, `objects.rs`, `applied.rs`, `recent.rs` |
//! | the drills' entries in the filter | `entries/`, `plugin.rs` |
//! | what nobody removed | `collect.rs` |
//! | which replica works | `leader.rs` |
//! | what the gateway itself says | `edge.rs`, `probe.rs` |
//!
//! Decisions are functions of what is seen and of the time; they live in `*/step.rs`,
//! `*/status.rs` and [`crate::resources`]. Everything may be cut off at any request and is carried
//! on from what stands in the cluster.

mod applied;
mod by_drill;
mod checks;
mod cluster;
mod collect;
mod context;
mod drill;
pub(crate) mod edge;
mod entries;
mod error;
mod gate;
mod kinds;
pub mod leader;
pub(crate) mod made;
pub mod metrics;
mod objects;
mod ours;
pub(crate) mod plugin;
pub mod probe;
mod recent;
mod run;
pub(crate) mod schedule;
mod secrets;
pub mod server;
mod streams;
mod triggers;
pub(crate) mod writer;

pub(crate) use applied::{is_current, stamped};
pub(crate) use cluster::reference;
pub(crate) use drill::step::after;
pub(crate) use error::{api_category, named};
pub(crate) use gate::{AMBIENT, numbered_objects};
pub(crate) use kinds::{drill_kinds, filter_kinds, is_served, our_kinds, serves_traffic_extension};
pub(crate) use objects::order as removal_order;

pub use error::Error;
pub use run::{Ended, Settings, run};
pub use server::Module;
