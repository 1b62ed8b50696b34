//! What stops a reconciliation.

use std::fmt;
use std::sync::Arc;

use crate::api::ObjectRef;
use crate::resources::conditions::reason;

/// Why a reconciliation stopped half way. It is tried again. Several drills may share one reason.
#[derive(Debug, Clone)]
pub enum Error {
    /// Another field manager holds a field that is ours. Nothing is forced.
    Conflict {
        /// The object.
        object: ObjectRef,
        /// Who holds which fields, in the API server's words.
        holders: Vec<String>,
    },
    /// The API server refused an object as invalid.
    Invalid {
        /// The object.
        object: ObjectRef,
        /// Its reason.
        message: String,
    },
    /// The object was read before another write: it will be read again.
    Stale,
    /// This replica is not the leader, or is no longer sure of it, and writes nothing.
    NotLeader,
    /// Anything else that the API server, or the way to it, came up with.
    Api(Arc<kube::Error>),
    /// The operating system has no random numbers to give.
    Random(getrandom::Error),
}

impl Error {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Error::Conflict { .. } => "Conflict",
            Error::Invalid { .. } => "Invalid",
            Error::Stale => "Stale",
            Error::NotLeader => "NotLeader",
            Error::Api(error) => api_category(error),
            Error::Random(_) => "Random",
        }
    }

    /// Whether people have to mend it: then it is told as a condition, too.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self.category(),
            "Conflict" | "Invalid" | "Forbidden" | "NotFound"
        )
    }

    /// The reason that a condition carries.
    pub(super) fn condition_reason(&self) -> &'static str {
        match self {
            Error::Conflict { .. } => "Conflict",
            _ => reason::FAILED,
        }
    }

    /// From an answer about `object`.
    pub(super) fn about(object: &ObjectRef, error: kube::Error) -> Error {
        let kube::Error::Api(status) = &error else {
            return Error::Api(Arc::new(error));
        };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let holders: Vec<String> = causes
            .filter(|cause| cause.reason == "FieldManagerConflict")
            .map(|cause| format!("{} at {}", cause.message, cause.field))
            .collect();
        match status.code {
            409 if holders.is_empty() => Error::Stale,
            409 => Error::Conflict {
                object: object.clone(),
                holders,
            },
            400 | 413 | 422 | 500 if status.code != 500 || is_about_content(&status.message) => {
                Error::Invalid {
                    object: object.clone(),
                    message: status.message.clone(),
                }
            }
            _ => Error::Api(Arc::new(error)),
        }
    }
}

/// What the API server answers with 500 although it is no fault of its own: a server-side apply of
/// a field that the schema does not have, and an object that etcd does not take.
fn is_about_content(message: &str) -> bool {
    message.contains("not declared in schema") || message.contains("request is too large")
}

pub fn api_category(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) => match status.code {
            401 | 403 => "Forbidden",
            404 => "NotFound",
            429 => "Throttled",
            500..=599 => "ServerError",
            _ => "Api",
        },
        _ => "Unreachable",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Conflict { object, holders } => write!(
                f,
                "{}: {}: remove those fields there, or delete the object, and it is applied again",
                named(object),
                holders.join(", ")
            ),
            Error::Invalid { object, message } => {
                write!(f, "{}: the API server refuses it: {message}", named(object))
            }
            Error::Stale => f.write_str("the object has changed in between and is read again"),
            Error::NotLeader => f.write_str("this replica is not the leader and writes nothing"),
            Error::Api(error) => error.fmt(f),
            Error::Random(error) => write!(f, "no random numbers: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// An object as people name it.
pub fn named(object: &ObjectRef) -> String {
    format!("{} {}/{}", object.kind, object.namespace, object.name)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::{Error, named};
    use crate::api::ObjectRef;

    fn object() -> ObjectRef {
        ObjectRef {
            api_version: "networking.istio.io/v1".to_owned(),
            kind: "VirtualService".to_owned(),
            namespace: "ci".to_owned(),
            name: "x".to_owned(),
        }
    }

    fn answer(code: u16, causes: serde_json::Value) -> Error {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "code": code, "message": "m", "details": {"causes": causes},
        }))
        .unwrap();
        Error::about(&object(), kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_field_managers_conflict_names_the_other_manager_and_the_field() {
        let cause = json!([{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"kubectl-edit\" using networking.istio.io/v1",
            "field": ".spec.hosts",
        }]);
        let error = answer(409, cause);
        assert_eq!(error.category(), "Conflict");
        let text = error.to_string();
        assert!(text.starts_with("VirtualService ci/x: "), "{text}");
        assert!(
            text.contains("\"kubectl-edit\"") && text.contains(".spec.hosts"),
            "{text}"
        );
    }

    #[test]
    fn another_conflict_is_a_stale_read() {
        assert_eq!(answer(409, json!([])).category(), "Stale");
    }

    #[test]
    fn every_answer_has_a_category_of_few() {
        for (code, category) in [
            (400, "Invalid"),
            (401, "Forbidden"),
            (403, "Forbidden"),
            (404, "NotFound"),
            (410, "Api"),
            (413, "Invalid"),
            (422, "Invalid"),
            (429, "Throttled"),
            (500, "ServerError"),
            (503, "ServerError"),
        ] {
            assert_eq!(answer(code, json!([])).category(), category, "{code}");
        }
        assert_eq!(named(&object()), "VirtualService ci/x");
    }
}
