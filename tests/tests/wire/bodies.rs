//! Bodies of HTTP/1.1 requests: how they are framed, what is hidden in them, what follows them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::State;
use axum::routing::post;
use drill_context::HEADER_NAME;
use drillgate_tests::gate::HOST;
use tonic::codegen::Body;

use crate::frames;
use crate::stand::{BY_RULES, Ends, MALFORMED, Sent, Stand, request, sent};

const POST: &str = "POST / HTTP/1.1";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// Refused by Envoy itself: an encoding that it does not know.
const UNKNOWN_ENCODING: Ends = ["501"; 3];

/// A request that a body may hide.
fn hidden() -> String {
    format!("GET /hidden HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

/// The head of a request after which the client keeps the connection.
fn head(method: &str, fields: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
}

fn rows(stand: &Stand, table: &[(&str, String, Ends)]) -> Vec<Sent> {
    let row = |(fields, body, ends): &(&str, String, Ends)| {
        let bytes = |context: &str| request(POST, &format!("{context}{fields}"), body);
        stand.row(fields, *ends, bytes)
    };
    table.iter().flat_map(row).collect()
}

#[tokio::test]
async fn a_body_in_any_frame_changes_nothing_about_who_answers() {
    let stand = Stand::start().await;
    let mebibyte = "a".repeat(1 << 20);
    let table = [
        ("Content-Length: 0\r\n", String::new(), BY_RULES),
        ("Content-Length: 1048576\r\n", mebibyte.clone(), BY_RULES),
        (CHUNKED, "0\r\n\r\n".to_owned(), BY_RULES),
        (
            CHUNKED,
            "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n".to_owned(),
            BY_RULES,
        ),
        (
            CHUNKED,
            format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(20_000)),
            BY_RULES,
        ),
        (
            CHUNKED,
            format!("100000\r\n{mebibyte}\r\n0\r\n\r\n"),
            BY_RULES,
        ),
    ];
    stand.assert_all(rows(&stand, &table)).await;
}

/// Where two readers could see two ends of the body, Envoy refuses the request before any filter.
#[tokio::test]
async fn a_request_whose_end_is_in_doubt_is_refused_and_what_it_hides_is_not_served() {
    let stand = Stand::start().await;
    let hidden = hidden();
    let length = format!("Content-Length: {}\r\n", hidden.len());
    let both = format!("Content-Length: 4\r\n{CHUNKED}");
    let chunked = format!("0\r\n\r\n{hidden}");
    let table = [
        (both.as_str(), chunked.clone(), MALFORMED),
        (&format!("{CHUNKED}{length}"), chunked.clone(), MALFORMED),
        (
            &format!("Content-Length: 0\r\n{length}"),
            hidden.clone(),
            MALFORMED,
        ),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "hello".to_owned(),
            MALFORMED,
        ),
        ("Content-Length: 5, 5\r\n", "hello".to_owned(), MALFORMED),
        ("Content-Length: +5\r\n", "hello".to_owned(), MALFORMED),
        ("Content-Length: -1\r\n", hidden.clone(), MALFORMED),
        ("Content-Length: 0x5\r\n", "hello".to_owned(), MALFORMED),
        (
            "Content-Length: 99999999999999999999\r\n",
            hidden.clone(),
            MALFORMED,
        ),
        (
            "Transfer-Encoding : chunked\r\n",
            chunked.clone(),
            MALFORMED,
        ),
        (
            "Transfer-Encoding: \u{b}chunked\r\n",
            chunked.clone(),
            MALFORMED,
        ),
        (
            "Transfer-Encoding: xchunked\r\n",
            chunked.clone(),
            UNKNOWN_ENCODING,
        ),
        (
            "Transfer-Encoding: identity, chunked\r\n",
            chunked.clone(),
            UNKNOWN_ENCODING,
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            chunked,
            UNKNOWN_ENCODING,
        ),
    ];
    stand.assert_all(rows(&stand, &table)).await;
}

/// A body that breaks off in nonsense after its head was judged: a refused request stays refused,
/// and a drill request gets 503 for it, as for every answer that is not the sandbox's own.
#[tokio::test]
async fn a_broken_body_ends_the_request_and_is_answered_by_no_one_else() {
    let stand = Stand::start().await;
    let ends = ["400", "503 sandbox-unreachable", "403 bad-signature"];
    let table = [
        (CHUNKED, "zz\r\nhello\r\n0\r\n\r\n".to_owned(), ends),
        (CHUNKED, "ffffffffffffffffff\r\nhello".to_owned(), ends),
        (CHUNKED, format!("zz\r\n{}", hidden()), ends),
        (
            CHUNKED,
            format!("0\r\nX-Bomb: {}\r\n\r\n", "a".repeat(100 << 10)),
            ["431", "503 sandbox-unreachable", "403 bad-signature"],
        ),
    ];
    stand.assert_ends(rows(&stand, &table)).await;
    // Envoy may have begun to send a request on before it saw the body.
    for upstream in [&stand.harness.production, &stand.harness.sandbox] {
        assert!(upstream.requests().iter().all(|seen| seen.path == "/"));
    }
    stand.assert_unharmed().await;
}

#[tokio::test]
async fn each_request_on_a_connection_is_judged_by_itself() {
    let stand = Stand::start().await;
    let kept = stand.lines().map(|line| head("GET", &line));
    let [without, valid, forged] = &kept;
    let mut requests = Vec::new();
    for (before, answers) in [
        (without.repeat(2), "200 production, 200 production"),
        (valid.clone(), "200 routed sandbox"),
        (forged.clone(), "403 bad-signature"),
    ] {
        for (line, end) in stand.lines().iter().zip(BY_RULES) {
            let last = request("GET / HTTP/1.1", line, "");
            let bytes = [before.as_bytes(), &last].concat();
            requests.push(sent(
                before.clone() + line,
                bytes,
                format!("{answers}, {end}"),
            ));
        }
    }
    stand.assert_all(requests).await;
}

/// Envoy closes the connection of a refused request that has a body, and takes no part of the body
/// for a request. A request after one without a body is the case above.
#[tokio::test]
async fn what_a_refused_request_hides_in_its_body_is_not_served() {
    let stand = Stand::start().await;
    let [.., forged] = stand.lines();
    let hidden = hidden();
    let length = hidden.len();
    let requests = [
        (format!("Content-Length: {length}\r\n"), hidden.clone()),
        ("Content-Length: 3\r\n".to_owned(), format!("abc{hidden}")),
        (
            CHUNKED.to_owned(),
            format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
        ),
        (
            CHUNKED.to_owned(),
            format!("5\r\nhello\r\n0\r\n\r\n{hidden}"),
        ),
    ]
    .map(|(fields, body)| {
        let bytes = head("POST", &format!("{forged}{fields}")) + &body;
        sent(fields, bytes, "403 bad-signature")
    });
    stand.assert_all(requests.to_vec()).await;
}

/// Envoy itself says 100, before any filter. A refused client has its answer right after that,
/// whether it sends the body or not, and the connection is closed.
#[tokio::test]
async fn a_client_that_waits_for_100_before_its_body_gets_its_answer() {
    let stand = Stand::start().await;
    let expects = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let ends = BY_RULES.map(|end| format!("100, {end}"));
    let mut requests = Vec::new();
    for (line, end) in stand.lines().iter().zip(&ends) {
        let bytes = request(POST, &format!("{line}{expects}"), "hello");
        requests.push(sent(line, bytes, end));
    }
    let [.., refused] = &ends;
    let [.., forged] = stand.lines();
    let without_body = head("POST", &format!("{forged}{expects}"));
    requests.push(sent("no body", without_body, refused));
    let other = "Content-Length: 5\r\nExpect: something-else\r\n";
    requests.extend(rows(&stand, &[(other, "hello".to_owned(), BY_RULES)]));
    stand.assert_all(requests).await;
}

/// A context in the trailers is none: the gateway has sent the request on before they come. In
/// HTTP/1.1 Envoy takes trailers off (`enable_trailers` on listener and cluster would change
/// that), in HTTP/2 production gets them, as trailers: a service that took them for headers would
/// break RFC 9110, section 6.5.1. So it is headers only of which it holds that no request with a
/// context is served by production.
#[tokio::test]
async fn a_context_in_the_trailers_is_not_taken_for_the_header() {
    let received = Received::default();
    let router = Router::new().route("/trailers", post(keep_trailers));
    let stand = Stand::serving(router.with_state(received.clone())).await;
    let trailers = format!("X-Other: a\r\n{}", stand.lines()[1]);
    let body = format!("5\r\nhello\r\n0\r\n{trailers}\r\n");
    let line = "POST /trailers HTTP/1.1";
    let ends = ["200", "200 routed", "403 bad-signature"];
    let requests = stand.row("HTTP/1.1", ends, |context| {
        request(line, &format!("{context}{CHUNKED}"), &body)
    });
    stand.assert_ends(requests).await;
    let none: [Vec<String>; 2] = Default::default();
    assert_eq!(received.taken(), none);

    for (context, end) in stand.contexts.iter().zip(ends) {
        let fields = frames::request("POST", "/trailers", context.as_deref());
        let trailers = ["x-other", HEADER_NAME].map(|name| frames::field(name, &stand.token));
        let sent = [
            frames::headers(1, &fields, false, 16384),
            frames::data(1, b"hello"),
            frames::headers(1, &trailers, true, 16384),
        ];
        let got = frames::outcome(stand.harness.address(), &sent.concat(), 1).await;
        assert_eq!(got, end.replace(" routed", ""), "HTTP/2");
    }
    let both = vec!["x-other".to_owned(), "x-drill-context".to_owned()];
    assert_eq!(received.taken(), [both.clone(), both]);
    assert_eq!(stand.harness.production.total(), 2);
    assert_eq!(stand.harness.sandbox.total(), 2);
    stand.assert_unharmed().await;
}

/// The names of the trailers of each request.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<Vec<String>>>>);

impl Received {
    /// All so far, which are forgotten then.
    fn taken(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn keep_trailers(State(received): State<Received>, mut body: AxumBody) {
    let mut names = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            names.extend(trailers.keys().map(ToString::to_string));
        }
    }
    received.0.lock().unwrap().push(names);
}
