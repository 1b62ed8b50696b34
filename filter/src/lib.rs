//! The filter of drillgate on the gateway: verifies `X-Drill-Context`, steers the request to
//! the drill's sandbox, and answers for it when the sandbox cannot be reached.
//!
//! Everything that decides is plain Rust behind one small trait, [`Host`], and is tested
//! natively. `adapter.rs` binds it to proxy-wasm and exists on wasm only.
//!
//! | to learn about | read |
//! |---|---|
//! | the life of one request | `exchange.rs` |
//! | whether a request may pass, and where to | `decision.rs` |
//! | the plugin's configuration | `config/` |
//! | what a refused client is told | `reply.rs` |
//! | what the auditor finds | `audit.rs` |
//!
//! A request without the header costs one hostcall and leaves no trace. A request with it
//! never passes unless everything that it claims has been shown.

mod audit;
mod authority;
mod baggage;
mod cache;
mod config;
mod decision;
mod exchange;
mod host;
mod json;
mod reply;
mod verdict;

#[cfg(target_family = "wasm")]
mod adapter;
#[cfg(test)]
mod mock;

pub use config::{ActiveDrill, AuditSettings, ConfigError, Gate, Mode, RouteKey};
pub use exchange::{Exchange, Flow};
pub use host::{Host, HostError, LogLevel};
pub use reply::Reply;
pub use verdict::{Refusal, Verdict};
