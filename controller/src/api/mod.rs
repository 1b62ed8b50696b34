//! The custom resources of drillgate: group `drillgate.dev`, version `v1alpha1`.
//!
//! [`DrillGate`] is an edge: gateway pods that tell drill requests apart. [`Drill`] is one drill
//! through such an edge, with a beginning and an end; [`DrillSchedule`] makes drills by the calendar. The doc comments of their fields are what
//! `kubectl explain` shows; bounds and rules are in the schema, so that the API server refuses
//! what can be seen to be wrong from one object alone. What needs a look at other objects is
//! refused by [`crate::resources::refusal`].

mod checks;
mod database_checks;
mod databases;
mod drill;
mod duration;
mod explained;
mod gate;
mod grpc;
mod http;
mod parts;
mod schedule;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use checks::{Check, CommandCheck, CommandReport, Objectives, Retry, Severity, TapSource};
pub use database_checks::{
    Baseline, EdgeQuestion, FreshnessCheck, MigrationTool, OwnReceipt, ReceiptCheck, RowBounds,
    SchemaVersionCheck, SqlCheck, SqlExpectation,
};
pub use databases::{Database, DatabaseTls, Engine, Role, SecretEntry, Source, TlsMode};
pub use drill::{
    CircuitBreaker, Destination, Drill, DrillRoute, DrillSpec, GateRef, Mode, Retries,
};
pub use duration::{Duration, DurationError};
pub use gate::{DrillGate, DrillGateSpec, Extension};
pub use grpc::{GrpcCheck, GrpcExpect, GrpcStatus};
pub use http::{Capture, HttpExpect, HttpStep, JsonExpect};
pub use parts::{
    Audit, AuditLevel, GateKey, Module, Probe, ProtectedNamespace, PullPolicy, SecretKeyRef,
};
pub use schedule::{
    ConcurrencyPolicy, DrillSchedule, DrillScheduleSpec, DrillScheduleStatus, DrillTemplate,
    TemplateMetadata,
};
pub use status::{CheckStatus, DrillGateStatus, DrillStatus, ObjectRef, Phase};

/// The API group of the custom resources, and the prefix of our labels and annotations.
pub const GROUP: &str = "drillgate.dev";

/// Every custom resource definition, in the order in which they are printed.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let [gate, drill] = [DrillGate::crd(), Drill::crd()].map(explained::explained);
    vec![gate, drill, schedule::definition()]
}

#[cfg(test)]
mod tests;
