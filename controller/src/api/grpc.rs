//! Checks that ask a gRPC service through the edge.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{JsonExpect, any_object};
use super::parts::{DNS_NAME, is_default};

/// A service's health is asked about, or one of its methods is called.
const ONE_CALL: &str = "!(has(self.service) && has(self.method))";

/// What goes with a call.
const OF_A_CALL: &str = "has(self.method) || !(has(self.request) || has(self.expect))";

/// One call: of `grpc.health.v1.Health/Check`, which must answer SERVING, or of the method that is
/// named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_CALL).message("service (its health is asked about) and method (it is called) exclude each other: leave one of them out"),
    validation = Rule::new(OF_A_CALL).message("request and expect belong to a call: name its method, as package.Service/Method")
)]
pub struct GrpcCheck {
    /// One of the drill's hosts; the first of its routes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: Option<String>,

    /// The service whose health is asked about; the server as a whole if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 256))]
    pub service: String,

    /// The method that is called, as package.Service/Method: a unary one. The server's own reflection
    /// (v1, or v1alpha) says what its messages are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 512),
        regex(
            pattern = "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*$"
        )
    )]
    pub method: Option<String>,

    /// The method's request, as proto3 JSON; an empty message if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub request: Option<Value>,

    /// What the method must answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expect: GrpcExpect,
}

/// What a method must answer: all of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcExpect {
    /// One of these statuses; OK if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 17), extend("x-kubernetes-list-type" = "atomic"))]
    pub status: Vec<GrpcStatus>,

    /// What the answer, as proto3 JSON, has where. Fields without a value have their default there,
    /// and integers of 64 bits are texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub json: Vec<JsonExpect>,

    /// A JSON Schema that the answer, as proto3 JSON, satisfies. References out of it are not
    /// followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub schema: Option<Value>,

    /// How many milliseconds the call may take until the whole answer is there, without what was
    /// asked about the method before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 3_600_000))]
    pub max_millis: Option<u32>,
}

/// A status of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "gRPC's own words for them")]
pub enum GrpcStatus {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl GrpcStatus {
    /// All of them with their names, in the order of their numbers.
    const ALL: [(GrpcStatus, &'static str); 17] = [
        (GrpcStatus::Ok, "OK"),
        (GrpcStatus::Cancelled, "CANCELLED"),
        (GrpcStatus::Unknown, "UNKNOWN"),
        (GrpcStatus::InvalidArgument, "INVALID_ARGUMENT"),
        (GrpcStatus::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (GrpcStatus::NotFound, "NOT_FOUND"),
        (GrpcStatus::AlreadyExists, "ALREADY_EXISTS"),
        (GrpcStatus::PermissionDenied, "PERMISSION_DENIED"),
        (GrpcStatus::ResourceExhausted, "RESOURCE_EXHAUSTED"),
        (GrpcStatus::FailedPrecondition, "FAILED_PRECONDITION"),
        (GrpcStatus::Aborted, "ABORTED"),
        (GrpcStatus::OutOfRange, "OUT_OF_RANGE"),
        (GrpcStatus::Unimplemented, "UNIMPLEMENTED"),
        (GrpcStatus::Internal, "INTERNAL"),
        (GrpcStatus::Unavailable, "UNAVAILABLE"),
        (GrpcStatus::DataLoss, "DATA_LOSS"),
        (GrpcStatus::Unauthenticated, "UNAUTHENTICATED"),
    ];

    /// The one with this number, as `grpc-status` has it.
    pub fn of(code: &str) -> Option<GrpcStatus> {
        let number: usize = code.parse().ok()?;
        GrpcStatus::ALL.get(number).map(|(status, _)| *status)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let mut all = GrpcStatus::ALL.into_iter();
        all.find(|(status, _)| *status == self)
            .map_or("UNKNOWN", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{GrpcExpect, GrpcStatus};
    use crate::api::{Check, Drill, tests};

    /// What an API server's rules say to a drill with this check.
    fn verdict(grpc: Value) -> String {
        let checks = json!([{"name": "c", "grpc": grpc}]);
        tests::verdict::<Drill>(&tests::with(tests::drill(), "/spec/checks", checks), None)
    }

    #[test]
    fn a_service_is_asked_about_its_health_or_a_method_is_called() {
        let method = "orders.v1.Orders/Get";
        for grpc in [
            json!({}),
            json!({"service": "orders.v1.Orders"}),
            json!({ "method": method }),
            json!({"method": method, "request": {"id": 1}, "expect": {"status": ["OK"]}}),
        ] {
            assert_eq!(verdict(grpc), "accepted");
        }
        let both = verdict(json!({"service": "orders.v1.Orders", "method": method}));
        assert!(both.contains("leave one of them out"), "{both}");
        for of_a_call in [
            json!({"request": {}}),
            json!({"service": "a", "expect": {"status": ["OK"]}}),
        ] {
            let said = verdict(of_a_call);
            assert!(said.contains("name its method"), "{said}");
        }
    }

    #[test]
    fn the_shortest_call_is_filled_with_defaults() {
        let check = json!({"name": "c", "grpc": {"method": "a.B/C"}});
        let check: Check = serde_json::from_value(check).unwrap();
        let grpc = check.grpc.unwrap();
        assert_eq!((grpc.request, grpc.expect), (None, GrpcExpect::default()));
    }

    #[test]
    fn a_status_is_called_the_same_everywhere_and_has_its_number() {
        for (number, (status, name)) in GrpcStatus::ALL.into_iter().enumerate() {
            assert_eq!(GrpcStatus::of(&number.to_string()), Some(status));
            assert_eq!(status.name(), name);
            assert_eq!(serde_json::to_value(status).unwrap(), json!(name));
        }
        assert_eq!(GrpcStatus::ALL[16].1, "UNAUTHENTICATED");
        for none in ["17", "-1", "", "OK"] {
            assert_eq!(GrpcStatus::of(none), None);
        }
    }
}
