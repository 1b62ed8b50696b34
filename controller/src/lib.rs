//! The controller and the command line of drillgate.

pub mod cli;
pub mod demo;
pub mod keyfile;
pub mod lab;
pub mod route_key;
