//! What clients send: none of it gets past the signature.

use std::collections::BTreeSet;

use drill_context::HEADER_NAME;
use drillgate::lab::{Connection, Protocol, Request};
use drillgate::proxy::Counts;
use drillgate_tests::gate::{self, HOST};
use drillgate_tests::traffic::outcome;
use futures::future::join_all;
use http::Method;

use crate::stand::{PROTOCOLS, gate_and_proxy, routed};

const ROUTED: &str = "200 routed sandbox";

#[tokio::test]
async fn a_client_that_cannot_sign_reaches_the_sandbox() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    for protocol in PROTOCOLS {
        let post = proxy
            .get("/orders?a=b")
            .by(protocol)
            .with(Method::POST, "four");
        let seen = proxy.send(&post).await.seen().unwrap();
        assert_eq!(
            (seen.who.as_str(), seen.authority.as_str()),
            ("sandbox", HOST)
        );
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("POST", "/orders?a=b")
        );
        assert_eq!(seen.body, 4);
        let mut search = proxy
            .get("/orders/_search")
            .by(protocol)
            .with(Method::GET, "four");
        if protocol == Protocol::Http1 {
            search = search.header("transfer-encoding", "chunked");
        }
        let seen = proxy.send(&search).await.seen().unwrap();
        assert_eq!(
            (seen.method.as_str(), seen.body),
            ("GET", 4),
            "{protocol:?}"
        );
        // What the edge itself would have served without the proxy.
        let without = Request::get(HOST, "/").by(protocol);
        assert_eq!(outcome(&harness.send(&without).await), "200 production");
    }
    assert_eq!(harness.sandbox.total(), 4);
    proxy.end(routed(4)).await;
    harness.assert_production_untouched(HOST).await;
}

#[tokio::test]
async fn as_an_ordinary_proxy_it_keeps_the_host_of_the_url() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    let get = |url: &str, host: &str| {
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    for (url, host) in [
        ("http://orders.example.com/a", HOST),
        ("http://me:secret@Orders.Example.com:80/a", HOST),
        ("https://orders.example.com/a", "elsewhere.example.com"),
        ("/a", HOST),
        ("/a", "orders.example.com:8080"),
        ("/a", "elsewhere.example.com"),
    ] {
        assert_eq!(proxy.raw(&get(url, host)).await, ROUTED, "{url} {host}");
    }
    // A host that the drill does not cover is no production host either.
    let elsewhere = get("http://elsewhere.example.com/a", "elsewhere.example.com");
    assert_eq!(proxy.raw(&elsewhere).await, "503 sandbox-unreachable");
    let connect =
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    assert_eq!(proxy.raw(&connect).await, "501 no-tunnel");
    assert_eq!(harness.sandbox.total(), 6);
    assert_eq!(harness.production.total(), 0);
    let counts = Counts {
        sent: 7,
        routed: 6,
        sandbox_unreachable: 1,
        unsent: 1,
        ..Counts::default()
    };
    proxy.end(counts).await;
}

#[tokio::test]
async fn no_client_takes_the_signature_off_or_puts_another_in_its_place() {
    let (harness, proxy) = gate_and_proxy(|edge| edge.guard = false).await;
    let valid = format!("{HEADER_NAME}: {}", gate::token());
    let forged = format!("{HEADER_NAME}: {}", gate::forged());
    let lies = [
        forged.clone(),
        format!("{valid}\r\n{forged}"),
        format!("{HEADER_NAME}:"),
        "Connection: X-Drill-Context".to_owned(),
        format!("{valid}\r\nConnection: keep-alive, x-drill-context"),
        format!("Keep-Alive: x\r\nProxy-Connection: X-Drill-Context\r\n{forged}"),
        format!("X_Drill_Context: {}", gate::forged()),
        "x-drill-route: mzxw6ytboi4dinzsgy3tqobzga\r\nx-drill-verdict: routed".to_owned(),
        "Host: orders.example.com.mzxw6ytboi4dinzsgy3tqobzga.drill.internal".to_owned(),
        "TE: trailers, gzip\r\nConnection: te".to_owned(),
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: upgrade, http2-settings"
            .to_owned(),
    ];
    for lie in &lies {
        let request =
            format!("GET / HTTP/1.1\r\nHost: proxy\r\n{lie}\r\nConnection: close\r\n\r\n");
        assert_eq!(proxy.raw(&request).await, ROUTED, "{lie}");
    }
    let lie = proxy
        .get("/")
        .by(Protocol::Http2)
        .header(HEADER_NAME, gate::forged());
    assert_eq!(
        proxy
            .outcome(&lie.header("x_drill_context", "forged"))
            .await,
        ROUTED
    );

    assert_eq!(harness.production.total(), 0);
    for seen in harness.sandbox.requests() {
        let ours: Vec<_> = seen
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-drill") || name.starts_with("x_drill"))
            .collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!(ours[0].0, HEADER_NAME);
    }
    let sent = u64::try_from(lies.len()).unwrap() + 1;
    assert_eq!(harness.sandbox.total(), sent);
    proxy.end(routed(sent)).await;
}

#[tokio::test]
async fn each_request_has_a_token_of_its_own_on_one_connection_and_on_many() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    const EACH: usize = 40;
    for protocol in PROTOCOLS {
        let mut kept = Connection::open(proxy.address, protocol).await.unwrap();
        for _ in 0..EACH {
            let answer = kept.send(&proxy.get("/kept").by(protocol)).await.unwrap();
            assert_eq!(outcome(&answer), ROUTED);
        }
        let request = proxy.get("/many").by(protocol);
        let many = join_all((0..EACH).map(|_| proxy.outcome(&request))).await;
        assert!(many.iter().all(|outcome| outcome == ROUTED), "{many:?}");
    }
    let seen = harness.sandbox.requests();
    let tokens: BTreeSet<_> = seen.iter().map(|seen| seen.header(HEADER_NAME)).collect();
    assert_eq!((seen.len(), tokens.len()), (4 * EACH, 4 * EACH));
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(4 * u64::try_from(EACH).unwrap())).await;
}
