//! What the filter answers in place of an upstream.

use drill_context::Reason;

use crate::json::Object;
use crate::{Refusal, Verdict};

/// The response header that names the verdict.
pub(crate) const VERDICT_HEADER: &str = "x-drill-verdict";

/// gRPC status codes (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
pub(crate) const GRPC_PERMISSION_DENIED: u32 = 7;
pub(crate) const GRPC_UNAVAILABLE: u32 = 14;

/// An answer of the filter's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP response.
    Http {
        /// The status code.
        status: u16,
        /// The headers.
        headers: Vec<(&'static str, &'static str)>,
        /// The body.
        body: String,
    },
    /// A gRPC response without a message: HTTP 200 and these trailers.
    Grpc {
        /// `grpc-status`.
        status: u32,
        /// `grpc-message`.
        message: &'static str,
        /// Further metadata.
        headers: Vec<(&'static str, &'static str)>,
    },
}

/// The refusal as the client can read it: a problem document
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), or a gRPC status for gRPC.
pub(crate) fn refusal(refusal: Refusal, grpc: bool) -> Reply {
    let verdict = (VERDICT_HEADER, refusal.code());
    if grpc {
        let status = match refusal.status() {
            503 => GRPC_UNAVAILABLE,
            _ => GRPC_PERMISSION_DENIED,
        };
        return Reply::Grpc {
            status,
            message: refusal.explanation(),
            headers: vec![verdict],
        };
    }
    let mut body = Object::new();
    body.text(
        "type",
        &["tag:drillgate.dev,2026:", refusal.code()].concat(),
    );
    body.text("title", "drill request refused");
    body.number("status", refusal.status());
    body.text("detail", refusal.explanation());
    body.text("code", refusal.code());
    Reply::Http {
        status: refusal.status(),
        headers: vec![
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            verdict,
        ],
        body: body.finish(),
    }
}

/// What this filter runs, so that a controller can compare it with what it has applied.
///
/// `drill` is about the drill that the probe names: a controller asks whether it is known here.
pub(crate) fn probe(generation: u64, active_drills: usize, drill: Result<(), Reason>) -> Reply {
    let mut body = Object::new();
    body.number("generation", generation);
    body.text("version", env!("CARGO_PKG_VERSION"));
    body.number("activeDrills", active_drills);
    body.text("drill", drill.map_or_else(Reason::code, |()| "active"));
    Reply::Http {
        status: 200,
        headers: vec![
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            (VERDICT_HEADER, Verdict::Probe.code()),
        ],
        body: body.finish(),
    }
}

#[cfg(test)]
mod tests {
    use drill_context::Reason;

    use super::{Reply, probe, refusal};
    use crate::Refusal;

    #[test]
    fn a_refusal_is_a_problem_document_that_no_cache_keeps() {
        let Reply::Http {
            status,
            headers,
            body,
        } = refusal(Reason::Stale.into(), false)
        else {
            panic!("an HTTP reply");
        };
        assert_eq!(status, 403);
        assert!(headers.contains(&("x-drill-verdict", "stale")));
        assert!(headers.contains(&("cache-control", "no-store")));
        assert!(headers.contains(&("content-type", "application/problem+json")));
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], 403);
        assert_eq!(problem["code"], "stale");
        assert_eq!(problem["type"], "tag:drillgate.dev,2026:stale");
        assert_eq!(problem["detail"], Reason::Stale.explanation());
    }

    #[test]
    fn our_own_faults_are_503_and_grpc_clients_get_a_grpc_status() {
        let of = |refused, grpc| match refusal(refused, grpc) {
            Reply::Http { status, .. } => u32::from(status),
            Reply::Grpc { status, .. } => status,
        };
        assert_eq!(of(Refusal::EdgeError, false), 503);
        assert_eq!(of(Refusal::EdgeError, true), 14);
        assert_eq!(of(Refusal::SpoofedAuthority, false), 403);
        assert_eq!(of(Refusal::SpoofedAuthority, true), 7);
    }

    #[test]
    fn a_probe_tells_what_the_edge_runs() {
        let Reply::Http { status, body, .. } = probe(42, 3, Err(Reason::DrillOver)) else {
            panic!("an HTTP reply");
        };
        assert_eq!(status, 200);
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["generation"], 42);
        assert_eq!(answer["activeDrills"], 3);
        assert_eq!(answer["drill"], "drill-over");
        assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"));
    }
}
