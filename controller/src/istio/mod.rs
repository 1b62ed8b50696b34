//! The part of Istio's API that drillgate writes or reads, by hand.
//!
//! What is written is complete; of what is read (Gateways, and VirtualServices of others) only the
//! fields that matter are known, and every field may be absent. No file here decides anything.

mod authorization_policy;
mod destination_rule;
mod extension;
mod gateway;
mod target;
mod telemetry;
mod virtual_service;

pub use authorization_policy::{
    Action, AuthorizationPolicy, AuthorizationPolicySpec, AuthorizationRule, Condition, Operation,
    To,
};
pub use destination_rule::{
    ConnectionPool, DestinationRule, DestinationRuleSpec, HttpSettings, OutlierDetection,
    TcpSettings, TrafficPolicy,
};
pub use extension::{
    FailStrategy, Placement, PluginPhase, TrafficExtension, TrafficExtensionSpec, WasmConfig,
    WasmPlugin, WasmPluginSpec,
};
pub use gateway::{Gateway, GatewaySpec, Server, ServerPort, ServerTls};
pub use target::{TargetRef, WorkloadSelector};
pub use telemetry::{AccessLogFilter, AccessLogging, ProviderRef, Telemetry, TelemetrySpec};
pub use virtual_service::{
    Destination, DirectResponse, HeaderOperations, Headers, HttpMatch, HttpRetry, HttpRewrite,
    HttpRoute, HttpRouteDestination, PortSelector, StringMatch, VirtualService, VirtualServiceSpec,
};
