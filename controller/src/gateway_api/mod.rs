//! The part of the Gateway API of Kubernetes that drillgate writes or reads, by hand.
//!
//! What is written is complete, and of the API's standard channel; of what is read only the fields
//! that matter are known, and every field may be absent. No file here decides anything.

mod gateway;
mod grpc_route;
mod http_route;

pub use gateway::{
    AllowedRoutes, Gateway, GatewaySpec, LabelRequirement, LabelSelector, Listener, ListenerTls,
    RouteKind, RouteNamespaces,
};
pub use grpc_route::{GrpcRoute, GrpcRouteRule, GrpcRouteSpec};
pub use http_route::{
    BackendRef, HeaderMatch, HttpRoute, HttpRouteFilter, HttpRouteMatch, HttpRouteRule,
    HttpRouteSpec, ParentRef, RequestHeaderModifier, Timeouts, UrlRewrite,
};

/// The API's group.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// The kind of what a gate refers to.
pub const GATEWAY: &str = "Gateway";
