//! A proxy that signs each request anew, for test suites that cannot sign; and a file that holds
//! a signed value and renews it.
//!
//! A test suite is pointed at the proxy, by base URL or by `http_proxy`; the proxy takes whatever
//! the client says about drills off, adds a fresh `X-Drill-Context` and sends the request to the
//! drill's edge. It can send no request without one, and it hands on no answer that the edge did
//! not mark with its verdict: production's answer never passes for the sandbox's.
//!
//! What goes out ([`outgoing`]), for which host ([`Hosts`]) and what an answer was ([`judge`]) are
//! functions of what came in.

mod body;
mod client;
mod context_file;
mod error;
mod exchange;
mod hop_by_hop;
mod hosts;
mod outgoing;
mod problem;
mod sender;
mod server;
mod signer;
mod tally;
mod tls;
mod upstream;
mod verdict;

pub use client::{Answered, Client, MAX_BODY, Plain};
pub use context_file::ContextFile;
pub use error::Error;
pub use hosts::Hosts;
pub use outgoing::outgoing;
pub(crate) use sender::connect;
pub use server::{Proxy, Settings};
pub use signer::Signer;
pub use tally::{Counts, Tally};
pub use tls::Trust;
pub use upstream::Upstream;
pub use verdict::{Verdict, judge};

#[cfg(test)]
mod tests;
