//! HTTP/2 fields that its libraries do not let their users send.

use drill_context::HEADER_NAME;
use drillgate_tests::gate::HOST;

use crate::frames::{self, Field, field, headers};
use crate::stand::{Ends, Stand, sent};
use crate::streams::{BY_RULES, CLOSED, FRAME, Frames, assert_all, rows, whole, with};

/// Envoy 1.40 ends the connection over it, 1.36 sorts it out.
const CLOSED_BY_NEWER: Ends = [
    "closed or 200 production",
    "closed or 200 sandbox",
    "closed or 403 bad-signature",
];

/// Envoy 1.40 ends the connection over it, 1.36 leaves it to the filter.
const EMPTY: Ends = [
    "closed or 503",
    "closed or 403 bad-authority",
    "closed or 403 bad-signature",
];

/// A drill's host, named by the client.
const SPOOFED: Ends = ["503", "403 spoofed-authority", "403 bad-signature"];

/// The fields without the one of this name.
fn without(fields: Vec<Field>, name: &str) -> Vec<Field> {
    fields.into_iter().filter(|(of, _)| of != name).collect()
}

#[tokio::test]
async fn fields_that_http_2_forbids_end_the_connection_before_any_filter() {
    let stand = Stand::start().await;
    let table: &[(&str, Frames, Ends)] = &[
        ("upper case", |f| with(f, "X-Other", "a"), CLOSED),
        ("a space in a name", |f| with(f, "x other", "a"), CLOSED),
        ("an empty name", |f| with(f, "", "a"), CLOSED),
        ("NUL", |f| with(f, "x-other", "a\0b"), CLOSED),
        (
            "a line break",
            |f| with(f, "x-other", "a\r\nx-drill-context: b"),
            CLOSED,
        ),
        ("connection", |f| with(f, "connection", HEADER_NAME), CLOSED),
        ("keep-alive", |f| with(f, "keep-alive", "1"), CLOSED),
        (
            "proxy-connection",
            |f| with(f, "proxy-connection", HEADER_NAME),
            CLOSED,
        ),
        (
            "transfer-encoding",
            |f| with(f, "transfer-encoding", "chunked"),
            CLOSED,
        ),
        ("upgrade", |f| with(f, "upgrade", "websocket"), CLOSED),
        ("te", |f| with(f, "te", "gzip"), CLOSED),
        ("te: trailers", |f| with(f, "te", "trailers"), BY_RULES),
        (
            "two lengths",
            |f| {
                let fields = [f, vec![field("content-length", "1")]].concat();
                with(fields, "content-length", "2")
            },
            CLOSED,
        ),
        (
            "an unknown pseudo-header",
            |f| with(f, ":other", "a"),
            CLOSED,
        ),
        (":status", |f| with(f, ":status", "200"), CLOSED),
        (":protocol", |f| with(f, ":protocol", "websocket"), CLOSED),
        (
            ":path after others",
            |f| {
                let fields = [without(f, ":path"), vec![field("x-other", "a")]].concat();
                with(fields, ":path", "/")
            },
            CLOSED_BY_NEWER,
        ),
        ("no :method", |f| whole(&without(f, ":method")), CLOSED),
        ("no :path", |f| whole(&without(f, ":path")), CLOSED),
        ("no :scheme", |f| whole(&without(f, ":scheme")), CLOSED),
        (
            "two of :path",
            |f| whole(&[vec![field(":path", "/x")], f].concat()),
            CLOSED,
        ),
    ];
    let mut requests = rows(&stand, "GET", table);
    let plain = || frames::request("GET", "/", None);
    let upper = with(plain(), "X-Drill-Context", &stand.token);
    requests.push(sent("the header in upper case", upper, "closed"));
    let resembling = with(plain(), "x_drill_context", &stand.token);
    requests.push(sent("another name", resembling, "200 production"));
    assert_all(&stand, requests).await;
}

#[tokio::test]
async fn the_authority_is_the_one_that_envoy_routes_by() {
    let stand = Stand::start().await;
    let table: &[(&str, Frames, Ends)] = &[
        ("host as well", |f| with(f, "host", HOST), BY_RULES),
        (
            "another host",
            |f| with(f, "host", "x.drill.internal"),
            BY_RULES,
        ),
        (
            "a drill's, and host",
            |f| {
                let fields = [
                    vec![field(":authority", "x.drill.internal")],
                    without(f, ":authority"),
                ];
                with(fields.concat(), "host", HOST)
            },
            SPOOFED,
        ),
        (
            "host only",
            |f| with(without(f, ":authority"), "host", HOST),
            BY_RULES,
        ),
        (
            "host only, a drill's",
            |f| with(without(f, ":authority"), "host", "x.drill.internal"),
            SPOOFED,
        ),
        (
            "two hosts only",
            |f| {
                let fields = [without(f, ":authority"), vec![field("host", HOST)]];
                with(fields.concat(), "host", "x.drill.internal")
            },
            CLOSED_BY_NEWER,
        ),
        ("none", |f| whole(&without(f, ":authority")), CLOSED),
        (
            "empty",
            |f| whole(&[vec![field(":authority", "")], without(f, ":authority")].concat()),
            EMPTY,
        ),
        (
            "two",
            |f| whole(&[vec![field(":authority", "x.drill.internal")], f].concat()),
            CLOSED,
        ),
        (
            "twice the same",
            |f| whole(&[vec![field(":authority", HOST)], f].concat()),
            CLOSED,
        ),
        (
            ":scheme is https",
            |f| whole(&[vec![field(":scheme", "https")], without(f, ":scheme")].concat()),
            BY_RULES,
        ),
    ];
    assert_all(&stand, rows(&stand, "GET", table)).await;
}

#[tokio::test]
async fn connect_leads_nowhere_and_extended_connect_is_not_offered() {
    let stand = Stand::start().await;
    let table: &[(&str, Frames, Ends)] = &[
        (
            "plain",
            |f| {
                let fields = without(without(f, ":scheme"), ":path");
                headers(1, &fields, false, FRAME)
            },
            ["404", "503", "403 bad-signature"],
        ),
        (
            "extended",
            |f| {
                let fields = [vec![field(":protocol", "websocket")], f].concat();
                headers(1, &fields, false, FRAME)
            },
            CLOSED,
        ),
    ];
    assert_all(&stand, rows(&stand, "CONNECT", table)).await;
}
