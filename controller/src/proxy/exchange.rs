//! One request and its answer.

use std::io;
use std::sync::Arc;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode, request, response};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::upgrade::{self, OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::body;
use super::hop_by_hop;
use super::hosts::Hosts;
use super::outgoing::outgoing;
use super::problem::Problem;
use super::sender::Sender;
use super::signer::Signer;
use super::tally::Tally;
use super::upstream::Upstream;
use super::verdict::{VERDICT_HEADER, Verdict, is_grpc, judge};
use crate::causes::with_causes;

/// What every exchange needs.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) upstream: Upstream,
    pub(super) hosts: Hosts,
    pub(super) sender: Sender<body::Request>,
    pub(super) signer: Arc<Signer>,
    pub(super) clock: fn() -> i64,
    pub(super) tally: Arc<Tally>,
}

/// The two ends of a connection that changed its protocol.
#[derive(Debug)]
pub(super) struct Tunnel {
    client: OnUpgrade,
    upstream: OnUpgrade,
}

impl Exchange {
    /// Answers one request. After an answer with a tunnel, the connection is the tunnel's.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> (Response<body::Answer>, Option<Tunnel>) {
        let grpc = is_grpc(request.headers());
        match self.exchange(request).await {
            Ok(answered) => answered,
            Err(problem) => (problem.answer(grpc), None),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<(Response<body::Answer>, Option<Tunnel>), Problem> {
        let client = upgrade::on(&mut request);
        let (came, body) = request.into_parts();
        let head = self.head(&came).inspect_err(|_| self.tally.keep_back())?;
        let upgrades = head.headers.contains_key(UPGRADE);

        let under_way = self.tally.send();
        let request = Request::from_parts(head, body::request(body));
        let mut response = match self.sender.send(request).await {
            Ok(response) => response,
            Err(error) => {
                under_way.end(Verdict::Failed);
                return Err(self.unreachable(&error));
            }
        };
        let upstream = upgrade::on(&mut response);
        let (head, body) = response.into_parts();
        let changes = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let verdict = match judge(&head) {
            // Nobody asked for it, so nobody would know what comes then.
            _ if changes && !upgrades => Verdict::Unmarked,
            verdict => verdict,
        };
        under_way.end(verdict.clone());
        if verdict == Verdict::Unmarked {
            return Err(Problem::Unmarked {
                upstream: self.upstream.to_string(),
                status: head.status,
            });
        }
        let tunnel = changes.then_some(Tunnel { client, upstream });
        let answer = Response::from_parts(returned(head), Either::Left(body));
        Ok((answer, tunnel))
    }

    /// The head that goes out: signed, or there is none.
    fn head(&self, came: &request::Parts) -> Result<request::Parts, Problem> {
        if came.method == Method::CONNECT {
            return Err(Problem::Tunnel);
        }
        let context = self.signer.header((self.clock)());
        let context = context.map_err(|error| Problem::Unsigned(error.to_string()))?;
        let host = self.hosts.of(came);
        outgoing(came, self.upstream.scheme(), host, context)
            .map_err(|error| Problem::Unsigned(error.to_string()))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Problem {
        Problem::Unreachable {
            upstream: self.upstream.to_string(),
            reason: with_causes(error),
        }
    }
}

impl Tunnel {
    /// Carries bytes both ways until both ends have closed.
    pub(super) async fn run(self) -> io::Result<()> {
        let (client, upstream) =
            tokio::try_join!(self.client, self.upstream).map_err(io::Error::other)?;
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        copy_bidirectional(&mut client, &mut upstream).await?;
        Ok(())
    }
}

/// The head of the answer that goes back, without what is for the upstream's connection only.
fn returned(mut head: response::Parts) -> response::Parts {
    let verdict = head.headers.get(VERDICT_HEADER).cloned();
    let protocol = hop_by_hop::upgrade(&head.headers);
    hop_by_hop::remove(&mut head.headers);
    if let Some(verdict) = verdict {
        head.headers.insert(VERDICT_HEADER, verdict);
    }
    if head.status == StatusCode::SWITCHING_PROTOCOLS
        && let Some(protocol) = protocol
    {
        head.headers.insert(UPGRADE, protocol);
        let upgrade = HeaderValue::from_static("upgrade");
        head.headers.insert(CONNECTION, upgrade);
    }
    head
}

#[cfg(test)]
mod tests {
    use http::response::{Parts, Response};

    use super::returned;

    fn head(status: u16, fields: &[(&str, &str)]) -> Parts {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        returned(response.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn an_answer_keeps_all_but_what_is_for_the_upstreams_connection() {
        let head = head(
            200,
            &[
                ("x-drill-verdict", "routed"),
                ("connection", "close, x-one, x-drill-verdict"),
                ("x-one", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-authenticate", "Basic"),
                ("upgrade", "h2c, websocket"),
                ("trailer", "x-sum"),
                ("set-cookie", "a"),
                ("set-cookie", "b"),
            ],
        );
        let mut names: Vec<_> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["set-cookie", "set-cookie", "trailer", "x-drill-verdict"]
        );
    }

    #[test]
    fn an_upgrade_is_told_with_its_protocol_and_only_where_it_happens() {
        let fields = [("connection", "Upgrade, close"), ("upgrade", "websocket")];
        let changed = head(101, &fields).headers;
        assert_eq!(changed["upgrade"], "websocket");
        assert_eq!(changed["connection"], "upgrade");
        assert!(head(426, &fields).headers.is_empty());
    }
}
