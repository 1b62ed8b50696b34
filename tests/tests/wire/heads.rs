//! The head of an HTTP/1.1 request: its size, and every odd way to write the header.

use drill_context::HEADER_NAME;
use drillgate::lab::HeaderLimits;
use drillgate_tests::audit::records;
use drillgate_tests::gate::HOST;

use crate::stand::{BY_RULES, Ends, Sent, Stand, request, sent};

const GET: &str = "GET / HTTP/1.1";

/// Refused by Envoy itself: too many headers, or too much of them.
const TOO_MUCH: Ends = ["431"; 3];

/// The filter has no limit of its own; an upstream's server has, and its refusal is an answer.
const TOO_MUCH_FOR_AN_UPSTREAM: Ends = ["431", "431 routed", "403 bad-signature"];

fn one(bytes: usize) -> String {
    format!("X-Bomb: {}\r\n", "a".repeat(bytes))
}

fn many(count: usize, bytes: usize) -> String {
    let value = "a".repeat(bytes);
    (0..count)
        .map(|at| format!("X-Bomb-{at}: {value}\r\n"))
        .collect()
}

fn rows(stand: &Stand, table: &[(&str, String, Ends)]) -> Vec<Sent> {
    let row = |(name, fields, ends): &(&str, String, Ends)| {
        let bytes = |context: &str| request(GET, &format!("{context}{fields}"), "");
        stand.row(name, *ends, bytes)
    };
    table.iter().flat_map(row).collect()
}

#[tokio::test]
async fn what_goes_over_the_proxys_limits_is_refused_before_any_filter_and_leaves_no_record() {
    let stand = Stand::start().await;
    let mut requests = rows(
        &stand,
        &[
            ("100 KiB in one value", one(100 << 10), TOO_MUCH),
            ("100 KiB in 50 headers", many(50, 2 << 10), TOO_MUCH),
            ("1,000 headers", many(1000, 1), TOO_MUCH),
            ("59 KiB in one value", one(59 << 10), BY_RULES),
            ("90 headers", many(90, 1), BY_RULES),
        ],
    );
    let long = format!("GET /{} HTTP/1.1", "a".repeat(100 << 10));
    requests.extend(stand.row("a path of 100 KiB", TOO_MUCH, |context| {
        request(&long, context, "")
    }));
    let duplicates = format!("{HEADER_NAME}: {}\r\n", stand.token).repeat(1000);
    requests.push(sent("1,000 contexts", request(GET, &duplicates, ""), "431"));
    stand.assert_all(requests).await;
    // Two of 59 KiB, two of 90 headers, and the last one of the stand.
    let records = records(stand.harness.gateway.envoy(), 5).await;
    assert_eq!(records.len(), 5);
}

/// With the proxy's limits raised, all of it is the filter's to read.
#[tokio::test]
async fn a_header_bomb_that_reaches_the_filter_is_judged_like_any_other_request() {
    let raised = HeaderLimits {
        kib: 8192,
        count: 20_000,
    };
    let stand = Stand::prepared(|edge| edge.headers = Some(raised)).await;
    let mut requests = rows(
        &stand,
        &[
            ("100 KiB in one value", one(100 << 10), BY_RULES),
            ("100 KiB in 50 headers", many(50, 2 << 10), BY_RULES),
            ("1,000 headers", many(1000, 1), TOO_MUCH_FOR_AN_UPSTREAM),
        ],
    );
    // An upstream's server would close before it has read these.
    let [.., forged] = stand.lines();
    for bomb in [many(10_000, 100), one(4 << 20)] {
        let bytes = request(GET, &format!("{forged}{bomb}"), "");
        requests.push(sent("huge", bytes, "403 bad-signature"));
    }
    let duplicates = format!("{HEADER_NAME}: {}\r\n", stand.token).repeat(1000);
    let bytes = request(GET, &duplicates, "");
    requests.push(sent("1,000 contexts", bytes, "403 duplicate-header"));
    let long = format!("{HEADER_NAME}: {}\r\n", "a".repeat(4 << 20));
    let bytes = request(GET, &long, "");
    requests.push(sent("a context of 4 MiB", bytes, "403 too-large"));
    stand.assert_all(requests).await;
}

/// Everything around and inside the header that a strict reader and a lax one could take for
/// different things.
#[tokio::test]
async fn an_odd_header_is_a_header_or_is_refused() {
    let stand = Stand::start().await;
    let token = &stand.token;
    let (start, rest) = token.split_at(60);
    let length = |bytes| format!("X-Drill-Context: {}", "a".repeat(bytes));
    let cases = [
        ("X-Drill-Context:".to_owned(), "403 malformed"),
        ("X-Drill-Context:  \t ".to_owned(), "403 malformed"),
        (length(1), "403 malformed"),
        (length(1024), "403 malformed"),
        (length(1025), "403 too-large"),
        (length(58_000), "403 too-large"),
        (format!("X-DRILL-CONTEXT: {token}"), "200 routed sandbox"),
        (format!("x-dRILL-cONTEXT:{token}"), "200 routed sandbox"),
        (
            format!("X-Drill-Context: \t {token} \t "),
            "200 routed sandbox",
        ),
        (
            format!("X-Drill-Context: {token}\r\nx-dRILL-cONTEXT: {token}"),
            "403 duplicate-header",
        ),
        // Lines that are continued, as HTTP once allowed.
        (
            format!("X-Drill-Context:\r\n {token}"),
            "200 routed sandbox",
        ),
        (
            format!("X-Drill-Context: {start}\r\n {rest}"),
            "403 malformed",
        ),
        (
            format!("X-Drill-Context: {start}\r\n\t{rest}"),
            "403 malformed",
        ),
        // Envoy ends a line at a bare LF as well, so what follows is a header to it.
        (
            format!("X-A: b\nX-Drill-Context: {token}"),
            "200 routed sandbox",
        ),
        (format!("X-Drill-Context: {token}\nx"), "400"),
        (format!("X-Drill-Context: {token}\rx"), "403 bad-signature"),
        (format!("X-Drill-Context : {token}"), "400"),
        (format!("X-Drill-Context\t: {token}"), "400"),
        ("X-Drill-Context".to_owned(), "400"),
        (format!("X-Drill-Context: \"{token}\""), "403 malformed"),
        (format!("X-Drill-Context: Bearer {token}"), "403 malformed"),
        (format!("X-Drill-\0Context: {token}"), "400"),
        (format!("X-Drill-Context\u{e4}: {token}"), "400"),
        (format!("X-Drill-Context: {token}\0"), "400"),
        (format!("X-Drill-Context: {token}\u{1}"), "400"),
        (format!("X-Drill-Context: \u{b}{token}"), "400"),
        (format!("X-Drill-Context: {token}\u{7f}"), "400"),
        (format!("X-Drill-Context: {token}\u{e4}"), "403 malformed"),
    ];
    let mut requests: Vec<Sent> = cases
        .into_iter()
        .map(|(line, end)| {
            let bytes = request(GET, &format!("{line}\r\n"), "");
            sent(line.chars().take(300).collect::<String>(), bytes, end)
        })
        .collect();
    for byte in [0x80, 0xff] {
        let line = [b"X-Drill-Context: ", token.as_bytes(), &[byte]].concat();
        let rest = format!("\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        let bytes = [b"GET / HTTP/1.1\r\n", line.as_slice(), rest.as_bytes()].concat();
        requests.push(sent(format!("{byte:#x}"), bytes, "403 malformed"));
    }
    let first = format!("GET / HTTP/1.1\r\n X-Drill-Context: {token}\r\nHost: {HOST}\r\n\r\n");
    requests.push(sent("continues nothing", first, "400"));
    stand.assert_all(requests).await;
}

/// Names that only resemble the header's are other names, to the gateway and to production: the
/// request carries no context. A service that takes both for one, as CGI does with `_` and `-`,
/// has to refuse underscores itself, or have the gateway do so (`headers_with_underscores_action`).
#[tokio::test]
async fn a_name_that_only_resembles_the_headers_is_another_header() {
    let stand = Stand::start().await;
    let token = &stand.token;
    let cases = [
        format!("X_Drill_Context: {token}"),
        format!("X-Drill_Context: {token}"),
        format!("X-Drill-Contexts: {token}"),
        format!("Drill-Context: {token}"),
        format!("X-A: b\r\n X-Drill-Context: {token}"),
        // Envoy does not end a line at a bare CR: it is one value.
        format!("X-A: b\rX-Drill-Context: {token}"),
    ];
    let requests = cases.map(|line| {
        let bytes = request(GET, &format!("{line}\r\n"), "");
        sent(line, bytes, "200 production")
    });
    stand.assert_all(requests.to_vec()).await;
}

/// `Connection: X-Drill-Context` makes the header one for the next hop only (RFC 9110, section
/// 7.6.1): Envoy takes it off before any filter runs, so that neither the filter nor the guard
/// nor production ever sees it, and production serves the request as one without the header.
///
/// So a client can take its own header back. It gains nothing by that: it could as well not have
/// sent it. On an upgrade, and in HTTP/2, the header stays or the request is refused.
#[tokio::test]
async fn a_header_that_its_client_takes_back_by_connection_is_none_to_anyone() {
    let stand = Stand::prepared(|edge| edge.guard = true).await;
    let mut requests = Vec::new();
    for options in ["X-Drill-Context", "close, x-drill-context"] {
        let fields = format!("Connection: {options}\r\n");
        requests.extend(stand.row(options, ["200 production"; 3], |context| {
            request(GET, &format!("{context}{fields}"), "")
        }));
    }
    stand.assert_all(requests).await;
    for seen in stand.harness.production.requests() {
        assert_eq!(seen.header(HEADER_NAME), [""; 0]);
    }
}
