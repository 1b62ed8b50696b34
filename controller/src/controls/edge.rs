//! Asks an edge what it has to refuse.
//!
//! A control bears the header of a drill, and production must not see one even where the edge is
//! broken. So each connection is first asked for what the gate's native policy refuses without the
//! header; only where that is refused controls are sent on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use drill_context::HEADER_NAME;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode, response};
use http_body_util::Empty;
use hyper::body::Bytes;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use super::attempt::{Attempt, Subject, guarded_host};
use crate::causes::with_causes;
use crate::guarded::{Guarded, Unguarded, drain};
use crate::proxy::{self, Tally, Trust, Upstream, Verdict, connect, judge};

/// A refusal has a few hundred bytes. A sandbox may answer with more, of which no more is read.
const MAX_BODY: usize = 64 * 1024;

/// An edge that controls are sent to.
#[derive(Debug)]
pub struct Edge {
    upstream: Upstream,
    tls: Option<ClientConfig>,
    server: String,
    domain: String,
    limit: Duration,
    tally: Arc<Tally>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Who answered.
    pub verdict: Verdict,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.as_u16();
        match &self.verdict {
            Verdict::Refused(code) => write!(f, "{status} {code}"),
            Verdict::Routed => write!(f, "{status} of the sandbox"),
            Verdict::SandboxUnreachable => write!(f, "{status} sandbox-unreachable"),
            _ => write!(f, "{status} without a verdict of the filter"),
        }
    }
}

impl Edge {
    /// The edge at `upstream` of the gate that `subject` goes through; for TLS, the server's name is
    /// the drill's host, whatever host a control names. Each answer may take as long as `limit`.
    /// What is sent with the header is counted in `tally`.
    ///
    /// # Errors
    /// If `trust` cannot be read.
    pub fn new(
        upstream: Upstream,
        trust: &Trust,
        subject: &Subject,
        limit: Duration,
        tally: Arc<Tally>,
    ) -> Result<Edge, proxy::Error> {
        let tls = trust.towards(&upstream)?;
        Ok(Edge {
            upstream,
            tls,
            server: subject.host.clone(),
            domain: subject.domain.clone(),
            limit,
            tally,
        })
    }

    /// Sends a request and gives what came back.
    ///
    /// # Errors
    /// Why nothing came back, or nothing was sent, in a sentence.
    pub async fn ask(&self, attempt: &Attempt) -> Result<Answer, String> {
        let request = request(&attempt.host, &attempt.values)?;
        let answered = timeout(self.limit, async {
            let mut connection = self.open().await?;
            if attempt.values.is_empty() {
                return send(&mut connection, request).await;
            }
            let under_way = self.tally.send();
            let answer = send(&mut connection, request).await;
            under_way.end(match &answer {
                Ok(answer) => answer.verdict.clone(),
                Err(_) => Verdict::Failed,
            });
            answer
        });
        answered
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", self.limit)))
    }

    async fn open(&self) -> Result<Guarded, String> {
        let upstream = &self.upstream;
        let stream = connect(upstream, self.tls.as_ref(), &self.server, self.limit).await;
        let stream = stream.map_err(|error| format!("{upstream}: {}", with_causes(&error)))?;
        let host = guarded_host(&self.domain);
        let connection = Guarded::open(stream, request(&host, &[])?).await;
        connection.map_err(|error| match error {
            Unguarded::Broken(reason) => broke(&reason),
            Unguarded::Unprotected(head) => format!(
                "nothing was sent: {host} without the header got {}, and the gate's policy has to refuse it with 403; without the policy production might have seen the request",
                Answer::of(&head)
            ),
        })
    }
}

impl Answer {
    fn of(head: &response::Parts) -> Answer {
        Answer {
            status: head.status,
            verdict: judge(head),
        }
    }
}

async fn send(connection: &mut Guarded, request: Request<Empty<Bytes>>) -> Result<Answer, String> {
    let answer = connection.send(request).await;
    let (head, body) = answer.map_err(|reason| broke(&reason))?.into_parts();
    // Who answers stands in the head; the connection has served its purpose.
    let _ = drain(body, MAX_BODY).await;
    Ok(Answer::of(&head))
}

fn broke(reason: &str) -> String {
    format!("the connection broke: {reason}")
}

fn request(host: &str, values: &[String]) -> Result<Request<Empty<Bytes>>, String> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| format!("{text:?} cannot stand in a header"))
    };
    // The URI of a request by default is `/`.
    let mut request = Request::new(Empty::new());
    request.headers_mut().insert(HOST, value(host)?);
    for token in values {
        let mut token = value(token)?;
        token.set_sensitive(true);
        request.headers_mut().append(HEADER_NAME, token);
    }
    Ok(request)
}
