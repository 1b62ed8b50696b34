//! A gateway of HTTPS, with two servers that are told apart by the name in the handshake.

use std::net::SocketAddr;

use axum::Router;
use drillgate::lab::{Protocol, Request};
use drillgate_tests::istio::{Certificates, Mesh, Stage, TlsBridge, drill_request};
use drillgate_tests::traffic::outcome;
use serde_json::{Value, json};

use crate::ledger::{ROUTED, UNREACHABLE};
use crate::{Ending, eventually, started, with_controller};

const HOSTS: [&str; 2] = ["orders.example.com", "other.example.com"];

/// A server of the gateway for `host`, and for what else it takes.
fn server(port: u16, host: &str, further: &[&str]) -> Value {
    let [certificate, key] = Certificates::shared().of(host);
    let hosts: Vec<&str> = std::iter::once(host)
        .chain(further.iter().copied())
        .collect();
    json!({
        "port": {"number": port, "name": format!("https-{host}").replace('.', "-"), "protocol": "HTTPS"},
        "hosts": hosts, "bind": "127.0.0.1",
        "tls": {"mode": "SIMPLE", "serverCertificate": certificate, "privateKey": key},
    })
}

/// A stage whose gateway has two servers of HTTPS in place of the one of HTTP. The first takes the
/// drill hosts, too, as the gate's `HostsAccepted` asks for.
async fn secured() -> Stage {
    let stage = started().await;
    let port = stage.address().port();
    let mut gateway = stage.istio_gateway(json!(["*"]));
    gateway["spec"]["servers"] = json!([
        server(port, HOSTS[0], &["*.drill.internal"]),
        server(port, HOSTS[1], &[]),
    ]);
    stage.scene.apply(gateway).await;
    let all = json!([{"route": [stage.to_production()]}]);
    let everything = stage.production_routes("everything", json!(["*"]), all);
    stage.scene.apply(everything).await;
    eventually("production is served by HTTPS", async || {
        let way = TlsBridge::start(stage.address(), HOSTS[1], Protocol::Http1).await;
        let answer = Request::get(HOSTS[1], "/").send(way.address).await;
        answer.is_ok_and(|answer| outcome(&answer) == "200 production")
    })
    .await;
    stage
}

/// The gate; its probe goes by TLS.
fn gate(stage: &Stage) -> Value {
    let mut gate = stage.gate();
    gate["spec"]["probe"]["tls"] = json!(true);
    gate
}

async fn sent(request: &Request, way: SocketAddr) -> String {
    outcome(&request.send(way).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_by_https_is_as_one_by_http_and_no_name_in_the_handshake_leads_past_it() {
    let stage = secured().await;
    // Ready with a probe: the controller has made a session of its own.
    stage.install(gate(&stage)).await;
    let id = stage.drill().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let way = TlsBridge::start(stage.address(), HOSTS[0], protocol).await;
        let drilled = drill_request(&id).by(protocol);
        eventually("the drill is routed", async || {
            sent(&drilled, way.address).await == ROUTED
        })
        .await;
        let plain = Request::get(HOSTS[0], "/").by(protocol);
        assert_eq!(sent(&plain, way.address).await, "200 production");
        let forged = plain.clone().header("x-drill-context", "forged");
        assert_eq!(sent(&forged, way.address).await, "403 malformed");

        // The name of one server in the handshake, the host of the other in the request.
        let astray = TlsBridge::start(stage.address(), HOSTS[1], protocol).await;
        let plain = Request::get(HOSTS[1], "/").by(protocol);
        assert_eq!(sent(&plain, astray.address).await, "200 production");
        // That server has no route for drill hosts.
        let lost = sent(&drilled, astray.address).await;
        assert_eq!(lost, "503 sandbox-unreachable", "{protocol:?}");
        assert_eq!(sent(&forged, astray.address).await, "403 malformed");
        let mut other = drilled.clone();
        other.authority = HOSTS[1].to_owned();
        for way in [&way, &astray] {
            assert_eq!(sent(&other, way.address).await, "403 uncovered-host");
        }
    }
    assert_eq!(stage.production.drill_requests(), 0);

    let way = TlsBridge::start(stage.address(), HOSTS[0], Protocol::Http1).await;
    let ending = Ending::of_sent(&stage, async || {
        sent(&drill_request(&id), way.address).await
    });
    ending.await.assert_only(&[
        ROUTED,
        "503 sandbox-unreachable",
        "403 drill-over",
        "403 unknown-drill",
    ]);
    assert_eq!(stage.production.drill_requests(), 0);
    let plain = Request::get(HOSTS[0], "/");
    assert_eq!(sent(&plain, way.address).await, "200 production");
}

/// Envoy leads to HTTPS by the host as the filter has changed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_https_is_a_503_to_a_drill_and_does_not_tell_its_host() {
    let stage = started().await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;
    let mut gateway = stage.istio_gateway(json!(["*"]));
    gateway["spec"]["servers"][0]["tls"] = json!({"httpsRedirect": true});
    stage.scene.apply(gateway).await;

    stage.until(&drill_request(&id), UNREACHABLE).await;
    let answer = stage.send(&drill_request(&id)).await;
    assert_eq!(answer.header("location"), None);
    let own = stage.drills_host().await;
    let said = format!("{answer:?}");
    assert!(!said.contains(&own), "{own} in {said}");
    let plain = stage.send(&Request::get(HOSTS[0], "/")).await;
    assert_eq!(plain.status, 301);
    assert_eq!(
        plain.header("location"),
        Some("https://orders.example.com/")
    );
    assert_eq!(stage.production.drill_requests(), 0);
}

/// istiod hands the certificate to the gateway, which asks for it as the service account that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_from_a_secret_serves_a_drill_and_is_exchanged_without_touching_a_listener() {
    let mesh = Mesh::shared().await;
    with_controller(mesh).await;
    let routers = [Router::new(), Router::new()];
    let stage = Stage::set_by_credential(mesh, routers).await;
    stage.install(stage.gate()).await;
    let id = stage.drill().await;
    stage.until(&drill_request(&id), ROUTED).await;
    let forged = Request::get(HOSTS[0], "/").header("x-drill-context", "forged");
    assert_eq!(stage.outcome(&forged).await, "403 malformed");

    let listeners = stage.gateway.listeners().await;
    let next = Certificates::make();
    stage.scene.apply(stage.certificate(&next)).await;
    let (listener, protocol) = (stage.listener(), Protocol::Http2);
    let way = TlsBridge::start_trusting(listener, HOSTS[0], protocol, &next).await;
    let drilled = drill_request(&id).by(protocol);
    eventually("it has the next certificate", async || {
        let answer = drilled.send(way.address).await;
        answer.is_ok_and(|answer| outcome(&answer) == ROUTED)
    })
    .await;
    // Who trusts the one of before makes no session any more.
    assert!(drill_request(&id).send(stage.address()).await.is_err());
    assert_eq!(stage.gateway.listeners().await, listeners);
    assert_eq!(stage.production.drill_requests(), 0);
}
