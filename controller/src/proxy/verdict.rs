//! Who gave an answer.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, response};

/// The response header that names the verdict.
pub(super) const VERDICT_HEADER: &str = "x-drill-verdict";

/// What became of a request that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The sandbox answered.
    Routed,
    /// The edge could not reach the sandbox.
    SandboxUnreachable,
    /// The edge refused the request, with this code.
    Refused(String),
    /// Something answered that is no drill edge.
    Unmarked,
    /// Nothing answered.
    Failed,
    /// The client went away before there was an answer.
    Unanswered,
}

/// What an answer with this head is: only what the edge marked, in the way in which it marks, is
/// taken for its own.
///
/// A refusal has its code and the status 403 or 503, or the like of it in gRPC. Codes that are not
/// known here are accepted: the edge may be newer.
pub fn judge(head: &response::Parts) -> Verdict {
    match code(&head.headers) {
        Some("routed") => Verdict::Routed,
        // Neither is an answer to a drill's request.
        Some("probe" | "unanswered") | None => Verdict::Unmarked,
        Some(_) if !refuses(head) => Verdict::Unmarked,
        Some("sandbox-unreachable") => Verdict::SandboxUnreachable,
        Some(code) => Verdict::Refused(code.to_owned()),
    }
}

/// The one verdict, if it has the form of one: it ends up in reports.
fn code(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(VERDICT_HEADER).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let code = value.to_str().ok()?;
    let formed = code.bytes().all(|it| it.is_ascii_lowercase() || it == b'-');
    (formed && (1..=64).contains(&code.len())).then_some(code)
}

fn refuses(head: &response::Parts) -> bool {
    let grpc = || head.headers.get("grpc-status").map(|it| it.as_bytes());
    match head.status {
        StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => true,
        StatusCode::OK => is_grpc(&head.headers) && matches!(grpc(), Some(b"7" | b"14")),
        _ => false,
    }
}

/// Whether a message is one of gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.is_some_and(|it| it.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use drill_filter::Verdict as OfFilter;
    use http::response::{Parts, Response};

    use super::{Verdict, judge};

    fn head(status: u16, fields: &[(&str, &str)]) -> Parts {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    fn marked(status: u16, code: &str) -> Verdict {
        judge(&head(status, &[("x-drill-verdict", code)]))
    }

    fn refused(code: &str) -> Verdict {
        Verdict::Refused(code.to_owned())
    }

    #[test]
    fn whatever_the_sandbox_answers_is_its_own() {
        for status in [101, 200, 204, 301, 403, 404, 500, 503] {
            assert_eq!(marked(status, "routed"), Verdict::Routed, "{status}");
        }
    }

    #[test]
    fn every_verdict_that_the_filter_gives_is_told_apart() {
        let grpc = |status, code| {
            let fields = [
                ("content-type", "application/grpc"),
                ("grpc-status", status),
                ("x-drill-verdict", code),
            ];
            judge(&head(200, &fields))
        };
        for verdict in OfFilter::all() {
            let code = verdict.code();
            let (status, expected) = match verdict {
                OfFilter::Routed => (200, Verdict::Routed),
                OfFilter::SandboxUnreachable => (503, Verdict::SandboxUnreachable),
                OfFilter::Probe | OfFilter::Unanswered => (200, Verdict::Unmarked),
                OfFilter::Refused(refusal) => (refusal.status(), refused(code)),
            };
            assert_eq!(marked(status, code), expected);
            let grpc_status = if status == 503 { "14" } else { "7" };
            assert_eq!(grpc(grpc_status, code), expected);
        }
        assert_eq!(marked(403, "of-a-newer-edge"), refused("of-a-newer-edge"));
    }

    #[test]
    fn what_does_not_look_like_the_edge_is_not_taken_for_it() {
        assert_eq!(judge(&head(200, &[])), Verdict::Unmarked);
        for (status, code) in [
            (200, ""),
            (200, "Routed"),
            (200, "routed, routed"),
            (200, " routed/1"),
            (200, "sandbox-unreachable"),
            (200, "expired"),
            (404, "expired"),
            (403, &"a".repeat(65)),
        ] {
            assert_eq!(marked(status, code), Verdict::Unmarked, "{status} {code}");
        }
        let twice = [("x-drill-verdict", "routed"), ("x-drill-verdict", "routed")];
        assert_eq!(judge(&head(200, &twice)), Verdict::Unmarked);
        let no_grpc = [("grpc-status", "7"), ("x-drill-verdict", "expired")];
        assert_eq!(judge(&head(200, &no_grpc)), Verdict::Unmarked);
    }
}
