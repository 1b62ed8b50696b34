//! What the tables share: a gate, the ways to send a row, and what has to hold after all of them.

use std::time::Duration;

use axum::Router;
use drill_context::HEADER_NAME;
use drillgate::lab::{Edge, Request};
use drillgate_tests::gate::{self, HOST};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{Harness, envoy, exchange, outcomes};

/// How each of the three requests of a row ends: without the header, with a valid token, with a
/// forged one.
pub type Ends = [&'static str; 3];

/// What is nothing special to Envoy.
pub const BY_RULES: Ends = ["200 production", "200 routed sandbox", "403 bad-signature"];

/// What Envoy itself refuses before any filter.
pub const MALFORMED: Ends = ["400"; 3];

/// How long an answer may take, and the end of a connection after it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A request as bytes: what it is called, the bytes, and how it ends, as [`outcomes`] tells it.
pub type Sent = (String, Vec<u8>, String);

/// A gate in front of production and a sandbox, with the tokens that a test uses. The filter is
/// alone: there is no guard behind it.
pub struct Stand {
    /// All that was started.
    pub harness: Harness,
    /// A valid token.
    pub token: String,
    /// As the [`Ends`] of a row go: no value for the header, the valid token, a forged one.
    pub contexts: [Option<String>; 3],
    process: Option<u32>,
}

impl Stand {
    /// A gate for the drill.
    pub async fn start() -> Self {
        Self::prepared(|_| {}).await
    }

    /// A gate for the drill; `prepare` changes it before Envoy starts.
    pub async fn prepared(prepare: impl FnOnce(&mut Edge)) -> Self {
        Self::started(Router::new(), prepare).await
    }

    /// A gate for the drill, in front of upstreams that serve `router` beside what they always do.
    pub async fn serving(router: Router) -> Self {
        Self::started(router, |_| {}).await
    }

    async fn started(router: Router, prepare: impl FnOnce(&mut Edge)) -> Self {
        let harness = Harness::start_with(&envoy(), router, |edge| {
            gate::drilled(edge);
            edge.guard = false;
            prepare(edge);
        })
        .await;
        let token = gate::token();
        let forged = gate::tampered(token.clone());
        Self {
            process: harness.gateway.envoy().id(),
            contexts: [None, Some(token.clone()), Some(forged)],
            token,
            harness,
        }
    }

    /// The line of a head that holds the context, for each of [`Stand::contexts`]; empty for none.
    pub fn lines(&self) -> [String; 3] {
        self.contexts.each_ref().map(|context| {
            let value = context.as_deref();
            value.map_or_else(String::new, |value| format!("{HEADER_NAME}: {value}\r\n"))
        })
    }

    /// The three requests of a row; `bytes` makes one from the line of its head that holds the
    /// context, which is empty for the first.
    pub fn row(&self, name: &str, ends: Ends, bytes: impl Fn(&str) -> Vec<u8>) -> Vec<Sent> {
        let kinds = ["without", "valid", "forged"];
        let requests = kinds.into_iter().zip(self.lines()).zip(ends);
        requests
            .map(|((kind, line), end)| sent(format!("{name}, {kind}"), bytes(&line), end))
            .collect()
    }

    /// Sends all of `requests` by HTTP/1.1, each on a connection that Envoy has a reason to close,
    /// asserts how each ends, and gives the ends.
    pub async fn assert_ends(&self, requests: Vec<Sent>) -> Vec<String> {
        let address = self.harness.address();
        let answer = move |bytes: Vec<u8>| async move {
            let answers = exchange(address, bytes, LIMIT).await;
            outcomes(&answers)
        };
        assert_ends_by(answer, requests).await
    }

    /// As [`Stand::assert_ends`], then asserts that the upstreams got the requests that they
    /// answered and no other, and what [`Stand::assert_unharmed`] does.
    pub async fn assert_all(&self, requests: Vec<Sent>) {
        let ends = self.assert_ends(requests).await;
        self.assert_arrived(&ends).await;
    }

    /// Asserts that each upstream got as many requests as `ends` tell, and what
    /// [`Stand::assert_unharmed`] does.
    pub async fn assert_arrived(&self, ends: &[impl AsRef<str>]) {
        let words = ends.iter().flat_map(|end| end.as_ref().split([' ', ',']));
        let words: Vec<&str> = words.collect();
        let count = |who| words.iter().filter(|word| **word == who).count() as u64;
        assert_eq!(self.harness.production.total(), count("production"));
        assert_eq!(self.harness.sandbox.total(), count("sandbox"));
        self.assert_unharmed().await;
    }

    /// Asserts that production saw no context, that the sandbox saw nothing without a valid one,
    /// that the filter never trapped, and that the same Envoy serves both on.
    pub async fn assert_unharmed(&self) {
        for seen in self.harness.sandbox.requests() {
            let values = seen.header(HEADER_NAME);
            // HTTP/2 keeps the space around a value.
            let trimmed: Vec<&str> = values.iter().map(|value| value.trim()).collect();
            assert_eq!(trimmed, [&self.token], "{seen:?}");
            assert_eq!(seen.authority, HOST);
        }
        self.harness.assert_production_untouched(HOST).await;
        let drill = Request::get(HOST, "/").header(HEADER_NAME, &self.token);
        let response = self.harness.send(&drill).await;
        assert_eq!(outcome(&response), "200 routed sandbox");
        let envoy = self.harness.gateway.envoy();
        assert_eq!(envoy.id(), self.process, "another process");
        let log = envoy.log().unwrap();
        let trap = log
            .lines()
            .find(|line| line.contains("Function: proxy_on_"));
        assert_eq!(trap, None, "the filter trapped");
    }
}

/// Sends all of `requests` at once by `answer`, which tells how one ended, asserts that each ended
/// as it had to, and gives the ends. Where Envoys differ, ` or ` stands between what they do.
pub async fn assert_ends_by<F>(answer: impl Fn(Vec<u8>) -> F, requests: Vec<Sent>) -> Vec<String>
where
    F: Future<Output = String> + Send + 'static,
{
    let answers: Vec<_> = requests
        .into_iter()
        .map(|(name, bytes, end)| (name, tokio::spawn(answer(bytes)), end))
        .collect();
    let mut ends = Vec::new();
    let mut differing = Vec::new();
    for (name, answer, end) in answers {
        let got = answer.await.unwrap();
        if !end.split(" or ").any(|end| end == got) {
            differing.push(format!("{name}: {got:?}, not {end:?}"));
        }
        ends.push(got);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    ends
}

/// A request as bytes, with its name and its end.
pub fn sent(name: impl Into<String>, bytes: impl Into<Vec<u8>>, end: impl Into<String>) -> Sent {
    (name.into(), bytes.into(), end.into())
}

/// A request for the drill's host, after which Envoy closes: its first line, more lines of its
/// head, each with its end, and its body.
pub fn request(line: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("{line}\r\nHost: {HOST}\r\n{fields}Connection: close\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}
