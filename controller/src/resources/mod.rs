//! From the custom resources to the objects of Istio that they stand for, without input, output
//! or clock: what is known of the cluster is handed in, what is to be applied comes out.
//!
//! | to learn about | read |
//! |---|---|
//! | what a gate consists of | `gate.rs`, `policy.rs`, `plugin.rs` |
//! | what a drill consists of | `drill.rs`, `routes.rs`, `http_route.rs` |
//! | what is refused, and with which words | `refusal/`, `hosts.rs`, `gateway_api.rs` |
//! | names, labels, conditions | `names.rs`, `metadata.rs`, `conditions.rs` |
//!
//! Whatever touches a listener of the gateway is a gate's and never a drill's: Envoy drains the
//! connections of a listener that changes, production's included. A drill adds routes, clusters
//! and one entry of the filter's configuration, and takes them away again.

pub mod conditions;
pub mod drill;
pub mod gate;
pub mod gateway_api;
pub mod keys;
pub mod metadata;
pub mod names;
pub mod plugin;
pub mod refusal;
pub mod routes;
pub mod service;

mod hosts;
mod http_route;
mod object;
mod policy;
#[doc(hidden)]
pub mod samples;

pub use object::Object;

/// The signed header that marks a drill request, in lower case.
const CONTEXT_HEADER: &str = "x-drill-context";

/// The header by which the filter steers to owned hosts, in lower case.
const ROUTE_HEADER: &str = "x-drill-route";
