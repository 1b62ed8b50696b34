//! The native guard as Istio makes it of the policy, with no filter in front of it.

use std::net::SocketAddr;

use drillgate::lab::{CONTEXT_HEADER, Protocol, Request};
use drillgate_tests::control_plane::free_ports;
use drillgate_tests::istio::Stage;
use serde_json::json;

use crate::{eventually, started};

/// A stage whose gateway has the guard and no filter, with a drill's route in it, and a production
/// that serves any host; and the route's host.
async fn unfiltered() -> (Stage, String) {
    let stage = started().await;
    let all = json!([{"route": [stage.to_production()]}]);
    let everything = stage.production_routes("everything", json!(["*"]), all);
    stage.scene.apply(everything).await;
    let mut gate = stage.gate();
    gate["spec"]["module"]["url"] = json!("http://127.0.0.1:1/filter.wasm");
    gate["spec"]["ownedHosts"] = json!(["owned.example.com"]);
    stage.scene.apply(gate).await;
    stage
        .gate_told("EdgeProgrammed", "False", "the filter is not loaded")
        .await;
    stage.scene.apply(stage.scene.drill("orders")).await;
    let routes = ("networking.istio.io", "v1", "VirtualService");
    let find = async || {
        let all = stage.scene.of_kind(routes.0, routes.1, routes.2).await;
        let mut hosts = all
            .iter()
            .filter_map(|route| route.data["spec"]["hosts"][0].as_str().map(str::to_owned));
        hosts.find(|host| host.starts_with("orders.example.com."))
    };
    eventually("the drill has a route", async || find().await.is_some()).await;
    let host = find().await.unwrap();
    // Whoever knew the route key and wrote a header of any value.
    let known = Request::get(&host, "/").header(CONTEXT_HEADER, "any");
    stage.until(&known, "200 sandbox").await;
    // The listener with the policy waits until the agent has given the module up.
    let outside = Request::get("orders.example.com", "/").header(CONTEXT_HEADER, "any");
    stage.until(&outside, "403").await;
    stage.protected();
    (stage, host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_filter_no_spelling_of_a_host_leads_a_drill_request_to_production() {
    let (stage, _host) = unfiltered().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (authority, expected) in [
            ("orders.example.com", "403"),
            ("orders.example.com:80", "403"),
            ("ORDERS.example.com.", "403"),
            ("anything.example.org", "403"),
            ("drill.internal", "403"),
            ("drill.internal.", "403"),
            ("drill.internal:80", "403"),
            (".drill.internal", "403"),
            ("x.drill.internal.", "403"),
            ("x.drill.internal.:80", "403"),
            ("x.drill.internal:80", "403"),
            ("xdrill.internal", "403"),
            // Owned by no drill now, and so production's.
            ("owned.example.com", "403"),
            ("owned.example.com:80", "403"),
            ("x.drill.internal.example.com", "403"),
            ("x.drill.internal", "503"),
            ("X.Drill.INTERNAL", "503"),
        ] {
            let request = Request::get(authority, "/")
                .header(CONTEXT_HEADER, "any")
                .by(protocol);
            assert_eq!(
                stage.outcome(&request).await,
                expected,
                "{protocol:?} {authority}"
            );
        }
    }
    for request in [
        Request::get("owned.example.com:a:b", "/").header(CONTEXT_HEADER, "any"),
        Request::get("orders.example.com", "/").header(CONTEXT_HEADER, ""),
    ] {
        assert_eq!(stage.outcome(&request).await, "403", "{request:?}");
    }
    stage.assert_production_untouched().await;
}

/// What Istio's language cannot tell apart. Behind it stands the policy of the protected namespace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_filter_a_host_that_ends_as_a_drill_host_but_is_none_passes_the_policy() {
    let (stage, _host) = unfiltered().await;
    let odd = Request::get("a:b.drill.internal", "/").header(CONTEXT_HEADER, "any");
    assert_eq!(stage.outcome(&odd).await, "200 production");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_filter_no_spelling_of_its_host_opens_the_sandbox_without_the_header() {
    let (stage, host) = unfiltered().await;
    let seen = stage.sandbox.total();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (authority, expected) in [
            (host.clone(), "403"),
            (host.to_uppercase(), "403"),
            (format!("{host}."), "403"),
            // The policy does not know these; the drill's route does, and what is none is
            // production's, as ever.
            (format!("{host}:80"), "503"),
            (format!("{}:8080", host.to_uppercase()), "503"),
            (format!("{host}.:80"), "200 production"),
        ] {
            let request = Request::get(&authority, "/").by(protocol);
            assert_eq!(
                stage.outcome(&request).await,
                expected,
                "{protocol:?} {authority}"
            );
        }
    }
    assert_eq!(stage.sandbox.total(), seen);
}

/// Of a denying rule that speaks of headers Istio keeps only the ports for TCP: without any it
/// denies every connection. That is why a gate lists its ports, and a protected namespace its pods'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_names_ports_lets_tcp_pass_and_one_that_names_none_cuts_it() {
    let stage = started().await;
    let [port] = free_ports();
    let tcp = SocketAddr::from(([127, 0, 0, 1], port));
    let mut gateway = stage.istio_gateway(json!(["*"]));
    let servers = gateway["spec"]["servers"].as_array_mut().unwrap();
    servers.push(json!({
        "port": {"number": tcp.port(), "name": "tcp", "protocol": "TCP"}, "hosts": ["*"],
        "bind": "127.0.0.1",
    }));
    stage.scene.apply(gateway).await;
    let mut route = stage.production_routes("tcp", json!(["*"]), json!([]));
    route["spec"]["tcp"] = json!([{
        "match": [{"port": tcp.port()}], "route": [stage.to_production()],
    }]);
    stage.scene.apply(route).await;
    let passes = async || {
        let request = Request::get("anything", "/");
        request
            .send(tcp)
            .await
            .is_ok_and(|answer| answer.status == 200)
    };
    eventually("TCP passes", passes).await;

    let refused = stage.gate();
    stage.scene.apply(refused).await;
    stage
        .gate_told("Accepted", "False", "for TCP on port")
        .await;
    let mut gate = stage.gate();
    gate["spec"]["ports"] = json!([stage.address().port()]);
    stage.install(gate).await;
    assert!(passes().await, "the gate's policy cuts TCP");

    let careless = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "careless", "namespace": stage.scene.gateway},
        "spec": {
            "action": "DENY",
            "rules": [{"when": [{"key": "request.headers[x-drill-context]", "values": ["*"]}]}],
        },
    });
    stage.scene.apply(careless).await;
    eventually("TCP is cut", async || !passes().await).await;
    let plain = Request::get("orders.example.com", "/");
    assert_eq!(stage.outcome(&plain).await, "200 production");
}
