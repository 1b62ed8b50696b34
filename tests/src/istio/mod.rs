//! A real Istio: istiod and a gateway (pilot-agent with a stock Envoy) beside a control plane, as
//! `make istio` builds them.
//!
//! There are no pods and no kubelet. A gateway finds its Gateways by a label of its own, so that any
//! number of them stand side by side; services are ServiceEntries with endpoints on loopback, since
//! Kubernetes refuses those. Mutual TLS is off and there is no certificate authority; istiod knows
//! gateways by the tokens of their service accounts, which come in the clear.

mod bridge;
mod certificates;
mod clock;
mod collector;
pub mod comparison;
mod context;
mod gateway;
mod gateway_api;
mod identity;
mod istiod;
mod made;
mod mesh;
mod module_cache;
mod restored;
mod secured;
mod stage;

pub use bridge::TlsBridge;
pub use certificates::Certificates;
pub use collector::Collector;
pub use context::{ENVIRONMENT, KEY, claims, drill_request, request_with, signed};
pub use gateway::{IngressGateway, Settings};
pub use istiod::Istiod;
pub use mesh::Mesh;
pub use module_cache::ModuleCache;
pub use restored::restored_drill;
pub use stage::Stage;
