//! What holds at the gateway without a working drill filter: production is served, and no drill
//! request reaches it.

use std::time::Duration;

use drillgate::lab::{CONTEXT_HEADER, Drill, Filter, Module, Protocol, ROUTE_HEADER, Request};
use drillgate_tests::{Harness, SANDBOX, exchange};
use serde_json::json;

const SHOP: &str = "shop.example.com";
const KEY: &str = "k7f3q9";
const DRILL_HOST: &str = "shop.example.com.k7f3q9.drill.internal";
const LIMIT: Duration = Duration::from_secs(60);

/// A module that loads, and traps on the first request: a stand-in for a drill filter with a bug.
const TRAP: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))"#;

fn drill() -> Drill {
    Drill::new(KEY, SHOP, SANDBOX)
}

fn with_context(authority: &str) -> Request {
    Request::get(authority, "/orders").header(CONTEXT_HEADER, "any")
}

#[tokio::test]
async fn without_context_production_serves_every_host() {
    let harness = Harness::start(|edge| edge.drills = vec![drill()]).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for authority in [
            SHOP,
            "other.example",
            "drill.internal.example.com",
            "notdrill.internal",
        ] {
            let response = harness
                .send(&Request::get(authority, "/a?b=c").by(protocol))
                .await;
            assert_eq!(response.status, 200, "{authority}");
            let seen = response.seen().unwrap();
            assert_eq!(
                (seen.who.as_str(), seen.path.as_str()),
                ("production", "/a?b=c")
            );
            assert_eq!(seen.authority, authority);
        }
    }
    assert_eq!(harness.production.total(), 8);
    assert_eq!(harness.sandbox.total(), 0);
}

#[tokio::test]
async fn allow_all_in_place_of_the_module_context_is_denied() {
    let harness = Harness::start(|edge| edge.drills = vec![drill()]).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for value in ["any", ""] {
            let request = Request::get(SHOP, "/")
                .header(CONTEXT_HEADER, value)
                .by(protocol);
            assert_eq!(
                harness.send(&request).await.status,
                403,
                "{protocol:?} {value:?}"
            );
        }
        let repeated = with_context(SHOP)
            .header(CONTEXT_HEADER, "second")
            .by(protocol);
        assert_eq!(harness.send(&repeated).await.status, 403, "{protocol:?}");
    }
    harness.assert_production_untouched(SHOP).await;
    assert_eq!(harness.sandbox.total(), 0);
}

#[tokio::test]
async fn module_that_does_not_exist_context_is_denied() {
    let absent = Filter::Module(Module::new("/there/is/no/module.wasm", json!({})));
    let harness = Harness::start_unchecked(|edge| edge.filter = absent).await;
    let log = harness.gateway.envoy().log().unwrap();
    assert!(
        log.contains("/there/is/no/module.wasm"),
        "envoy did not look for the module: {log}"
    );

    assert_eq!(harness.send(&with_context(SHOP)).await.status, 403);
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn stand_in_module_that_traps_fails_open_into_the_guard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trap.wasm");
    std::fs::write(&path, wat::parse_str(TRAP).unwrap()).unwrap();
    let filter = Filter::Module(Module::new(path, json!({})));
    let harness = Harness::start(|edge| edge.filter = filter).await;

    assert_eq!(
        harness.send(&with_context(SHOP)).await.status,
        503,
        "the request that traps"
    );
    for _ in 0..3 {
        assert_eq!(
            harness.send(&with_context(SHOP)).await.status,
            403,
            "after the trap"
        );
    }
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn drill_host_without_context_is_denied_however_it_is_spelled() {
    let harness = Harness::start(|edge| edge.drills = vec![drill()]).await;
    let port = harness.address().port();
    let spellings = [
        DRILL_HOST.to_owned(),
        format!("{DRILL_HOST}:{port}"),
        DRILL_HOST.to_uppercase(),
        format!("{DRILL_HOST}."),
        format!("{DRILL_HOST}.:{port}"),
        "uncovered.drill.internal".to_owned(),
        "drill.internal".to_owned(),
        "Drill.Internal:80".to_owned(),
    ];
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for spelling in &spellings {
            let response = harness
                .send(&Request::get(spelling, "/").by(protocol))
                .await;
            assert_eq!(response.status, 403, "{protocol:?} {spelling}");
        }
    }
    let absolute =
        format!("GET http://{DRILL_HOST}/ HTTP/1.1\r\nHost: {SHOP}\r\nConnection: close\r\n\r\n");
    assert_status(&harness, &absolute, 403).await;
    assert_eq!(
        (harness.production.total(), harness.sandbox.total()),
        (0, 0)
    );
}

#[tokio::test]
async fn context_on_an_authority_that_only_resembles_a_drill_host_is_denied() {
    let harness = Harness::start(|edge| edge.drills = vec![drill()]).await;
    // Envoy sends each of these to production's virtual host.
    for authority in [
        "drill.internal",
        ".drill.internal",
        "a.drill.internal.",
        "a.drill.internal.:80",
        "a:b.drill.internal",
        "a.drill.internal:80:80",
        "a.drill.internal,b",
    ] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {authority}\r\n{CONTEXT_HEADER}: x\r\nConnection: close\r\n\r\n"
        );
        assert_status(&harness, &request, 403).await;
    }
    harness.assert_production_untouched(SHOP).await;
}

async fn assert_status(harness: &Harness, request: &str, status: u16) {
    let answer = exchange(harness.address(), request, Duration::from_millis(300)).await;
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{request:?}: {answer:?}"
    );
}

#[tokio::test]
async fn drill_host_whose_virtual_host_is_gone_ends_in_503() {
    let mut harness = Harness::start(|edge| edge.drills = vec![drill()]).await;
    let response = harness.send(&with_context(DRILL_HOST)).await;
    let seen = response
        .seen()
        .expect("the sandbox answers while the drill lasts");
    assert_eq!(
        (seen.who.as_str(), seen.authority.as_str()),
        (SANDBOX, SHOP)
    );
    assert_eq!(harness.sandbox.drill_requests(), 1);

    harness.set_drills([]).await;
    assert_eq!(harness.send(&with_context(DRILL_HOST)).await.status, 503);
    let entries = harness.gateway.envoy().access_log(2, LIMIT).await.unwrap();
    assert_eq!(entries[1]["details"], "direct_response");
    assert_eq!(harness.sandbox.total(), 1);
    harness.assert_production_untouched(SHOP).await;
}

#[tokio::test]
async fn drill_host_without_context_ends_in_503_even_without_the_guard() {
    let harness = Harness::start(|edge| {
        edge.drills = vec![drill()];
        edge.guard = false;
    })
    .await;
    for authority in [DRILL_HOST, "uncovered.drill.internal"] {
        assert_eq!(
            harness.send(&Request::get(authority, "/")).await.status,
            503,
            "{authority}"
        );
    }
    assert_eq!(
        (harness.production.total(), harness.sandbox.total()),
        (0, 0)
    );
}

#[tokio::test]
async fn owned_host_leads_to_the_sandbox_by_route_key_only() {
    let mut harness = Harness::start(|edge| {
        edge.owned = vec![SHOP.to_owned()];
        edge.drills = vec![drill()];
    })
    .await;
    let steered = |authority: &str, key: &str| with_context(authority).header(ROUTE_HEADER, key);
    for authority in [SHOP, "SHOP.example.com:8080"] {
        let response = harness.send(&steered(authority, KEY)).await;
        assert_eq!(response.seen().unwrap().who, SANDBOX);
        assert_eq!(
            harness.send(&steered(authority, "K7F3Q9")).await.status,
            503
        );
        // No filter has steered it.
        assert_eq!(harness.send(&with_context(authority)).await.status, 403);
    }
    // Envoy would send this one to production's virtual host.
    assert_eq!(
        harness
            .send(&steered("shop.example.com.", KEY))
            .await
            .status,
        403
    );
    let key_alone = Request::get(SHOP, "/").header(ROUTE_HEADER, KEY);
    assert_eq!(
        harness.send(&key_alone).await.seen().unwrap().who,
        "production"
    );

    harness.set_drills([]).await;
    assert_eq!(harness.send(&steered(SHOP, KEY)).await.status, 503);
    harness.assert_production_untouched(SHOP).await;
}
