//! The edge, as checks ask it.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::uri::{Authority, PathAndQuery};
use http::{Request, StatusCode};
use hyper::body::Bytes;
use serde_json::Value;

use super::through::{ThroughEdge, Way};
use crate::proxy::{Answered, Client, Counts, Error, MAX_BODY, Plain, Settings, Verdict};

/// The edge that checks go through, and the drill's hosts there.
#[derive(Debug)]
pub struct Edge {
    client: Client,
    hosts: Vec<String>,
}

impl Edge {
    /// The edge that a proxy with these settings would send to, for the drill's hosts in them.
    ///
    /// # Errors
    /// [`Error::CaFile`] and [`Error::Tls`].
    pub fn new(settings: &Settings) -> Result<Edge, Error> {
        Ok(Edge {
            client: Client::new(settings)?,
            hosts: settings.hosts.clone(),
        })
    }

    /// What became of the requests.
    pub fn counts(&self) -> Counts {
        self.client.tally().counts()
    }

    /// Asks for `host`, or the drill's first one.
    ///
    /// # Errors
    /// In words: why there is no answer.
    pub(super) async fn ask(
        &self,
        host: Option<&str>,
        request: Request<Bytes>,
    ) -> Result<Answered, String> {
        let host = host.or_else(|| self.hosts.first().map(String::as_str));
        let host = host.ok_or("the drill has no host")?;
        self.client.ask(authority(host)?, request).await
    }

    /// The sandbox's answer to `path`, and nobody else's.
    async fn get_of_drill(&self, host: &str, path: &str) -> Result<Plain, String> {
        let request = Request::get(path).body(Bytes::new());
        let request = request.map_err(|error| format!("{path:?} is no path: {error}"))?;
        let answered = self.ask(Some(host), request).await?;
        match self.stranger(&answered.verdict, answered.head.status) {
            Some(stranger) => Err(stranger),
            None => Ok(Plain {
                status: answered.head.status,
                body: answered.body,
                is_whole: answered.is_whole,
            }),
        }
    }

    async fn get_as_any_user(&self, host: &str, path: &str) -> Result<Plain, String> {
        let path: Result<PathAndQuery, _> = path.parse();
        let path = path.map_err(|error| format!("the path is none: {error}"))?;
        self.client.get_as_any_user(authority(host)?, path).await
    }

    /// Why an answer is not the sandbox's, if it is not.
    pub(super) fn stranger(&self, verdict: &Verdict, status: StatusCode) -> Option<String> {
        let status = status.as_u16();
        Some(match verdict {
            Verdict::Routed => return None,
            Verdict::Unmarked => format!(
                "something else than the edge has answered with {status}, without its verdict: is {} the gateway of this gate?",
                self.client.upstream()
            ),
            Verdict::SandboxUnreachable => {
                format!("the edge could not reach the sandbox ({status} sandbox-unreachable)")
            }
            Verdict::Refused(code) => format!("the edge refused the request ({status} {code})"),
            Verdict::Failed | Verdict::Unanswered => "nothing has answered".to_owned(),
        })
    }
}

impl ThroughEdge for Edge {
    fn get_json<'a>(
        &'a self,
        way: Way,
        host: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>> {
        async move {
            let (who, answer) = match way {
                Way::Drill => ("the sandbox", self.get_of_drill(host, path).await?),
                Way::Ordinary => ("production", self.get_as_any_user(host, path).await?),
            };
            let asked = format!("{who} answers {host}{path} with");
            match answer.status {
                StatusCode::NOT_FOUND => Ok(None),
                StatusCode::OK => json(&answer.body, answer.is_whole)
                    .map(Some)
                    .map_err(|why| format!("{asked} 200, and {why}")),
                status => Err(format!("{asked} {}", status.as_u16())),
            }
        }
        .boxed()
    }
}

/// What a body says. Not in the parser's words, which repeat what was read.
pub(super) fn json(body: &[u8], is_whole: bool) -> Result<Value, String> {
    if !is_whole {
        return Err(format!(
            "the body is longer than the {MAX_BODY} bytes that are read"
        ));
    }
    let read = serde_json::from_slice(body);
    read.map_err(|error| format!("the body is no JSON (column {})", error.column()))
}

fn authority(host: &str) -> Result<Authority, String> {
    let parsed = host.parse();
    parsed.map_err(|_| format!("{host:?} is no host: name one of the drill's"))
}

/// The word for a verdict, as the header has it.
pub(super) fn word(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Routed => "routed",
        Verdict::SandboxUnreachable => "sandbox-unreachable",
        Verdict::Refused(code) => code,
        Verdict::Unmarked => "(none)",
        Verdict::Failed | Verdict::Unanswered => "(no answer)",
    }
}
