//! Time: values that expire, and a proxy that is told to stop.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use drill_context::HEADER_NAME;
use drillgate::lab::{Behaviour, Connection, Protocol, Request};
use drillgate::proxy::ContextFile;
use drillgate_tests::gate::{self, HOST, now};
use drillgate_tests::traffic::outcome;
use drillgate_tests::{Harness, envoy};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::stand::{LIMIT, PROTOCOLS, Running, gate_and_proxy, routed, signer};

const ROUTED: &str = "200 routed sandbox";
const EXPIRED: &str = "403 expired";

/// What becomes of a request with this context at the gate itself.
async fn sent(harness: &Harness, context: &str) -> String {
    let request = Request::get(HOST, "/").header(HEADER_NAME, context);
    outcome(&harness.send(&request).await)
}

#[tokio::test]
async fn requests_go_on_past_the_life_of_a_value() {
    let harness = gate::gate(|_| {}).await;
    let proxy = Running::start(harness.address(), |settings| settings.signer = signer(8)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("context");
    let file = ContextFile::create(&path, signer(8), now).unwrap();
    let (stop, stopped) = oneshot::channel();
    let keeping = tokio::spawn(file.keep(async { stopped.await.unwrap_or_default() }));
    let first_in_file = fs::read_to_string(&path).unwrap();

    let mut kept = Connection::open(proxy.address, Protocol::Http1)
        .await
        .unwrap();
    let begin = now();
    let mut count = 0;
    while now() < begin + 17 {
        let answer = kept.send(&proxy.get("/")).await.unwrap();
        assert_eq!(outcome(&answer), ROUTED);
        let in_file = fs::read_to_string(&path).unwrap();
        assert_eq!(sent(&harness, &in_file).await, ROUTED);
        count += 1;
        sleep(Duration::from_millis(100)).await;
    }
    let seen = harness.sandbox.requests();
    let first = seen[0].header(HEADER_NAME)[0];
    assert_eq!(sent(&harness, first).await, EXPIRED);
    assert_eq!(sent(&harness, &first_in_file).await, EXPIRED);
    assert_eq!(harness.production.total(), 0);

    stop.send(()).unwrap();
    timeout(LIMIT, keeping).await.unwrap().unwrap().unwrap();
    assert!(!path.exists());
    proxy.end(routed(count)).await;
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_it_ends() {
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at, from) = (Arc::clone(&reached), Arc::clone(&release));
    let slow = get(move || async move {
        at.notify_one();
        from.notified().await;
        "late"
    });
    let router = Router::new().route("/slow", slow);
    let harness = Harness::start_with(&envoy(), router, gate::drilled).await;
    for protocol in PROTOCOLS {
        let proxy = Running::start(harness.address(), |_| {}).await;
        let (address, request) = (proxy.address, proxy.get("/slow").by(protocol));
        let under_way = tokio::spawn(async move { request.send(address).await.unwrap() });
        timeout(LIMIT, reached.notified()).await.unwrap();
        let tally = Arc::clone(&proxy.tally);
        let ending = proxy.stop();
        let refused = async { while TcpStream::connect(address).await.is_ok() {} };
        timeout(LIMIT, refused).await.unwrap();
        release.notify_one();
        let answer = under_way.await.unwrap();
        assert_eq!(outcome(&answer), "200 routed");
        assert_eq!(answer.body, "late");
        timeout(LIMIT, ending).await.unwrap().unwrap();
        assert_eq!(tally.counts(), routed(1));
    }
}

#[tokio::test]
async fn what_never_ends_is_broken_off() {
    let harness = gate::gate(|_| {}).await;
    harness.sandbox.behave(Behaviour::Hang);
    for protocol in PROTOCOLS {
        let proxy = Running::start(harness.address(), |settings| {
            settings.grace = Duration::from_millis(100);
        })
        .await;
        let (address, request) = (proxy.address, proxy.get("/").by(protocol));
        let under_way = tokio::spawn(async move { request.send(address).await });
        while proxy.tally.counts().sent == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        timeout(LIMIT, proxy.stop()).await.unwrap().unwrap();
        under_way.await.unwrap().unwrap_err();
    }
}

#[tokio::test]
async fn a_connection_that_is_idle_does_not_keep_it() {
    let (_harness, proxy) = gate_and_proxy(|_| {}).await;
    let silent = TcpStream::connect(proxy.address).await.unwrap();
    let mut kept = Vec::new();
    for protocol in PROTOCOLS {
        let mut connection = Connection::open(proxy.address, protocol).await.unwrap();
        let answer = connection.send(&proxy.get("/").by(protocol)).await.unwrap();
        assert_eq!(outcome(&answer), ROUTED);
        kept.push(connection);
    }
    proxy.end(routed(2)).await;
    drop((silent, kept));
}
