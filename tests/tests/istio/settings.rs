//! What the objects of gates and drills become in Istio's hands.

use drillgate::lab::Request;
use drillgate_tests::control_plane::free_ports;
use drillgate_tests::istio::{Mesh, Stage, drill_request};
use serde_json::{Value, json};

use crate::{eventually, gated, started};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_limits_the_sandbox_by_the_drills_rule_and_not_by_the_sandboxs_own() {
    let stage = gated().await;
    let rule = |namespace: &str, connections: u32| {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "orders", "namespace": namespace},
            "spec": {
                "host": stage.sandbox_host(),
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": connections}}},
            },
        })
    };
    stage.scene.apply(rule(&stage.scene.sandbox, 99)).await;
    let limits = async || {
        let cluster = stage.gateway.cluster(&stage.sandbox_host(), 80).await;
        cluster.unwrap_or_default()["circuit_breakers"]["thresholds"][0].clone()
    };
    eventually("the sandbox's own rule counts", async || {
        limits().await["max_connections"] == 99
    })
    .await;

    let mut drill = stage.scene.drill("orders");
    drill["spec"]["circuitBreaker"] =
        json!({"maxConnections": 7, "maxPendingRequests": 8, "maxRequests": 9});
    let id = stage.drill_as(drill).await;
    stage.until(&drill_request(&id), "200 routed sandbox").await;
    eventually("the drill's rule counts", async || {
        limits().await["max_connections"] == 7
    })
    .await;
    let held = limits().await;
    assert_eq!(
        (&held["max_pending_requests"], &held["max_requests"]),
        (&json!(8), &json!(9))
    );
    let cluster = stage
        .gateway
        .cluster(&stage.sandbox_host(), 80)
        .await
        .unwrap();
    assert_eq!(cluster["outlier_detection"]["consecutive_5xx"], 10);

    stage.scene.delete(&stage.scene.drill("orders")).await;
    eventually("the sandbox's own rule counts again", async || {
        limits().await["max_connections"] == 99
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_requests_have_an_access_log_of_their_own_and_the_gateways_own_goes_on() {
    let stage = started().await;
    let mut gate = stage.gate();
    gate["spec"]["audit"] =
        json!({"accessLogProvider": "drills", "keepAccessLogProviders": ["everything"]});
    stage.install(gate.clone()).await;
    let id = stage.drill().await;
    let line = format!("orders.example.com {id}");
    let logged = async |file: &str, wanted: &str| {
        let lines = stage.gateway.file(file);
        lines.lines().any(|line| line == wanted)
    };
    eventually("both logs have the drill's request", async || {
        stage.outcome(&drill_request(&id)).await;
        logged("drills.log", &line).await && logged("everything.log", &line).await
    })
    .await;
    let plain = Request::get("seen.example.com", "/");
    eventually("one log has production's", async || {
        stage.outcome(&plain).await;
        logged("everything.log", "seen.example.com -").await
    })
    .await;
    assert!(!logged("drills.log", "seen.example.com -").await);

    // Named for a gateway, a provider takes the place of the mesh's own.
    gate["spec"]["audit"] = json!({"accessLogProvider": "drills"});
    stage.install(gate).await;
    eventually("the mesh's own log has ended", async || {
        let before = stage.gateway.file("everything.log");
        let mut requests = 0;
        while requests < 5 {
            stage.outcome(&plain).await;
            requests += 1;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        stage.gateway.file("everything.log") == before
    })
    .await;
}

/// Whom the filter chains of the gateway's listener on `port` are for, as istiod makes them: the
/// names that clients ask for, and the Gateway's server.
async fn chains(stage: &Stage, port: u16) -> Vec<(Value, String)> {
    let page = format!("config_dump?proxyID={}", stage.gateway.name());
    let dump = Mesh::shared().await.istiod.debug(&page).await;
    let parts = dump["configs"].as_array().unwrap().iter();
    let listeners = parts
        .filter_map(|part| part["dynamicListeners"].as_array())
        .flatten()
        .map(|listener| &listener["activeState"]["listener"]);
    let on_port =
        listeners.filter(|listener| listener["address"]["socketAddress"]["portValue"] == port);
    let chains = on_port
        .filter_map(|listener| listener["filterChains"].as_array())
        .flatten();
    chains
        .map(|chain| {
            let filters = chain["filters"].as_array().unwrap().iter();
            let mut routes = filters
                .filter_map(|filter| filter["typedConfig"]["rds"]["routeConfigName"].as_str());
            // https.<port>.<name of the server's port>.<gateway>.<namespace>
            let server = routes.next().unwrap().split('.').nth(2).unwrap();
            (
                chain["filterChainMatch"]["serverNames"].clone(),
                server.to_owned(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_https_servers_with_one_host_on_one_port_istio_drops_the_later_one() {
    let stage = started().await;
    let [port] = free_ports::<1>();
    let server = |name: &str, hosts: &[&str]| {
        json!({
            "port": {"number": port, "name": name, "protocol": "HTTPS"}, "hosts": hosts,
            "bind": "127.0.0.1",
            "tls": {"mode": "SIMPLE", "serverCertificate": "/a.pem", "privateKey": "/a-key.pem"},
        })
    };
    let serve = async |two: &[&str]| {
        let mut gateway = stage.istio_gateway(json!(["*"]));
        let servers = gateway["spec"]["servers"].as_array_mut().unwrap();
        servers.extend([
            server("one", &["*.drill.internal", "a.example.com"]),
            server("two", two),
        ]);
        stage.scene.apply(gateway).await;
    };
    let one = (
        json!(["*.drill.internal", "a.example.com"]),
        "one".to_owned(),
    );
    serve(&["b.example.com"]).await;
    let both = [one.clone(), (json!(["b.example.com"]), "two".to_owned())];
    eventually("each server has a chain", async || {
        chains(&stage, port).await == both
    })
    .await;
    // The whole of it, with the host that no one else has.
    serve(&["b.example.com", "*.drill.internal"]).await;
    eventually("the first alone has one", async || {
        chains(&stage, port).await == [one.clone()]
    })
    .await;
}
