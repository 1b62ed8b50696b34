//! What answers: everything that the edge says comes through, and nothing that anyone else says.

use std::time::Duration;

use drillgate::keyfile::Jwk;
use drillgate::lab::{Behaviour, Edge, Filter, HeaderLimits, Request, Upstream};
use drillgate::proxy::{Counts, Settings};
use drillgate_tests::gate::{self, DRILL, ENVIRONMENT, HOST, HS256, now};
use drillgate_tests::{Harness, arrived, check_health};
use http::{Method, StatusCode};
use serde_json::Value;
use tonic::Code;

use crate::stand::{PROTOCOLS, Running, gate_and_proxy, routed, signer, signer_with};

fn refused(code: &str, count: u64) -> Counts {
    Counts {
        sent: count,
        refused: [(code.to_owned(), count)].into(),
        ..Counts::default()
    }
}

fn unmarked(count: u64) -> Counts {
    Counts {
        sent: count,
        unmarked: count,
        ..Counts::default()
    }
}

/// The problem document that the proxy answers `request` with, whose status and code must be so.
async fn problem(proxy: &Running, request: &Request, status: u16, code: &str) -> Value {
    let answer = proxy.send(request).await;
    assert_eq!(answer.status, status);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("x-drill-verdict"), Some(code));
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code);
    problem
}

#[tokio::test]
async fn every_answer_of_the_sandbox_is_marked_and_comes_through() {
    let (harness, proxy) = gate_and_proxy(|edge| edge.drills[0].retries.attempts = 0).await;
    let mut sent = 0;
    for status in [
        200, 204, 206, 304, 307, 401, 403, 404, 429, 500, 502, 503, 504,
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        harness.sandbox.behave(Behaviour::Status(status));
        for protocol in PROTOCOLS {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE] {
                let request = proxy.get("/").by(protocol).with(method, "");
                let answer = proxy.send(&request).await;
                assert_eq!(answer.status, status);
                assert_eq!(answer.header("x-drill-verdict"), Some("routed"));
                sent += 1;
            }
        }
    }
    assert_eq!(harness.sandbox.total(), sent);
    assert_eq!(harness.production.total(), 0);
    proxy.end(routed(sent)).await;
}

/// What changes the settings of a proxy so that the edge refuses its requests.
type Prepare = Box<dyn FnOnce(&mut Settings)>;

#[tokio::test]
async fn every_refusal_is_marked_and_comes_through_as_it_is() {
    let harness = gate::gate(|_| {}).await;
    let other = "11111111-2222-4333-8444-555555555555";
    let wrong = Jwk::hs256(HS256.parse().unwrap(), &[8; 32]).unwrap();
    let unknown = Jwk::hs256("nobody".parse().unwrap(), &[7; 32]).unwrap();
    let prepare: [(&str, Prepare); 7] = [
        (
            "unknown-drill",
            Box::new(|it| it.signer = signer_with(gate::jwk(), other, ENVIRONMENT, 300)),
        ),
        (
            "wrong-environment",
            Box::new(|it| it.signer = signer_with(gate::jwk(), DRILL, "shop-dr", 300)),
        ),
        (
            "bad-signature",
            Box::new(move |it| it.signer = signer_with(wrong, DRILL, ENVIRONMENT, 300)),
        ),
        (
            "unknown-key",
            Box::new(move |it| it.signer = signer_with(unknown, DRILL, ENVIRONMENT, 300)),
        ),
        ("expired", Box::new(|it| it.clock = || now() - 301)),
        ("not-yet-valid", Box::new(|it| it.clock = || now() + 600)),
        (
            "bad-authority",
            Box::new(|it| it.hosts = vec!["[::1]".to_owned()]),
        ),
    ];
    for (code, prepare) in prepare {
        let proxy = Running::start(harness.address(), prepare).await;
        for protocol in PROTOCOLS {
            problem(&proxy, &proxy.get("/").by(protocol), 403, code).await;
        }
        let status = check_health(proxy.address, HOST, None, "sandbox").await;
        let status = status.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(status.metadata().get("x-drill-verdict").unwrap(), code);
        proxy.end(refused(code, 3)).await;
    }
    assert_eq!(harness.production.total(), 0);
    assert_eq!(harness.sandbox.total(), 0);
}

#[tokio::test]
async fn a_drill_that_is_over_is_refused_as_it_is() {
    let (mut harness, proxy) = gate_and_proxy(|_| {}).await;
    assert_eq!(proxy.outcome(&proxy.get("/")).await, "200 routed sandbox");
    let over = gate::active_until(now() - 1);
    harness.configure(gate::configuration(2, over)).await;
    problem(&proxy, &proxy.get("/"), 403, "drill-over").await;
    assert_eq!(harness.production.total(), 0);
    let counts = Counts {
        sent: 2,
        routed: 1,
        ..refused("drill-over", 1)
    };
    proxy.end(counts).await;
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_reached_is_told_by_the_edge() {
    let (harness, proxy) = gate_and_proxy(|edge| {
        edge.drills[0].timeout = Duration::from_millis(300);
        edge.drills[0].only_under = Some("/covered".to_owned());
    })
    .await;
    let mut sent = 0;
    let mut assert_unreachable = async |path: &str| {
        for protocol in PROTOCOLS {
            let outcome = proxy.outcome(&proxy.get(path).by(protocol)).await;
            assert_eq!(outcome, "503 sandbox-unreachable", "{path}");
            sent += 1;
        }
    };
    assert_unreachable("/elsewhere").await;
    harness.sandbox.behave(Behaviour::Hang);
    assert_unreachable("/covered").await;
    harness.sandbox.behave(Behaviour::Reset);
    assert_unreachable("/covered").await;
    harness.sandbox.down().await.unwrap();
    assert_unreachable("/covered").await;
    assert_eq!(harness.production.total(), 0);
    let counts = Counts {
        sent,
        sandbox_unreachable: sent,
        ..Counts::default()
    };
    proxy.end(counts).await;
}

#[tokio::test]
async fn productions_own_answer_is_withheld() {
    let production = Upstream::start("production").unwrap();
    let proxy = Running::start(production.address(), |_| {}).await;
    for protocol in PROTOCOLS {
        let problem = problem(&proxy, &proxy.get("/secret").by(protocol), 502, "unmarked").await;
        let detail = problem["detail"].as_str().unwrap();
        let seen = format!("http://{} answered 200 OK without", production.address());
        assert!(detail.starts_with(&seen), "{detail}");
        assert!(!problem.to_string().contains("production\""), "{problem}");
    }
    let status = check_health(proxy.address, HOST, None, "production").await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("withheld"), "{status:?}");
    // It did see them: what a client asked of production cannot be taken back.
    assert_eq!(production.total(), 3);
    proxy.end(unmarked(3)).await;
}

#[tokio::test]
async fn a_gateway_without_the_filter_is_no_edge() {
    for (filter, guard, status) in [
        (Filter::Absent, false, "200 OK"),
        (Filter::AllowAll, true, "403 Forbidden"),
    ] {
        let harness = Harness::start(|edge: &mut Edge| {
            edge.filter = filter;
            edge.guard = guard;
        })
        .await;
        let proxy = Running::start(harness.address(), |_| {}).await;
        for protocol in PROTOCOLS {
            let problem = problem(&proxy, &proxy.get("/").by(protocol), 502, "unmarked").await;
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(&format!("answered {status} without")),
                "{detail}"
            );
        }
        proxy.end(unmarked(2)).await;
    }
}

/// What Envoy refuses before any filter runs is the edge's answer, but nothing shows that.
#[tokio::test]
async fn what_envoy_refuses_before_its_filters_is_not_marked() {
    let (harness, proxy) = gate_and_proxy(|edge| {
        edge.headers = Some(HeaderLimits { kib: 8, count: 100 });
    })
    .await;
    let large = proxy.get("/").header("x-large", "a".repeat(9000));
    let problem = problem(&proxy, &large, 502, "unmarked").await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("answered 431 "), "{detail}");
    // Envoy takes upgrades to `websocket` only, here and in Istio.
    let other =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: spdy/3.1\r\n\r\n";
    assert_eq!(proxy.raw(other).await, "502 unmarked");
    assert_eq!(harness.production.total() + harness.sandbox.total(), 0);
    proxy.end(unmarked(2)).await;
}

fn failed(count: u64) -> Counts {
    Counts {
        sent: count,
        failed: count,
        ..Counts::default()
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_told_apart() {
    let upstream = Upstream::start("production").unwrap();
    let proxy = Running::start(upstream.address(), |_| {}).await;
    upstream.behave(Behaviour::Reset);
    for protocol in PROTOCOLS {
        problem(
            &proxy,
            &proxy.get("/").by(protocol),
            502,
            "edge-unreachable",
        )
        .await;
    }
    assert_eq!(upstream.total(), 2, "it was tried again");
    proxy.end(failed(2)).await;
}

#[tokio::test]
async fn an_upstream_that_does_not_listen_is_told_apart() {
    let upstream = Upstream::start("production").unwrap();
    upstream.down().await.unwrap();
    let proxy = Running::start(upstream.address(), |_| {}).await;
    for protocol in PROTOCOLS {
        let request = proxy.get("/").by(protocol);
        let problem = problem(&proxy, &request, 502, "edge-unreachable").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("Connection refused"), "{detail}");
    }
    proxy.end(failed(2)).await;
}

#[tokio::test]
async fn what_cannot_be_signed_is_not_sent() {
    let harness = gate::gate(|_| {}).await;
    let proxy = Running::start(harness.address(), |settings| {
        settings.signer = signer(300);
        settings.clock = || -1;
    })
    .await;
    for protocol in PROTOCOLS {
        let request = proxy.get("/").by(protocol);
        let problem = problem(&proxy, &request, 502, "unsigned").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the clock shows -1 seconds"), "{detail}");
    }
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let answer = drillgate_tests::exchange(proxy.address, connect, Duration::from_secs(1)).await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert_eq!(harness.production.total() + harness.sandbox.total(), 0);
    let counts = Counts {
        unsent: 3,
        ..Counts::default()
    };
    proxy.end(counts).await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_as_such() {
    let (harness, proxy) = gate_and_proxy(|_| {}).await;
    harness.sandbox.behave(Behaviour::Hang);
    for (requests, protocol) in (1..).zip(PROTOCOLS) {
        let request = proxy.get("/").by(protocol);
        tokio::select! {
            answer = request.send(proxy.address) => panic!("{answer:?}"),
            () = arrived(&harness.sandbox, requests) => {}
        }
    }
    let counts = Counts {
        sent: 2,
        unanswered: 2,
        ..Counts::default()
    };
    proxy.counted(&counts).await;
    proxy.end(counts).await;
}
