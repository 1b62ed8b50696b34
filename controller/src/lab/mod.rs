//! A lab on loopback: a real Envoy, shaped as drillgate shapes an Istio gateway, and real
//! upstream servers behind it.
//!
//! `drillgate demo` shows a drill in it, and the integration suites test against it. Data flows
//! one way: an [`Edge`] is a plain description, the modules `listener`, `guard`, `extension`,
//! `routes` and `clusters` turn it into Envoy configuration without any I/O, [`Xds`] hands that
//! to Envoy by files, and [`Gateway`] holds the pieces together.
//!
//! Everything binds 127.0.0.1 with a port that the kernel picks, so labs can run side by side.

mod admin;
mod bootstrap;
mod client;
mod clusters;
mod edge;
mod envoy;
mod error;
mod extension;
mod gateway;
mod guard;
mod listener;
pub mod postgres;
mod routes;
mod seen;
mod upstream;
mod xds;

pub use admin::{Admin, Stats};
pub use bootstrap::bootstrap;
pub use client::{Connection, Protocol, Request, Response};
pub use clusters::clusters;
pub use edge::{
    CONTEXT_HEADER, Cluster, Drill, Edge, FailurePolicy, Filter, HeaderLimits, Limits, Module,
    ROUTE_HEADER, Retries,
};
pub use envoy::{ENVOY_VARIABLE, Envoy, Launch};
pub use error::Error;
pub use extension::extension;
pub use gateway::Gateway;
pub use listener::listeners;
pub use routes::routes;
pub use seen::Seen;
pub use upstream::{Behaviour, Upstream};
pub use xds::{Resource, Xds};
