//! The edge, as checks ask it.

use http::uri::Authority;
use http::{Request, StatusCode};
use hyper::body::Bytes;

use crate::proxy::{Answered, Client, Counts, Error, Settings, Verdict};

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
        let authority: Authority = host
            .parse()
            .map_err(|_| format!("{host:?} is no host: name one of the drill's"))?;
        self.client.ask(authority, request).await
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
