use std::rc::Rc;

use drill_context::{Claims, Reason, SigningKey, TokenType, sign};
use serde_json::{Value, json};

use super::{Exchange, Flow};
use crate::config::Gate;
use crate::host::LogLevel;
use crate::mock::MockHost;
use crate::{Refusal, Reply, Verdict};

const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
const OWNED: &str = "0b8f7a52-59a3-4c55-8a63-5f7e4f0f2a11";
/// A drill in mode authority that says which hosts it is about.
const COVERING: &str = "7d0c1f55-59a3-4c55-8a63-5f7e4f0f2a11";
const ROUTE_KEY: &str = "mzxw6ytboi4dinzsgy3tqobzga";
const OWNED_KEY: &str = "abcdefghijklmnopqrstuvwxyz";
const COVERING_KEY: &str = "bcdefghijklmnopqrstuvwxyza";
const NOW: i64 = 1_790_000_000;

fn gate_with(audit: Value) -> Rc<Gate> {
    let config = json!({
        "version": 1,
        "generation": 7,
        "keys": {"k1": {"alg": "HS256", "secret": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}},
        "drills": {
            DRILL: [{"environment": "orders-dr", "routeKey": ROUTE_KEY, "notAfter": NOW + 600}],
            OWNED: [{"environment": "orders-dr", "routeKey": OWNED_KEY, "notAfter": NOW + 600, "mode": "owned", "hosts": ["orders.example.com"]}],
            COVERING: [{"environment": "orders-dr", "routeKey": COVERING_KEY, "notAfter": NOW + 600, "hosts": ["orders.example.com"]}],
        },
        "audit": audit,
    });
    Rc::new(Gate::parse(config.to_string().as_bytes(), |_| None).unwrap())
}

fn gate() -> Rc<Gate> {
    gate_with(json!({}))
}

fn claims(drill: &str) -> Claims {
    let mut claims = Claims::new(drill.parse().unwrap(), "orders-dr".parse().unwrap(), NOW);
    claims.token_id = Some("run-42".parse().unwrap());
    claims
}

fn token(claims: &Claims) -> String {
    token_of(TokenType::Drill, claims)
}

fn token_of(token_type: TokenType, claims: &Claims) -> String {
    let key = SigningKey::hs256("k1".parse().unwrap(), &[1; 32]).unwrap();
    sign(&key, token_type, claims)
}

fn request(value: impl AsRef<[u8]>) -> MockHost {
    MockHost::at(NOW)
        .with_header(":authority", "orders.example.com")
        .with_header(":method", "GET")
        .with_header(":path", "/orders?token=hunter2")
        .with_header("x-request-id", "req-1")
        .with_header("x-drill-context", value)
}

fn valid() -> MockHost {
    request(token(&claims(DRILL)))
}

fn run(host: &MockHost) -> (Exchange, Flow) {
    let mut exchange = Exchange::new(Some(gate()));
    let flow = exchange.on_request(host);
    (exchange, flow)
}

/// Runs the whole exchange and gives the audit record.
fn audited(host: &MockHost) -> Value {
    let (mut exchange, flow) = run(host);
    if flow == Flow::Continue {
        exchange.on_response(host);
    }
    exchange.on_end(host);
    let lines = host.lines.borrow();
    assert_eq!(lines.len(), 1, "one record for each decision");
    serde_json::from_str(&lines[0].1).unwrap()
}

fn refused(host: &MockHost) -> Refusal {
    let (mut exchange, flow) = run(host);
    assert_eq!(flow, Flow::Stop);
    exchange.on_end(host);
    match host.counted.borrow().as_slice() {
        [Verdict::Refused(refusal)] => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_without_the_header_costs_one_hostcall_and_nothing_on_its_way_back() {
    let host = MockHost::at(NOW).with_header(":authority", "orders.example.com");
    let (mut exchange, flow) = run(&host);
    assert_eq!(flow, Flow::Continue);
    exchange.on_response(&host);
    exchange.on_end(&host);
    assert_eq!(*host.calls.borrow(), ["request_header"]);
    assert!(host.lines.borrow().is_empty());
    assert!(host.counted.borrow().is_empty());
}

#[test]
fn a_verified_request_gets_the_authority_of_its_drill_and_a_new_route() {
    let host = valid();
    assert_eq!(run(&host).1, Flow::Continue);
    let steered = format!("orders.example.com.{ROUTE_KEY}.drill.internal");
    assert_eq!(host.values(":authority"), [steered]);
    let calls = host.calls.borrow();
    let last_change = calls
        .iter()
        .rposition(|call| call.contains("request_header"));
    let cleared = calls.iter().position(|call| call == "clear_route_cache");
    assert!(
        cleared > last_change,
        "the route is chosen from the headers as changed: {calls:?}"
    );
}

#[test]
fn a_drill_of_an_owned_host_keeps_its_authority_and_gets_the_route_header() {
    let host = request(token(&claims(OWNED))).with_header("x-drill-route", "guess");
    assert_eq!(run(&host).1, Flow::Continue);
    assert_eq!(host.values(":authority"), ["orders.example.com"]);
    assert_eq!(host.values("x-drill-route"), [OWNED_KEY]);
}

#[test]
fn a_drill_of_owned_hosts_is_refused_on_any_other_where_nothing_looks_at_the_route_key() {
    for (authority, owned) in [
        ("Orders.Example.com.:8443", true),
        ("other.example.com", false),
        ("10.0.0.1", false),
        ("x.orders.example.com", false),
    ] {
        let host = MockHost::at(NOW)
            .with_header(":authority", authority)
            .with_header("x-drill-context", token(&claims(OWNED)));
        if owned {
            assert_eq!(run(&host).1, Flow::Continue);
            assert_eq!(host.values(":authority"), ["orders.example.com"]);
        } else {
            assert_eq!(refused(&host), Refusal::UncoveredHost, "{authority}");
        }
    }
}

#[test]
fn a_drill_that_says_its_hosts_is_steered_by_a_host_of_its_own_and_refused_on_any_other() {
    let asking = |authority: &str| {
        MockHost::at(NOW)
            .with_header(":authority", authority)
            .with_header("x-drill-context", token(&claims(COVERING)))
    };
    let host = asking("Orders.Example.com.:8443");
    assert_eq!(run(&host).1, Flow::Continue);
    let drill_host = format!("orders.example.com.{COVERING_KEY}.drill.internal");
    assert_eq!(host.values(":authority"), [drill_host]);
    for authority in ["other.example.com", "x.orders.example.com", "10.0.0.1"] {
        assert_eq!(
            refused(&asking(authority)),
            Refusal::UncoveredHost,
            "{authority}"
        );
    }
}

#[test]
fn a_route_header_that_a_client_sent_does_not_reach_the_sandbox() {
    let host = valid().with_header("x-drill-route", "guess");
    assert_eq!(run(&host).1, Flow::Continue);
    assert!(host.values("x-drill-route").is_empty());
}

#[test]
fn the_sandbox_gets_the_drill_in_baggage_and_not_what_the_client_said_of_it() {
    let host = valid()
        .with_header("baggage", "user=7,drill.id=spoofed")
        .with_header("baggage", "drill.env=production");
    assert_eq!(run(&host).1, Flow::Continue);
    let baggage = format!("drill.id={DRILL},drill.env=orders-dr,user=7");
    assert_eq!(host.values("baggage"), [baggage]);
}

#[test]
fn exactly_one_header_value_is_demanded() {
    let two = valid().with_header("x-drill-context", "x");
    assert_eq!(refused(&two), Reason::DuplicateHeader.into());
    let value = token(&claims(DRILL));
    let joined = request(format!("{value},{value}"));
    assert_eq!(refused(&joined), Reason::DuplicateHeader.into());
}

#[test]
fn an_empty_header_is_a_header() {
    assert_eq!(refused(&request("")), Reason::Malformed.into());
}

#[test]
fn the_drill_must_be_active_for_this_environment_and_not_over() {
    let unknown = claims("99999999-59a3-4c55-8a63-5f7e4f0f2a11");
    assert_eq!(
        refused(&request(token(&unknown))),
        Reason::UnknownDrill.into()
    );
    let mut elsewhere = claims(DRILL);
    elsewhere.environment = "billing-dr".parse().unwrap();
    assert_eq!(
        refused(&request(token(&elsewhere))),
        Reason::WrongEnvironment.into()
    );
    let mut late = valid();
    late.now = NOW + 599;
    assert_eq!(run(&late).1, Flow::Continue);
    let mut over = valid();
    over.now = NOW + 600;
    assert_eq!(refused(&over), Reason::DrillOver.into());
}

#[test]
fn the_tokens_own_times_are_checked_by_the_proxys_clock() {
    let mut early = valid();
    early.now = NOW - 31;
    assert_eq!(refused(&early), Reason::NotYetValid.into());
    let mut expiring = claims(DRILL);
    expiring.expires_at = Some(NOW + 1);
    let mut expired = request(token(&expiring));
    expired.now = NOW + 1;
    assert_eq!(refused(&expired), Reason::Expired.into());
}

#[test]
fn a_client_that_names_a_drill_host_itself_is_refused() {
    for authority in [
        "drill.internal",
        "orders.example.com.mzxw6ytboi4dinzsgy3tqobzga.drill.internal",
        "x.DRILL.Internal",
        "x.drill.internal:8443",
        "x.drill.internal.",
        "x.Drill.Internal.:80",
    ] {
        for drill in [DRILL, OWNED] {
            let host = MockHost::at(NOW)
                .with_header(":authority", authority)
                .with_header("x-drill-context", token(&claims(drill)));
            assert_eq!(refused(&host), Refusal::SpoofedAuthority, "{authority}");
        }
    }
}

#[test]
fn a_request_that_names_no_host_is_refused() {
    let none = MockHost::at(NOW).with_header("x-drill-context", token(&claims(DRILL)));
    assert_eq!(refused(&none), Refusal::BadAuthority);
    let address = MockHost::at(NOW)
        .with_header(":authority", "[::1]:8080")
        .with_header("x-drill-context", token(&claims(DRILL)));
    assert_eq!(refused(&address), Refusal::BadAuthority);
}

#[test]
fn whatever_the_proxy_fails_at_no_request_with_the_header_is_let_through_unsteered() {
    for call in [
        "request_headers",
        "now",
        "set_request_header",
        "remove_request_header",
        "clear_route_cache",
    ] {
        let host = valid()
            .with_header("x-drill-route", "guess")
            .failing_at(call);
        assert_eq!(refused(&host), Refusal::EdgeError, "{call}");
    }
    let host = valid().failing_at("set_filter_state");
    assert_eq!(run(&host).1, Flow::Continue);
    assert_eq!(host.values(":authority").len(), 1);
    assert_ne!(host.values(":authority"), ["orders.example.com"]);
    let host = request("forged").failing_at("reply");
    assert_eq!(run(&host).1, Flow::Stop);
}

#[test]
fn without_a_configuration_the_header_is_refused_and_all_else_passes() {
    let mut exchange = Exchange::new(None);
    let host = valid();
    assert_eq!(exchange.on_request(&host), Flow::Stop);
    let Some(Reply::Http { status, .. }) = host.replies.borrow().first().cloned() else {
        panic!("an HTTP reply");
    };
    assert_eq!(status, 503);
    let mut exchange = Exchange::new(None);
    let host = MockHost::at(NOW).with_header(":authority", "orders.example.com");
    assert_eq!(exchange.on_request(&host), Flow::Continue);
}

#[test]
fn a_probe_is_answered_by_the_filter_and_goes_no_further() {
    let host = request(token_of(TokenType::Probe, &claims(DRILL)));
    let (mut exchange, flow) = run(&host);
    assert_eq!(flow, Flow::Stop);
    let Some(Reply::Http { status, body, .. }) = host.replies.borrow().first().cloned() else {
        panic!("an HTTP reply");
    };
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["generation"], 7);
    assert_eq!(answer["activeDrills"], 3);
    assert_eq!(answer["drill"], "active");
    exchange.on_end(&host);
    assert_eq!(*host.counted.borrow(), [Verdict::Probe]);
    // The times of a probe are checked as those of any token.
    let mut old = request(token_of(TokenType::Probe, &claims(DRILL)));
    old.now = NOW + 3601;
    assert_eq!(refused(&old), Reason::Stale.into());
}

#[test]
fn a_probe_tells_what_would_come_of_its_drills_requests() {
    let told = |claims: &Claims, now| {
        let mut host = request(token_of(TokenType::Probe, claims));
        host.now = now;
        let (_, flow) = run(&host);
        assert_eq!(flow, Flow::Stop);
        let Some(Reply::Http { body, .. }) = host.replies.borrow().first().cloned() else {
            panic!("an HTTP reply");
        };
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["drill"].as_str().unwrap().to_owned()
    };
    let known = claims(DRILL);
    assert_eq!(told(&known, NOW), "active");
    let mut elsewhere = claims(DRILL);
    elsewhere.environment = "elsewhere".parse().unwrap();
    assert_eq!(told(&elsewhere, NOW), "wrong-environment");
    let unknown = claims("00000000-0000-4000-8000-00000000000f");
    assert_eq!(told(&unknown, NOW), "unknown-drill");
}

#[test]
fn the_sandboxes_own_answer_passes_and_a_verdict_that_it_forged_is_replaced() {
    let host = valid()
        .with_property("response.code_details", "via_upstream")
        .with_response_header(":status", "500")
        .with_response_header("x-drill-verdict", "forged");
    let (mut exchange, _) = run(&host);
    exchange.on_response(&host);
    assert_eq!(host.response_values(":status"), ["500"]);
    assert_eq!(host.response_values("x-drill-verdict"), ["routed"]);
}

#[test]
fn a_sandbox_that_refuses_a_websocket_handshake_has_answered() {
    let host = valid()
        .with_property("response.code_details", "websocket_handshake_unsuccessful")
        .with_response_header(":status", "404");
    let (mut exchange, _) = run(&host);
    exchange.on_response(&host);
    assert_eq!(host.response_values(":status"), ["404"]);
    assert_eq!(host.response_values("x-drill-verdict"), ["routed"]);
}

#[test]
fn every_failure_reply_of_the_proxy_becomes_503_sandbox_unreachable() {
    for (status, details) in [
        ("504", Some("response_timeout")),
        ("404", Some("route_not_found")),
        ("503", Some("cluster_not_found")),
        ("403", Some("rbac_access_denied_matched_policy[guard]")),
        ("200", Some("direct_response")),
        ("503", Some("via_upstream_not")),
        ("200", None),
    ] {
        let mut host = valid().with_response_header(":status", status);
        if let Some(details) = details {
            host = host.with_property("response.code_details", details);
        }
        let (mut exchange, _) = run(&host);
        exchange.on_response(&host);
        assert_eq!(host.response_values(":status"), ["503"], "{details:?}");
        assert_eq!(
            host.response_values("x-drill-verdict"),
            ["sandbox-unreachable"]
        );
        assert_eq!(host.response_values("cache-control"), ["no-store"]);
        assert_eq!(
            host.filter_state.borrow()["drill_verdict"],
            "sandbox-unreachable"
        );
    }
}

#[test]
fn a_grpc_client_gets_a_grpc_status() {
    for content_type in ["application/grpc", "application/grpc+proto"] {
        let host = request("forged").with_header("content-type", content_type);
        assert_eq!(run(&host).1, Flow::Stop);
        let replies = host.replies.borrow();
        assert!(
            matches!(replies[0], Reply::Grpc { status: 7, .. }),
            "{content_type}"
        );

        let host = valid()
            .with_header("content-type", content_type)
            .with_property("response.code_details", "response_timeout")
            .with_response_header(":status", "200")
            .with_response_header("grpc-status", "4");
        let (mut exchange, _) = run(&host);
        exchange.on_response(&host);
        assert_eq!(host.response_values(":status"), ["200"]);
        assert_eq!(host.response_values("grpc-status"), ["14"]);
    }
}

/// Envoy takes none of these for gRPC, and answers them by an HTTP status itself.
#[test]
fn what_the_proxy_does_not_take_for_grpc_gets_an_http_status() {
    for other in [
        "application/grpc-web",
        "application/json",
        "application/grpcx",
        "application/grpc;x=y",
        "Application/gRPC",
    ] {
        let host = request("forged").with_header("content-type", other);
        assert_eq!(run(&host).1, Flow::Stop);
        assert!(
            matches!(host.replies.borrow()[0], Reply::Http { status: 403, .. }),
            "{other}"
        );

        let host = valid()
            .with_header("content-type", other)
            .with_property("response.code_details", "response_timeout")
            .with_response_header(":status", "504");
        let (mut exchange, _) = run(&host);
        exchange.on_response(&host);
        assert_eq!(host.response_values(":status"), ["503"], "{other}");
    }
}

#[test]
fn a_redirect_of_the_proxys_own_does_not_tell_the_drills_host() {
    let host = valid()
        .with_property("response.code_details", "direct_response")
        .with_response_header(":status", "301")
        .with_response_header("location", "https://orders.example.com.key.drill.internal/");
    let (mut exchange, _) = run(&host);
    exchange.on_response(&host);
    assert_eq!(host.response_values(":status"), ["503"]);
    assert!(host.response_values("location").is_empty());

    let host = valid()
        .with_property("response.code_details", "via_upstream")
        .with_response_header("location", "/elsewhere");
    let (mut exchange, _) = run(&host);
    exchange.on_response(&host);
    let left = host.response_values("location");
    assert_eq!(left, ["/elsewhere"], "the sandbox's own is left alone");
}

#[test]
fn our_own_reply_is_not_mistaken_for_the_sandboxes() {
    let host = request("forged").with_response_header(":status", "403");
    let (mut exchange, _) = run(&host);
    exchange.on_response(&host);
    assert_eq!(host.response_values(":status"), ["403"]);
    exchange.on_end(&host);
    assert_eq!(
        *host.counted.borrow(),
        [Verdict::Refused(Reason::Malformed.into())]
    );
}

#[test]
fn the_record_of_a_routed_request_has_every_field() {
    let host = valid()
        .with_property("response.code_details", "via_upstream")
        .with_property("response.code", 200_i64.to_le_bytes())
        .with_property("xds.cluster_name", "sandbox")
        .with_property("request.duration", 12_345_678_i64.to_le_bytes())
        .with_property("source.address", "127.0.0.1:4711");
    let expected = json!({
        "event": "drill-request", "verdict": "routed", "generation": 7, "kid": "k1",
        "drill": DRILL, "environment": "orders-dr", "jti": "run-42",
        "method": "GET", "authority": "orders.example.com", "path": "/orders", "request_id": "req-1",
        "status": 200, "code_details": "via_upstream", "upstream_cluster": "sandbox",
        "source_address": "127.0.0.1:4711", "duration_ms": 12,
    });
    assert_eq!(audited(&host), expected);
    assert_eq!(host.lines.borrow()[0].0, LogLevel::Warn);
}

#[test]
fn the_record_of_a_refusal_says_why_and_believes_nothing_unsigned() {
    let mut unsigned = token(&claims(DRILL)).into_bytes();
    let last = unsigned.len() - 2;
    unsigned[last] = if unsigned[last] == b'A' { b'B' } else { b'A' };
    let host = request(&unsigned).with_property("xds.cluster_name", "production");
    let record = audited(&host);
    assert_eq!(record["verdict"], "refused");
    assert_eq!(record["reason"], "bad-signature");
    for unshown in ["kid", "drill", "environment", "jti", "upstream_cluster"] {
        assert_eq!(record[unshown], Value::Null, "{unshown}");
    }
    // Signed, and refused all the same: then it is known who asked.
    let mut elsewhere = claims(DRILL);
    elsewhere.environment = "billing-dr".parse().unwrap();
    let record = audited(&request(token(&elsewhere)));
    assert_eq!(record["reason"], "wrong-environment");
    assert_eq!(record["kid"], "k1");
    assert_eq!(record["environment"], "billing-dr");
}

#[test]
fn a_client_that_went_away_leaves_a_record_too() {
    let host = valid();
    let (mut exchange, _) = run(&host);
    exchange.on_end(&host);
    exchange.on_end(&host);
    assert_eq!(*host.counted.borrow(), [Verdict::Unanswered]);
    assert_eq!(host.lines.borrow().len(), 1);
}

#[test]
fn neither_token_nor_query_reach_log_reply_or_filter_state() {
    let marked = format!("{}hunter2", token(&claims(DRILL)));
    for value in [marked, "hunter2".to_owned(), token(&claims(DRILL))] {
        let host = request(&value);
        audited(&host);
        let seen = format!(
            "{:?} {:?} {:?}",
            host.lines, host.replies, host.filter_state
        );
        assert!(!seen.contains("hunter2"), "{seen}");
        for segment in value.split('.') {
            assert!(!seen.contains(segment), "{seen}");
        }
    }
}

#[test]
fn malformed_bytes_do_not_break_the_line() {
    let host = MockHost::at(NOW)
        .with_header(":authority", b"a\n\"b\xff")
        .with_header(":path", b"/\r\n{\x1b[2J")
        .with_header("x-drill-context", b"\xff\n\r");
    let record = audited(&host);
    assert_eq!(record["reason"], "malformed");
    assert_eq!(record["authority"], "a?\"b?");
    assert!(!host.lines.borrow()[0].1.contains('\n'));
}

#[test]
fn where_the_record_goes_is_a_setting() {
    let host = request("forged");
    let audit = json!({"log": false, "filterState": false});
    let mut exchange = Exchange::new(Some(gate_with(audit)));
    assert_eq!(exchange.on_request(&host), Flow::Stop);
    exchange.on_end(&host);
    assert!(host.lines.borrow().is_empty());
    assert!(host.filter_state.borrow().is_empty());
    assert_eq!(host.counted.borrow().len(), 1);

    let host = request("forged");
    let mut exchange = Exchange::new(Some(gate_with(json!({"level": "info"}))));
    assert_eq!(exchange.on_request(&host), Flow::Stop);
    exchange.on_end(&host);
    assert_eq!(host.lines.borrow()[0].0, LogLevel::Info);
    let state = host.filter_state.borrow();
    assert_eq!(state["drill_verdict"], "refused");
    assert_eq!(state["drill_reason"], "malformed");
    assert_eq!(state["drill_generation"], "7");
}
