//! HTTP/2 requests in frames of any size and order, and such as break off.

use drill_context::HEADER_NAME;
use drillgate_tests::audit::{counter, records};

use crate::frames::{self, Field, field, headers};
use crate::stand::{Ends, Stand, sent};
use crate::streams::{BY_RULES, CLOSED, FRAME, Frames, assert_all, assert_ends, rows, whole, with};

/// Envoy ends the stream over it.
const RESET: Ends = ["reset"; 3];

/// Envoy 1.40 ends the connection over it, 1.36 the stream.
const REFUSED: Ends = ["closed or reset"; 3];

/// The filter has no limit of its own; an upstream's server has.
const TOO_MUCH_FOR_AN_UPSTREAM: Ends = ["431", "431", "403 bad-signature"];

#[tokio::test]
async fn a_header_block_of_any_size_and_in_any_pieces_is_judged_whole_or_refused() {
    let stand = Stand::start().await;
    let table: &[(&str, Frames, Ends)] = &[
        ("a byte a frame", |f| headers(1, &f, true, 1), BY_RULES),
        ("100 bytes a frame", |f| headers(1, &f, true, 100), BY_RULES),
        (
            "57 KiB",
            |f| with(f, "x-bomb", "a".repeat(57 << 10)),
            TOO_MUCH_FOR_AN_UPSTREAM,
        ),
        (
            "100 KiB",
            |f| with(f, "x-bomb", "a".repeat(100 << 10)),
            REFUSED,
        ),
        (
            "1,000 fields",
            |f| {
                let bombs = (0..1000).map(|at| field(&format!("x-bomb-{at}"), "a"));
                whole(&f.into_iter().chain(bombs).collect::<Vec<_>>())
            },
            RESET,
        ),
        ("compressed", |f| frames::compressed_bomb(1, &f), RESET),
        ("without an end", |f| frames::endless(1, &f), CLOSED),
    ];
    let mut requests = rows(&stand, "GET", table);
    for (count, end) in [
        (2, "403 duplicate-header"),
        (90, "403 duplicate-header"),
        (1000, "reset"),
    ] {
        let context = field(HEADER_NAME, &stand.token);
        let contexts = std::iter::repeat_n(context, count);
        let fields: Vec<Field> = frames::request("GET", "/", None)
            .into_iter()
            .chain(contexts)
            .collect();
        requests.push(sent(format!("{count} contexts"), whole(&fields), end));
    }
    let token = stand.token.as_bytes();
    for (value, end) in [
        (b"".to_vec(), "403 malformed"),
        ([b" \t", token, b" "].concat(), "200 sandbox"),
        ([token, b"\xff"].concat(), "403 malformed"),
        ([token, b"\0"].concat(), "closed"),
        ([token, b"\r\n"].concat(), "closed"),
        ([token, b"\x7f"].concat(), "closed"),
        (vec![b'a'; 57 << 10], "403 too-large"),
    ] {
        let bytes = with(frames::request("GET", "/", None), HEADER_NAME, &value);
        let shown = String::from_utf8_lossy(&value)
            .chars()
            .take(300)
            .collect::<String>();
        requests.push(sent(shown, bytes, end));
    }
    assert_all(&stand, requests).await;
}

/// What goes wrong only after the head has gone on: Envoy ends the stream or the connection, and
/// the request ends with it wherever it is. (A refused one has been answered by then.)
#[tokio::test]
async fn a_request_that_breaks_off_in_a_violation_is_answered_by_no_one_else() {
    let stand = Stand::start().await;
    let table: &[(&str, Frames, Ends)] = &[
        (
            "more than its length",
            |f| {
                let fields = [f, vec![field("content-length", "1")]].concat();
                [headers(1, &fields, false, FRAME), frames::data(1, b"more")].concat()
            },
            RESET,
        ),
        (
            "a pseudo-header in the trailers",
            |f| {
                let trailers = headers(1, &[field(":path", "/x")], true, FRAME);
                [
                    headers(1, &f, false, FRAME),
                    frames::data(1, b"a"),
                    trailers,
                ]
                .concat()
            },
            CLOSED,
        ),
        (
            "a second head",
            |f| {
                let head = headers(1, &f, false, FRAME);
                [head.as_slice(), &frames::data(1, b"a"), &head].concat()
            },
            CLOSED,
        ),
    ];
    assert_ends(&stand, rows(&stand, "POST", table)).await;
    stand.assert_unharmed().await;
}

/// As in an attack by rapid resets: each request is decided on when it comes, and each of a drill
/// leaves its record, though its client is gone at once.
#[tokio::test]
async fn requests_that_are_taken_back_at_once_leave_one_record_each() {
    const EACH: usize = 40;
    let stand = Stand::start().await;
    let mut connections = Vec::new();
    for context in &stand.contexts {
        let fields = frames::request("POST", "/", context.as_deref());
        let streams = (0..EACH).map(|at| u32::try_from(2 * at + 1).unwrap());
        let bytes: Vec<u8> = streams
            .flat_map(|stream| {
                [
                    headers(stream, &fields, false, FRAME),
                    frames::cancel(stream),
                ]
            })
            .flatten()
            .collect();
        connections.push(frames::open(stand.harness.address(), &bytes).await);
    }
    let envoy = stand.harness.gateway.envoy();
    let records = records(envoy, 2 * EACH).await;
    let count = |verdict| {
        records
            .iter()
            .filter(|record| record["verdict"] == verdict)
            .count()
    };
    assert_eq!((count("unanswered"), count("refused")), (EACH, EACH));
    assert_eq!(
        counter(envoy, "requests.unanswered").await,
        Some(EACH as u64)
    );
    stand.assert_unharmed().await;
}
