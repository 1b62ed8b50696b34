//! What the filter asks of the proxy that it runs in.

use crate::{Reply, Verdict};

/// The proxy did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError;

/// How loud a line in the proxy's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// For development.
    Debug,
    /// Below what Istio's gateways print by default.
    Info,
    /// Printed by Istio's gateways by default.
    Warn,
    /// Something needs mending.
    Error,
}

/// One request, as the proxy shows it to the filter.
///
/// Each method is one hostcall. Header names are in lower case, as Envoy keeps them.
pub trait Host {
    /// The proxy's clock, in whole seconds of the Unix epoch.
    fn now(&self) -> Result<i64, HostError>;

    /// The first value of a request header; `None` when there is none.
    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// Every request header, repeated ones each time, pseudo-headers first.
    fn request_headers(&self) -> Result<Vec<(String, Vec<u8>)>, HostError>;

    /// Replaces every value of a request header by this one.
    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes every value of a request header.
    fn remove_request_header(&self, name: &str) -> Result<(), HostError>;

    /// Makes the proxy choose the route anew, from the headers as they are now.
    fn clear_route_cache(&self) -> Result<(), HostError>;

    /// Replaces every value of a response header by this one.
    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Removes every value of a response header.
    fn remove_response_header(&self, name: &str) -> Result<(), HostError>;

    /// A property of the stream, such as `response.code_details`; `None` when it has none.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Leaves a value for access logs: `%FILTER_STATE(wasm.<key>:PLAIN)%`.
    fn set_filter_state(&self, key: &str, value: &str) -> Result<(), HostError>;

    /// Answers the request in place of an upstream.
    fn reply(&self, reply: &Reply) -> Result<(), HostError>;

    /// Writes one line to the proxy's log.
    fn log(&self, level: LogLevel, line: &str);

    /// Counts one request with this verdict.
    fn count(&self, verdict: Verdict);
}
