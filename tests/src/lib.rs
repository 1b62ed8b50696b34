//! What the integration suites share: production, a sandbox and a real Envoy in front of them.
//!
//! A suite starts one [`Harness`] per test. Helpers stop the test at the first surprise, so they
//! return values, not errors.

pub mod audit;
pub mod bench;
mod command_line;
pub mod control_plane;
pub mod databases;
pub mod gate;
mod grpc;
mod harness;
pub mod istio;
pub mod load;
mod module;
mod orders;
mod raw;
pub mod registry;
pub mod socket;
pub mod traffic;

pub use command_line::{binary, drillgate};
pub use grpc::{check_health, health_router, reported_health_router, watch_health};
pub use harness::{Harness, SANDBOX, arrived, envoy};
pub use module::{MODULE_VARIABLE, module, module_path, sha256};
pub use orders::{REFLECTIONS, TOKEN, orders_router};
pub use raw::{exchange, outcomes};
