//! What holds of every exchange, whatever the proxy did.

use drill_filter::{Flow, Reply, Verdict};
use serde_json::Value;

use super::expected::{Expected, Way};
use super::inputs::{Event, Request};
use super::proxy::{Proxy, values};
use super::tokens::{MARK, Token};

pub struct Exchanged<'a> {
    pub expected: &'a Expected,
    pub request: &'a Request<'a>,
    pub token: &'a Option<Vec<u8>>,
    pub flow: Flow,
    /// The request's headers and the hostcalls, as they were when the filter let go of it.
    pub steered: Vec<(String, Vec<u8>)>,
    pub calls: Vec<(&'static str, bool)>,
    pub proxy: &'a Proxy,
}

pub fn all(exchanged: &Exchanged) {
    if !exchanged.expected.seen {
        return leaves_no_trace(exchanged);
    }
    match exchanged.flow {
        Flow::Continue => was_steered(exchanged),
        Flow::Stop => was_answered(exchanged),
    }
    is_recorded_once(exchanged);
    keeps_the_token_to_itself(exchanged);
}

/// Without the header: one hostcall in all, and nothing else.
fn leaves_no_trace(exchanged: &Exchanged) {
    let proxy = exchanged.proxy;
    assert_eq!(exchanged.flow, Flow::Continue);
    let calls: Vec<_> = proxy.calls().into_iter().map(|(name, _)| name).collect();
    assert_eq!(calls, ["request_header"]);
    assert!(proxy.lines.borrow().is_empty());
    assert!(proxy.counted.borrow().is_empty());
}

/// With the header, a request goes on only if it may, to its sandbox and nowhere else.
fn was_steered(exchanged: &Exchanged) {
    let headers = &exchanged.steered;
    let route = values(headers, "x-drill-route");
    let expected_baggage = match &exchanged.expected.way {
        Some(Way::Authority { authority, baggage }) => {
            assert_eq!(values(headers, ":authority"), [authority.as_bytes()]);
            assert!(route.is_empty(), "a route key that the client sent");
            baggage
        }
        Some(Way::Owned {
            route_key,
            authority,
            baggage,
        }) => {
            assert_eq!(values(headers, ":authority"), [authority.as_bytes()]);
            assert_eq!(route, [route_key.as_bytes()]);
            baggage
        }
        other => panic!("let through where {other:?} was expected"),
    };
    let [baggage] = values(headers, "baggage")[..] else {
        panic!("one baggage field");
    };
    let baggage = String::from_utf8_lossy(baggage).to_lowercase();
    let rest = baggage.strip_prefix(expected_baggage).unwrap();
    for member in rest.split(',') {
        let name = member.split(['=', ';']).next().unwrap_or_default();
        let name = name.replace("%2e", ".");
        assert!(
            !["drill.id", "drill.env"].contains(&name.trim()),
            "{baggage}"
        );
    }
    let changes =
        |(name, _): &(&str, bool)| ["set_request_header", "remove_request_header"].contains(name);
    let last_change = exchanged.calls.iter().rposition(changes);
    let cleared = exchanged
        .calls
        .iter()
        .rposition(|call| *call == ("clear_route_cache", true));
    assert!(cleared > last_change, "{:?}", exchanged.calls);
    assert!(exchanged.proxy.replies.borrow().is_empty());
    let answered = matches!(exchanged.request.events.first(), Some(Event::Response));
    if answered && all_went_well(exchanged) {
        tells_who_answered(exchanged);
    }
}

/// The client learns whether the sandbox answered, and production's failures do not look like it.
fn tells_who_answered(exchanged: &Exchanged) {
    let response = exchanged.proxy.response.borrow();
    let one = |name| String::from_utf8_lossy(values(&response, name)[0]).into_owned();
    if exchanged.proxy.details.as_deref() == Some(b"via_upstream") {
        assert_eq!(one("x-drill-verdict"), "routed");
        assert_eq!(one(":status"), "200");
        assert_eq!(one("location"), "elsewhere");
        return;
    }
    assert_eq!(one("x-drill-verdict"), "sandbox-unreachable");
    // As Envoy tells, which has given its own answer the form of one or the other.
    let is_grpc = |of: &&[u8]| *of == b"application/grpc" || of.starts_with(b"application/grpc+");
    if values(&exchanged.steered, "content-type")
        .iter()
        .any(is_grpc)
    {
        assert_eq!(one("grpc-status"), "14");
    } else {
        assert_eq!(one(":status"), "503");
    }
    // It would name the host that the request was steered by.
    assert!(values(&response, "location").is_empty());
}

/// What stops is answered, and is stopped for a reason.
fn was_answered(exchanged: &Exchanged) {
    let replies = exchanged.proxy.replies.borrow();
    let status = match replies.last() {
        Some(Reply::Http { status, .. }) => u32::from(*status),
        Some(Reply::Grpc { status: 7, .. }) => 403,
        Some(Reply::Grpc { .. }) => 503,
        None => panic!("no answer"),
    };
    let went_well = all_went_well(exchanged);
    match (&exchanged.expected.way, status) {
        (Some(Way::Probe), 200) | (None, 403) => {}
        (_, 503) => assert!(
            !went_well || !exchanged.expected.has_gate,
            "503 for nothing"
        ),
        (way, status) => panic!("{status} where {way:?} was expected"),
    }
}

/// One record and one count for each drill request, that say what happened.
fn is_recorded_once(exchanged: &Exchanged) {
    let proxy = exchanged.proxy;
    let [verdict] = proxy.counted.borrow()[..] else {
        panic!("counted {:?}", proxy.counted.borrow());
    };
    let steered = matches!(
        verdict,
        Verdict::Routed | Verdict::SandboxUnreachable | Verdict::Unanswered
    );
    assert_eq!(steered, exchanged.flow == Flow::Continue);
    if let Some(Reply::Http { headers, .. } | Reply::Grpc { headers, .. }) =
        proxy.replies.borrow().last()
    {
        assert!(
            headers.contains(&("x-drill-verdict", verdict.code())),
            "{headers:?}"
        );
    }
    let lines = proxy.lines.borrow();
    assert_eq!(lines.len(), usize::from(exchanged.expected.log));
    for line in lines.iter() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["verdict"], verdict.class());
        let scalar = |value: &Value| !value.is_object() && !value.is_array();
        assert!(record.as_object().unwrap().values().all(scalar), "{line}");
        let printable = |b: u8| (b' '..=b'~').contains(&b);
        assert!(line.bytes().all(printable), "{line}");
    }
    let has_state = !proxy.filter_state.borrow().is_empty();
    assert!(exchanged.expected.filter_state || !has_state);
}

/// Neither the token nor a part of it that grants something is shown anywhere.
fn keeps_the_token_to_itself(exchanged: &Exchanged) {
    let proxy = exchanged.proxy;
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        proxy.lines, proxy.filter_state, proxy.replies, proxy.response
    );
    // A made-up value may be made of the filter's own words: there the mark is looked for.
    let token = match exchanged.request.token {
        Token::Any(_) => MARK,
        _ => exchanged.token.as_deref().unwrap_or(MARK),
    };
    let segments = token
        .split(|b| *b == b'.')
        .filter(|part| part.len() >= MARK.len());
    for secret in segments {
        // Where the same is said elsewhere, it is no secret of the token's.
        let elsewhere = exchanged
            .request
            .said()
            .iter()
            .any(|text| contains(text, secret));
        assert!(elsewhere || !contains(shown.as_bytes(), secret), "{shown}");
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    // The fuzzer follows each comparison of whole texts: only those that begin alike are made.
    text.windows(part.len())
        .any(|window| window.first() == part.first() && window == part)
}

fn all_went_well(exchanged: &Exchanged) -> bool {
    exchanged.proxy.calls().iter().all(|(_, well)| *well)
}
