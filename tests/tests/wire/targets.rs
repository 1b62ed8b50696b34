//! Where an HTTP/1.1 request says that it goes: the first line and the Host header. The suite
//! `authority` has the host names; here are the forms of the line, and bytes around a name.

use drillgate_tests::gate::HOST;

use crate::stand::{BY_RULES, Ends, MALFORMED, Stand, request};

/// Refused by the filter for its authority, which Envoy sends to production without the header.
const BAD: Ends = ["200 production", "403 bad-authority", "403 bad-signature"];

/// As [`BAD`], but Envoy takes it for a drill's host, where the last route answers 503.
const BAD_AND_A_DRILLS: Ends = ["503", "403 bad-authority", "403 bad-signature"];

/// No drill is for it.
const UNCOVERED: Ends = [
    "200 production",
    "503 sandbox-unreachable",
    "403 bad-signature",
];

/// A drill's host, named by the client.
const SPOOFED: Ends = ["503", "403 spoofed-authority", "403 bad-signature"];

/// HTTP versions that Envoy does not speak.
const OTHER_VERSION: Ends = ["426"; 3];

/// Refused by Envoy itself: a scheme that the connection does not have, or an upgrade that the
/// gateway does not allow.
const FORBIDDEN: Ends = ["403"; 3];

#[tokio::test]
async fn a_host_header_with_odd_bytes_is_refused_or_judged_by_what_envoy_makes_of_it() {
    let stand = Stand::start().await;
    let table = [
        (format!("\t{HOST}"), BY_RULES),
        (format!("{HOST}\t "), BY_RULES),
        (format!("{}.:80", HOST.to_uppercase()), BY_RULES),
        (format!("{HOST}#x"), MALFORMED),
        (format!("{HOST}?x"), MALFORMED),
        (format!("{HOST}\\x"), MALFORMED),
        (format!("http://{HOST}"), MALFORMED),
        (format!("{HOST};x"), BAD),
        (format!("[{HOST}]"), BAD),
        (format!("x.drill.internal@{HOST}"), BAD),
        ("%6frders.example.com".to_owned(), BAD),
        ("[::ffff:127.0.0.1]:80".to_owned(), BAD),
        (format!("{HOST}@x.drill.internal"), BAD_AND_A_DRILLS),
        (format!("{HOST},x.drill.internal"), BAD_AND_A_DRILLS),
        ("localhost".to_owned(), UNCOVERED),
        ("0".to_owned(), UNCOVERED),
        ("xn--rders-5ta.example.com".to_owned(), UNCOVERED),
    ];
    let row = |(host, ends): &(String, Ends)| {
        stand.row(host, *ends, |context| {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{context}");
            (head + "Connection: close\r\n\r\n").into_bytes()
        })
    };
    stand.assert_all(table.iter().flat_map(row).collect()).await;
}

#[tokio::test]
async fn a_request_line_in_any_form_is_refused_or_judged_by_the_authority_in_it() {
    let stand = Stand::start().await;
    let table = [
        (format!("GET http://{HOST}:80/ HTTP/1.1"), BY_RULES),
        (
            format!("GET HTTP://{}./ HTTP/1.1", HOST.to_uppercase()),
            BY_RULES,
        ),
        // Envoy takes the user information of a URL off.
        (format!("GET http://u:p@{HOST}/ HTTP/1.1"), BY_RULES),
        (
            format!("GET http://x.drill.internal@{HOST}/ HTTP/1.1"),
            BY_RULES,
        ),
        (
            format!("GET http://{HOST}@x.drill.internal/ HTTP/1.1"),
            SPOOFED,
        ),
        ("GET http://[::1]/ HTTP/1.1".to_owned(), BAD),
        (format!("GET https://{HOST}/ HTTP/1.1"), FORBIDDEN),
        (format!("GET ftp://{HOST}/ HTTP/1.1"), MALFORMED),
        ("GET http:///x HTTP/1.1".to_owned(), MALFORMED),
        (format!("GET {HOST}/ HTTP/1.1"), MALFORMED),
        ("GET //x.drill.internal/ HTTP/1.1".to_owned(), BY_RULES),
        ("GET  / HTTP/1.1".to_owned(), BY_RULES),
        ("GET\t/\tHTTP/1.1".to_owned(), BY_RULES),
        ("\r\n\r\nGET / HTTP/1.1".to_owned(), BY_RULES),
        ("GET /a b HTTP/1.1".to_owned(), MALFORMED),
        ("GET /\u{e4} HTTP/1.1".to_owned(), MALFORMED),
        ("GET /%00 HTTP/1.1".to_owned(), MALFORMED),
        ("GET /#x HTTP/1.1".to_owned(), MALFORMED),
        ("TRACE / HTTP/1.1".to_owned(), BY_RULES),
        ("DRILL / HTTP/1.1".to_owned(), MALFORMED),
        ("get / HTTP/1.1".to_owned(), MALFORMED),
        ("GET / HTTP/1.2".to_owned(), OTHER_VERSION),
        ("GET / HTTP/2.0".to_owned(), OTHER_VERSION),
        ("GET /".to_owned(), OTHER_VERSION),
    ];
    let row = |(line, ends): &(String, Ends)| {
        stand.row(line, *ends, |context| request(line, context, ""))
    };
    stand.assert_all(table.iter().flat_map(row).collect()).await;
}

/// The gateway has no route for CONNECT, and allows no upgrade but WebSocket's.
#[tokio::test]
async fn connect_and_other_upgrades_lead_nowhere() {
    let stand = Stand::start().await;
    let table = [
        (
            format!("CONNECT {HOST}:443 HTTP/1.1"),
            "",
            ["404", "503 sandbox-unreachable", "403 bad-signature"],
        ),
        (
            "CONNECT x.drill.internal:443 HTTP/1.1".to_owned(),
            "",
            ["404", "403 spoofed-authority", "403 bad-signature"],
        ),
        (
            "GET / HTTP/1.1".to_owned(),
            "Connection: Upgrade\r\nUpgrade: something-else\r\n",
            FORBIDDEN,
        ),
        // Envoy does not take up h2c, as a server may: the request stays what it is.
        (
            "GET / HTTP/1.1".to_owned(),
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            BY_RULES,
        ),
    ];
    let row = |(line, fields, ends): &(String, &str, Ends)| {
        stand.row(line, *ends, |context| {
            request(line, &format!("{context}{fields}"), "")
        })
    };
    stand.assert_all(table.iter().flat_map(row).collect()).await;
}
