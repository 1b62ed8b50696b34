//! The host that a client asks for: however it is spelled, a drill request ends at the sandbox or
//! in a refusal, with the guard behind the filter and without.

use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate::lab::{Edge, Protocol, Request};
use drillgate_tests::audit::records;
use drillgate_tests::gate::{self, HOST, ROUTE_KEY};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{Harness, exchange};
use http::uri::Authority;

const ROUTED: &str = "200 routed sandbox";
const SPOOFED: &str = "403 spoofed-authority";
const BAD: &str = "403 bad-authority";
const UNREACHABLE: &str = "503 sandbox-unreachable";
/// Refused by Envoy itself before any filter.
const MALFORMED: &str = "400";

const UNDERSCORED: &str = "pay_roll.example.com";

/// What a request with this authority and a valid token gets.
fn cases() -> Vec<(String, &'static str)> {
    let long = |labels| vec!["abcdefghi"; labels].join(".");
    let fixed = [
        // Envoy would send all of these to production's virtual host, were it not for the filter.
        ("drill.internal", SPOOFED),
        ("drill.internal.", SPOOFED),
        ("x.drill.internal.", SPOOFED),
        ("x.drill.internal.:80", SPOOFED),
        (".drill.internal", BAD),
        ("drill.internal..", BAD),
        ("a:b.drill.internal", BAD),
        ("x.drill.internal:80:80", BAD),
        ("x.drill.internal,b", BAD),
        // And these to the guard's.
        ("x.drill.internal", SPOOFED),
        ("X.Drill.INTERNAL:80", SPOOFED),
        ("x..drill.internal", BAD),
        ("*.drill.internal", BAD),
        ("u@x.drill.internal", BAD),
        ("", BAD),
        ("*", BAD),
        ("::1", BAD),
        ("[::1]", BAD),
        ("[::1]:8080", BAD),
        ("ä.example.com", MALFORMED),
        ("10.0.0.1", UNREACHABLE),
        ("other.example.com", UNREACHABLE),
        ("drill.internal.example.com", UNREACHABLE),
        ("xdrill.internal", UNREACHABLE),
        (UNDERSCORED, ROUTED),
        ("Pay_Roll.example.com", ROUTED),
    ]
    .map(|(authority, end)| (authority.to_owned(), end));
    let of_the_host = [
        (HOST.to_owned(), ROUTED),
        (HOST.to_uppercase(), ROUTED),
        (format!("{HOST}:8443"), ROUTED),
        (format!("{HOST}."), ROUTED),
        (format!("{HOST}.:8443"), ROUTED),
        (format!("{HOST}.."), BAD),
        (format!("{HOST}:"), BAD),
        (format!("{HOST}:x"), BAD),
        (format!("{HOST}:123456"), BAD),
        (format!("u@{HOST}"), BAD),
        (format!("u:p@{HOST}"), BAD),
        (format!("{HOST}%2e"), BAD),
        (format!("{HOST} x"), MALFORMED),
        (format!("{HOST}/x"), MALFORMED),
        (format!("{HOST}\0"), MALFORMED),
        (format!("{HOST}.{ROUTE_KEY}.drill.internal"), SPOOFED),
        // 249 characters, and then too long only once the drill's labels are added.
        (long(25), BAD),
        (long(22), BAD),
        (long(20), UNREACHABLE),
    ];
    fixed.into_iter().chain(of_the_host).collect()
}

fn covers_both(edge: &mut Edge) {
    edge.drills[0].hosts.push(UNDERSCORED.to_owned());
}

/// Sends each of `heads`, with the header and the end of a head added, as bytes and side by side:
/// Envoy is slow to close. Gives the outcomes in the same order, as for any other response.
async fn raw(harness: &Harness, heads: impl IntoIterator<Item = String>) -> Vec<String> {
    let address = harness.address();
    let exchanges: Vec<_> = heads
        .into_iter()
        .map(|head| {
            let token = gate::token();
            let bytes = format!("{head}\r\n{HEADER_NAME}: {token}\r\nConnection: close\r\n\r\n");
            tokio::spawn(exchange(address, bytes, Duration::from_secs(2)))
        })
        .collect();
    let mut outcomes = Vec::new();
    for exchange in exchanges {
        outcomes.push(outcome_of_bytes(&exchange.await.unwrap()));
    }
    outcomes
}

fn outcome_of_bytes(answer: &str) -> String {
    let mut outcome = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let verdict = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-drill-verdict: "));
    let who = ["sandbox", "production"]
        .into_iter()
        .find(|who| answer.contains(&format!(r#""who":"{who}""#)));
    for part in verdict.into_iter().chain(who) {
        outcome.push(' ');
        outcome.push_str(part);
    }
    outcome
}

async fn assert_each_ends_where_it_must(guard: bool) {
    let harness = gate::gate(|edge| {
        edge.guard = guard;
        covers_both(edge);
    })
    .await;
    let head = |authority: &str| format!("GET / HTTP/1.1\r\nHost: {authority}");
    let heads = cases().into_iter().map(|(authority, _)| head(&authority));
    let outcomes = raw(&harness, heads).await;
    for ((authority, end), got) in cases().into_iter().zip(outcomes) {
        assert_eq!(got, end, "{authority:?} by HTTP/1.1");
        // The client can send no other by HTTP/2.
        if Authority::try_from(authority.as_str()).is_err() {
            continue;
        }
        let request = Request::get(&authority, "/")
            .by(Protocol::Http2)
            .header(HEADER_NAME, gate::token());
        match request.send(harness.address()).await {
            Ok(response) => assert_eq!(outcome(&response), end, "{authority:?} by HTTP/2"),
            // Envoy ends a connection over it.
            Err(error) => assert!(authority.contains('@'), "{authority:?}: {error}"),
        }
    }
    assert_eq!(harness.production.total(), 0, "production was reached");
    for seen in harness.sandbox.requests() {
        assert!([HOST, UNDERSCORED].contains(&seen.authority.as_str()));
    }
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn each_spelling_ends_where_it_must_by_the_filter_alone() {
    assert_each_ends_where_it_must(false).await;
}

#[tokio::test]
async fn each_spelling_ends_where_it_must_with_the_guard() {
    assert_each_ends_where_it_must(true).await;
}

#[tokio::test]
async fn a_host_that_is_missing_repeated_or_contradicted() {
    let harness = gate::gate(|edge| edge.guard = false).await;
    let twice = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}");
    let first = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: x.drill.internal");
    // The request line wins over the Host header.
    let line = format!("GET http://{HOST}/ HTTP/1.1\r\nHost: x.drill.internal");
    let header = format!("GET http://x.drill.internal/ HTTP/1.1\r\nHost: {HOST}");
    let old = format!("GET / HTTP/1.0\r\nHost: {HOST}");
    let cases = [
        ("GET / HTTP/1.1", MALFORMED),
        ("GET / HTTP/1.0", "426"),
        (&old, "426"),
        (&twice, BAD),
        (&first, BAD),
        (&line, ROUTED),
        (&header, SPOOFED),
        // Envoy answers what has no path before any filter.
        ("OPTIONS * HTTP/1.1\r\nHost: x", "404"),
        ("CONNECT orders.example.com:80 HTTP/1.1", UNREACHABLE),
    ];
    let heads = cases.iter().map(|(head, _)| (*head).to_owned());
    let outcomes = raw(&harness, heads).await;
    for ((head, end), got) in cases.into_iter().zip(outcomes) {
        assert_eq!(got, end, "{head:?}");
    }
    assert_eq!(harness.production.total(), 0);
    assert_eq!(harness.sandbox.total(), 1);
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn a_host_that_the_drill_does_not_cover_ends_at_the_guards_virtual_host() {
    let harness = gate::gate(|edge| edge.guard = false).await;
    let request = Request::get("other.example.com", "/").header(HEADER_NAME, gate::token());
    let response = harness.send(&request).await;
    assert_eq!(outcome(&response), UNREACHABLE);
    let records = records(harness.gateway.envoy(), 1).await;
    assert_eq!(records[0]["code_details"], "direct_response");
    assert_eq!(records[0]["authority"], "other.example.com");
    harness
        .assert_production_untouched("other.example.com")
        .await;
}
