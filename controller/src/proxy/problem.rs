//! What the proxy answers itself.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use serde::Serialize;

use super::body;
use super::verdict::VERDICT_HEADER;

/// gRPC's `UNAVAILABLE`.
const GRPC_UNAVAILABLE: &str = "14";

/// Why there is no answer of the edge to hand on.
#[derive(Debug)]
pub(super) enum Problem {
    /// The upstream answered with this status, and it is no drill edge.
    Unmarked {
        upstream: String,
        status: StatusCode,
    },
    /// The upstream did not answer.
    Unreachable { upstream: String, reason: String },
    /// The request could not be signed, or not be written anew.
    Unsigned(String),
    /// The client asked for a tunnel.
    Tunnel,
}

impl Problem {
    fn code(&self) -> &'static str {
        match self {
            Problem::Unmarked { .. } => "unmarked",
            Problem::Unreachable { .. } => "edge-unreachable",
            Problem::Unsigned(_) => "unsigned",
            Problem::Tunnel => "no-tunnel",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Problem::Tunnel => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Problem::Unmarked { .. } => "not an answer of a drill edge",
            Problem::Unreachable { .. } => "drill edge unreachable",
            Problem::Unsigned(_) => "drill request not sent",
            Problem::Tunnel => "no tunnels",
        }
    }

    /// What is wrong and what mends it.
    fn detail(&self) -> String {
        match self {
            Problem::Unmarked { upstream, status } => format!(
                "{upstream} answered {status} without a verdict of drillgate's filter, so the answer may be \
                 production's and is withheld: check that --upstream is the drill's gateway, that the filter is \
                 loaded there, and that nothing in between answers or takes x-drill-verdict off (a gateway also \
                 refuses by itself, before its filters, what is malformed, too large or an unknown upgrade)"
            ),
            Problem::Unreachable { upstream, reason } => {
                format!("{upstream} did not answer: {reason}: check --upstream")
            }
            Problem::Unsigned(reason) => format!("nothing was sent: {reason}"),
            Problem::Tunnel => "nothing inside a tunnel can be signed: use the proxy's address as the base URL, or \
                                request http:// URLs through it (it speaks TLS to an https:// upstream itself)"
                .to_owned(),
        }
    }

    /// The answer: a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), or a
    /// gRPC status for gRPC.
    pub(super) fn answer(&self, grpc: bool) -> Response<body::Answer> {
        let (status, body) = if grpc {
            (StatusCode::OK, String::new())
        } else {
            (self.status(), self.document())
        };
        let mut answer = Response::new(Either::Right(Full::from(body)));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        let fixed = HeaderValue::from_static;
        headers.insert(VERDICT_HEADER, fixed(self.code()));
        if grpc {
            headers.insert(CONTENT_TYPE, fixed("application/grpc"));
            headers.insert("grpc-status", fixed(GRPC_UNAVAILABLE));
            headers.insert("grpc-message", grpc_message(&self.detail()));
        } else {
            headers.insert(CONTENT_TYPE, fixed("application/problem+json"));
            headers.insert(CACHE_CONTROL, fixed("no-store"));
        }
        answer
    }

    fn document(&self) -> String {
        #[derive(Serialize)]
        struct Document {
            r#type: String,
            title: &'static str,
            status: u16,
            detail: String,
            code: &'static str,
        }
        let document = Document {
            r#type: format!("tag:drillgate.dev,2026:{}", self.code()),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            code: self.code(),
        };
        // Texts and numbers always can be written as JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// The text as `grpc-message` has it, with what is not visible ASCII, and `%`, escaped.
fn grpc_message(text: &str) -> HeaderValue {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::try_from(escaped).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::Problem;

    fn unmarked() -> Problem {
        Problem::Unmarked {
            upstream: "http://10.0.0.1:80".to_owned(),
            status: StatusCode::OK,
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_withheld_is_a_problem_document_that_no_cache_keeps() {
        let answer = unmarked().answer(false);
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["x-drill-verdict"], "unmarked");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let mut problem: Value = serde_json::from_slice(&body).unwrap();
        let detail = problem["detail"].take();
        assert!(
            detail
                .as_str()
                .unwrap()
                .contains("http://10.0.0.1:80 answered 200 OK without")
        );
        let expected = json!({
            "type": "tag:drillgate.dev,2026:unmarked",
            "title": "not an answer of a drill edge",
            "status": 502,
            "detail": null,
            "code": "unmarked",
        });
        assert_eq!(problem, expected);
    }

    #[test]
    fn a_grpc_client_reads_the_reason_in_its_own_way() {
        let reason = "100%\nsure".to_owned();
        let answer = Problem::Unsigned(reason).answer(true);
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["grpc-status"], "14");
        let message = &answer.headers()["grpc-message"];
        assert_eq!(message, "nothing was sent: 100%25%0Asure");
        assert_eq!(answer.headers()["x-drill-verdict"], "unsigned");
    }

    #[test]
    fn a_tunnel_is_not_implemented() {
        let answer = Problem::Tunnel.answer(false);
        assert_eq!(answer.status(), 501);
        assert_eq!(answer.headers()["x-drill-verdict"], "no-tunnel");
    }
}
