//! Hosts that drillgate owns: the filter sets a header in place of rewriting the authority.
//!
//! A request with a valid context for any other host would end at production, where nothing looks
//! at that header. The filter refuses it, and these tests run without the guard to show it.

use drill_context::HEADER_NAME;
use drillgate::lab::{Drill, Edge, Filter, Protocol, ROUTE_HEADER, Request};
use drillgate_tests::gate::{self, DRILL, HOST, ROUTE_KEY};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{Harness, SANDBOX, module};
use serde_json::json;

const ROUTED: &str = "200 routed sandbox";
const PRODUCTION: &str = "200 production";
const UNREACHABLE: &str = "503 sandbox-unreachable";

/// A second host that drillgate owns, with another drill.
const OTHER_HOST: &str = "billing.example.com";
const OTHER_KEY: &str = "abcdefghijklmnopqrstuvwxyz";

fn configuration() -> Filter {
    let mut drills = gate::active();
    drills[DRILL][0]["mode"] = json!("owned");
    drills[DRILL][0]["hosts"] = json!([HOST]);
    module(gate::configuration(1, drills))
}

fn owned(edge: &mut Edge) {
    edge.guard = false;
    edge.filter = configuration();
    edge.owned = vec![HOST.to_owned(), OTHER_HOST.to_owned()];
    edge.drills.push(Drill::new(OTHER_KEY, OTHER_HOST, SANDBOX));
}

async fn sent(harness: &Harness, authority: &str, headers: &[(&str, &str)]) -> String {
    let mut last = String::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let plain = Request::get(authority, "/").by(protocol);
        let request = headers
            .iter()
            .fold(plain, |request, (name, value)| request.header(*name, value));
        let got = outcome(&harness.send(&request).await);
        assert!(last.is_empty() || last == got, "{last}, then {got}");
        last = got;
    }
    last
}

#[tokio::test]
async fn a_verified_request_reaches_the_sandbox_and_does_not_tell_it_the_route_key() {
    let harness = gate::gate(owned).await;
    let token = gate::token();
    let port = format!("{HOST}:8443");
    let dotted = format!("{HOST}.");
    for authority in [HOST, &HOST.to_uppercase(), &port, &dotted] {
        for guessed in [&[][..], &["guess"], &[OTHER_KEY], &["guess", OTHER_KEY]] {
            let mut headers = vec![(HEADER_NAME, token.as_str())];
            headers.extend(guessed.iter().map(|key| (ROUTE_HEADER, *key)));
            assert_eq!(sent(&harness, authority, &headers).await, ROUTED);
        }
    }
    assert_eq!(harness.sandbox.drill_requests(), 32);
    for seen in harness.sandbox.requests() {
        assert_eq!(seen.authority, HOST);
        assert_eq!(seen.header(HEADER_NAME), [&token]);
        assert!(!format!("{seen:?}").contains(ROUTE_KEY), "{seen:?}");
    }
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn the_route_key_alone_opens_nothing() {
    let harness = gate::gate(owned).await;
    let key = (ROUTE_HEADER, ROUTE_KEY);
    let forged = gate::forged();
    let with_forged = [key, (HEADER_NAME, &forged)];
    assert_eq!(
        sent(&harness, HOST, &with_forged).await,
        "403 bad-signature"
    );
    let with_empty = [key, (HEADER_NAME, "")];
    assert_eq!(sent(&harness, HOST, &with_empty).await, "403 malformed");
    assert_eq!(harness.production.total(), 0);

    assert_eq!(sent(&harness, HOST, &[key]).await, PRODUCTION);
    for seen in harness.production.requests() {
        let unchanged = "production gets what it would without drillgate";
        assert_eq!(seen.header(ROUTE_HEADER), [ROUTE_KEY], "{unchanged}");
    }
    assert_eq!(sent(&harness, HOST, &[]).await, PRODUCTION);
    assert_eq!(harness.sandbox.total(), 0);
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn a_context_for_a_host_that_its_drill_does_not_cover_is_served_by_none() {
    let harness = gate::gate(owned).await;
    let token = gate::token();
    let longer = format!("x.{HOST}");
    for authority in [OTHER_HOST, "other.example.com", "10.0.0.1", &longer] {
        let headers = [(HEADER_NAME, token.as_str()), (ROUTE_HEADER, OTHER_KEY)];
        let got = sent(&harness, authority, &headers).await;
        assert_eq!(got, "403 uncovered-host", "{authority}");
    }
    let drill_host = format!("{HOST}.{ROUTE_KEY}.drill.internal");
    let spoofed = sent(&harness, &drill_host, &[(HEADER_NAME, &token)]).await;
    assert_eq!(spoofed, "403 spoofed-authority");
    assert_eq!(harness.production.total(), 0);
    assert_eq!(harness.sandbox.total(), 0);
    harness.assert_production_untouched(OTHER_HOST).await;
}

#[tokio::test]
async fn an_owned_host_whose_routes_are_gone_while_the_drill_is_active() {
    let mut harness = gate::gate(owned).await;
    let token = gate::token();
    harness.set_drills([]).await;
    assert_eq!(
        sent(&harness, HOST, &[(HEADER_NAME, &token)]).await,
        UNREACHABLE
    );
    assert_eq!(harness.production.total(), 0);
    assert_eq!(sent(&harness, HOST, &[]).await, PRODUCTION);
    assert_eq!(harness.sandbox.total(), 0);
    harness.assert_production_untouched(HOST).await;
}
