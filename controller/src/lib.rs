//! The controller and the command line of drillgate.

pub mod api;
pub mod audit;
mod causes;
pub mod checks;
pub mod cli;
pub mod controls;
pub mod demo;
mod digest;
pub mod evidence;
pub mod gateway_api;
mod guarded;
pub mod istio;
pub mod keyfile;
pub mod lab;
pub mod oneshot;
pub mod proxy;
pub mod reconcile;
pub mod resources;
pub mod route_key;
mod tls;
