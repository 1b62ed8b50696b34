//! Gates and drills at Gateways of the Gateway API: what stands against them, in which words.

use drillgate::api::{Drill, DrillGate};
use drillgate::gateway_api::Gateway;
use drillgate::resources::gateway_api::GatewayApi;
use drillgate::resources::refusal::{
    DrillFacts, GateFacts, Reason, Refusal, check_drill, check_gate,
};
use drillgate::resources::samples::{
    DRILL, DRILL_AUTHORITY, DRILL_OWNED, GATE_TARGET_REFS, namespaces,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{drill, gate};

/// The Gateway API with one Gateway, and the labels that every namespace has.
fn api(listeners: Value, namespace: &str) -> GatewayApi {
    let gateway: Gateway = serde_json::from_value(json!({
        "metadata": {"name": "public", "namespace": "istio-system"},
        "spec": {"gatewayClassName": "istio", "listeners": listeners},
    }))
    .unwrap();
    let label = (
        "kubernetes.io/metadata.name".to_owned(),
        namespace.to_owned(),
    );
    GatewayApi {
        served: true,
        gateways: vec![gateway],
        routes: Vec::new(),
        grpc_routes: Vec::new(),
        labels: [label].into(),
    }
}

fn http(hostname: &str, allowed: Value) -> Value {
    json!({
        "name": "http", "port": 80, "protocol": "HTTP", "hostname": hostname,
        "allowedRoutes": {"namespaces": allowed},
    })
}

fn the_gate() -> DrillGate {
    gate(GATE_TARGET_REFS, &[])
}

fn of_gate(api: &GatewayApi) -> Vec<Refusal> {
    let facts = GateFacts {
        gateways: &[],
        gateway_api: api,
        ambient: &Default::default(),
        root_namespace: "mesh-root",
    };
    check_gate(&the_gate(), &facts)
}

fn of_drill(drill: &Drill, api: &GatewayApi) -> Vec<Refusal> {
    let facts = DrillFacts {
        id: DRILL.parse().unwrap(),
        gate: Some(&the_gate()),
        living: &[],
        virtual_services: &[],
        gateways: &[],
        gateway_api: api,
        namespaces: &namespaces(),
    };
    check_drill(drill, &facts)
}

#[track_caller]
fn refused(refusals: &[Refusal], reason: Reason, text: &str) {
    let [refusal] = refusals else {
        panic!("{refusals:?}");
    };
    assert_eq!(refusal.reason, reason);
    assert_eq!(refusal.to_string(), text);
}

#[test]
fn a_listener_that_takes_the_domain_and_allows_the_namespaces_is_enough() {
    for hostname in ["", "*.drill.internal", "*.internal"] {
        let listeners = json!([http(hostname, json!({"from": "All"}))]);
        assert_eq!(of_gate(&api(listeners.clone(), "istio-system")), []);
        let drill = drill(DRILL_AUTHORITY, &[]);
        assert_eq!(of_drill(&drill, &api(listeners, "orders-dr")), []);
    }
}

#[test]
fn a_gateway_that_is_not_there_is_named() {
    let missing = GatewayApi {
        served: true,
        ..GatewayApi::default()
    };
    refused(
        &of_gate(&missing),
        Reason::GatewayNotFound,
        "spec.targetRefs[0]: Gateway istio-system/public of gateway.networking.k8s.io does not exist: make it, or name another one",
    );
    refused(
        &of_gate(&GatewayApi::default()),
        Reason::GatewayNotFound,
        "spec.targetRefs[0]: the cluster has no Gateways of gateway.networking.k8s.io: install the Gateway API's definitions and start the controller again, or use selector and gateways",
    );
}

#[test]
fn a_gateway_whose_listeners_leave_the_guard_out_is_refused_with_the_line_to_add() {
    let of = |listeners: Value| of_gate(&api(listeners, "istio-system"));
    refused(
        &of(json!([http("*.example.com", json!({"from": "All"}))])),
        Reason::HostsNotAccepted,
        "spec.targetRefs[0]: listener http (port 80) of Gateway istio-system/public takes no host under drill.internal: add a listener with hostname: \"*.drill.internal\" on the same port",
    );
    let mut https = http("*.example.com", json!({"from": "All"}));
    https["protocol"] = json!("HTTPS");
    refused(
        &of(json!([https])),
        Reason::HostsNotAccepted,
        "spec.targetRefs[0]: listener http (port 80) of Gateway istio-system/public takes no host under drill.internal: set its hostname to one that covers \"*.drill.internal\", or set the gate's domain to one under its hostname",
    );
    let mut grpc = http("", json!({"from": "All"}));
    grpc["allowedRoutes"]["kinds"] = json!([{"kind": "GRPCRoute"}]);
    refused(
        &of(json!([grpc])),
        Reason::HostsNotAccepted,
        "spec.targetRefs[0]: listener http (port 80) of Gateway istio-system/public allows no HTTPRoute: add {kind: HTTPRoute} to its allowedRoutes.kinds",
    );
    let tcp = json!({"name": "tcp", "port": 5432, "protocol": "TCP"});
    let told: Vec<Reason> = of(json!([tcp]))
        .iter()
        .map(|refusal| refusal.reason)
        .collect();
    assert_eq!(told, [Reason::HostsNotAccepted, Reason::PortsMissing]);
}

#[test]
fn a_drill_of_a_namespace_that_a_listener_does_not_allow_is_refused_with_the_line_to_add() {
    let of = |listeners: Value| {
        let drill = drill(DRILL_AUTHORITY, &[]);
        of_drill(&drill, &api(listeners, "orders-dr"))
    };
    let allowing = |allowed: Value| of(json!([http("", allowed)]));
    refused(
        &allowing(json!({"from": "Same"})),
        Reason::HostsNotAccepted,
        "spec.routes[0].host: listener http (port 80) of Gateway istio-system/public allows no routes of namespace orders-dr: set its allowedRoutes.namespaces to {from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [istio-system, orders-dr]}]}}, with every namespace in it that has routes there now: production's, too",
    );
    let labelled = |name: &str| json!({"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    refused(
        &allowing(labelled("shop")),
        Reason::HostsNotAccepted,
        "spec.routes[0].host: listener http (port 80) of Gateway istio-system/public allows no routes of namespace orders-dr: label the namespace as its allowedRoutes.namespaces.selector asks, or widen that",
    );
    assert_eq!(allowing(labelled("orders-dr")), []);
    // One that never sees the host does not matter; for HTTP, another one on the port stands in.
    let all = json!({"from": "All"});
    let elsewhere = http("other.example.com", json!({"from": "Same"}));
    assert_eq!(of(json!([elsewhere, http("", all.clone())])), []);
    let own = http("orders.example.com", all.clone());
    let mut drills = http("*.drill.internal", all);
    assert_eq!(of(json!([own, drills])), []);
    drills["port"] = json!(8080);
    assert_eq!(of(json!([own, drills])).len(), 1);
}

#[test]
fn mode_owned_is_refused() {
    let mut owning = the_gate();
    owning.spec.owned_hosts = vec!["legacy.example.com".to_owned()];
    let api = api(json!([http("", json!({"from": "All"}))]), "orders-dr");
    let facts = DrillFacts {
        id: DRILL.parse().unwrap(),
        gate: Some(&owning),
        living: &[],
        virtual_services: &[],
        gateways: &[],
        gateway_api: &api,
        namespaces: &namespaces(),
    };
    refused(
        &check_drill(&drill(DRILL_OWNED, &[]), &facts),
        Reason::ModeUnsupported,
        "spec.mode: mode Owned is for Istio's own Gateways: of several HTTPRoutes of one host the oldest counts, and the gate has targetRefs: use mode Authority",
    );
}

/// A route of production's to this backend.
fn route<R: DeserializeOwned>(backend: &Value) -> R {
    serde_json::from_value(json!({
        "metadata": {"name": "orders", "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "istio-system"}],
            "hostnames": ["*.example.com"],
            "rules": [{"backendRefs": [backend]}],
        },
    }))
    .unwrap()
}

#[test]
fn a_sandbox_that_a_route_of_either_kind_sends_users_to_is_production() {
    let none = api(json!([http("", json!({"from": "All"}))]), "orders-dr");
    for (backend, is_production) in [
        (
            json!({"name": "orders", "namespace": "orders-dr", "port": 80}),
            true,
        ),
        (
            json!({"name": "orders", "namespace": "orders-dr", "port": 8080}),
            false,
        ),
        (json!({"name": "orders", "port": 80}), false),
        (
            json!({
                "group": "networking.istio.io", "kind": "Hostname",
                "name": "orders.orders-dr.svc.cluster.local", "port": 80,
            }),
            true,
        ),
    ] {
        let [mut by_http, mut by_grpc] = [none.clone(), none.clone()];
        by_http.routes = vec![route(&backend)];
        by_grpc.grpc_routes = vec![route(&backend)];
        for (kind, api) in [("HTTPRoute", by_http), ("GRPCRoute", by_grpc)] {
            let refusals = of_drill(&drill(DRILL_AUTHORITY, &[]), &api);
            assert_eq!(
                !refusals.is_empty(),
                is_production,
                "{backend}: {refusals:?}"
            );
            if is_production {
                refused(
                    &refusals,
                    Reason::SandboxIsProduction,
                    &format!(
                        "spec.routes[0].sandbox: sandbox orders.orders-dr.svc.cluster.local:80 is production: {kind} shop/orders sends orders.example.com there: name the restored service"
                    ),
                );
            }
        }
    }
}
