//! Gates that cannot be carried out, with the sentence that says so.

use std::collections::BTreeMap;

use drillgate::istio::Gateway;
use drillgate::resources::conditions;
use drillgate::resources::gateway_api::GatewayApi;
use drillgate::resources::keys::{Secrets, resolve};
use drillgate::resources::refusal::{GateFacts, Reason, Refusal, check_gate};
use drillgate::resources::samples;
use serde_json::{Value, json};

use super::{gate, plain_gate};

/// An Istio Gateway of the pods of the sample gate.
fn gateway(name: &str, servers: Value) -> Gateway {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": servers},
    }))
    .unwrap()
}

fn http(hosts: Value) -> Value {
    json!({"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts})
}

fn https(name: &str, hosts: Value) -> Value {
    json!({
        "port": {"number": 443, "name": name, "protocol": "HTTPS"},
        "tls": {"mode": "SIMPLE"},
        "hosts": hosts,
    })
}

fn check(changes: &[(&str, Value)], gateways: &[Gateway]) -> Vec<Refusal> {
    let facts = GateFacts {
        gateways,
        gateway_api: &GatewayApi::default(),
        ambient: &["mesh2".to_owned()].into(),
        root_namespace: "mesh-root",
    };
    check_gate(&gate(samples::GATE, changes), &facts)
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
fn a_gate_whose_gateways_fit_has_nothing_against_it() {
    for hosts in [
        json!(["*"]),
        json!(["*.example.com", "*/*.internal"]),
        json!(["./*"]),
    ] {
        let fits = gateway("public", json!([http(hosts)]));
        assert_eq!(check(&[], &[fits]), []);
    }
}

#[test]
fn a_gateway_must_exist() {
    refused(
        &check(&[("/gateways", json!(["shop/private"]))], &[]),
        Reason::GatewayNotFound,
        "spec.gateways[0]: Gateway shop/private does not exist: make it, or name another one",
    );
}

#[test]
fn every_pod_of_a_gateway_must_have_the_filter() {
    let public = gateway("public", json!([http(json!(["*"]))]));
    let selector = |labels: Value| [("/selector", json!({"matchLabels": labels}))];
    for labels in [
        json!({"istio": "other"}),
        json!({"istio": "ingressgateway", "zone": "a"}),
    ] {
        refused(
            &check(&selector(labels), std::slice::from_ref(&public)),
            Reason::SelectorMismatch,
            "spec.selector: Gateway istio-system/public is served by the pods with {istio: ingressgateway}, and not all of these are selected, so that requests could pass by the filter: select by these labels, or by fewer of them",
        );
    }
}

#[test]
fn a_server_that_leaves_drill_hosts_out_is_named_with_the_line_to_add() {
    let public = gateway(
        "public",
        json!([https("shop", json!(["shop.example.com"]))]),
    );
    refused(
        &check(&[], &[public]),
        Reason::HostsNotAccepted,
        "spec.gateways[0]: server shop (port 443) of Gateway istio-system/public accepts no host under drill.internal of namespace istio-system: add \"*.drill.internal\" to its spec.servers[0].hosts",
    );
    // One server for HTTP is enough for a gate; each drill looks at the servers of its hosts.
    let mixed = json!([
        https("shop", json!(["shop.example.com"])),
        http(json!(["*"]))
    ]);
    assert_eq!(check(&[], &[gateway("public", mixed)]), []);
}

#[test]
fn each_server_that_takes_drill_hosts_has_to_take_the_guard() {
    let of_drills = json!([
        https("shop", json!(["orders-dr/*", "shop/*"])),
        http(json!(["*"]))
    ]);
    refused(
        &check(&[], &[gateway("public", of_drills)]),
        Reason::HostsNotAccepted,
        "spec.gateways[0]: server shop (port 443) of Gateway istio-system/public accepts no host under drill.internal of namespace istio-system: add \"*.drill.internal\" to its spec.servers[0].hosts",
    );
}

#[test]
fn a_name_with_a_label_that_dns_does_not_know_is_refused_as_the_filter_would() {
    let long = format!("{}.internal", "a".repeat(64));
    let public = [gateway("public", json!([http(json!(["*"]))]))];
    for (field, value) in [("domain", json!(long)), ("ownedHosts", json!([long]))] {
        let refusals = check(&[(&format!("/{field}"), value)], &public);
        let reasons: Vec<_> = refusals.iter().map(|refusal| refusal.reason).collect();
        assert_eq!(reasons, [Reason::HostTooLong], "{refusals:?}");
        assert!(refusals[0].field.contains(field), "{refusals:?}");
    }
    let longest = format!("{}.internal", "a".repeat(63));
    assert_eq!(check(&[("/domain", json!(longest))], &public), []);
}

#[test]
fn a_server_that_only_redirects_or_passes_through_is_no_server_for_drills() {
    let mut redirect = http(json!(["*"]));
    redirect["tls"] = json!({"httpsRedirect": true});
    let public = gateway("public", json!([redirect]));
    refused(
        &check(&[], &[public]),
        Reason::HostsNotAccepted,
        "spec.gateways[0]: Gateway istio-system/public has no server that answers HTTP requests: name a Gateway that has one",
    );
}

#[test]
fn a_server_for_tcp_on_the_same_pods_demands_ports() {
    let tcp = json!({"port": {"number": 5432, "name": "pg", "protocol": "TCP"}, "hosts": ["*"]});
    let through = json!({
        "port": {"number": 8443, "name": "tls", "protocol": "HTTPS"},
        "tls": {"mode": "PASSTHROUGH"},
        "hosts": ["vault.example.com"],
    });
    for (server, named, port) in [(tcp, "TCP", 5432), (through, "HTTPS", 8443)] {
        // Also of a Gateway that the gate does not name: the policy is for the pods.
        let gateways = [
            gateway("public", json!([http(json!(["*"]))])),
            gateway("other", json!([server])),
        ];
        let text = format!(
            "spec.ports: Gateway istio-system/other has a server for {named} on port {port}, all of whose connections the gate's policy would deny: list the ports on which the gateway pods take HTTP"
        );
        refused(&check(&[], &gateways), Reason::PortsMissing, &text);
        assert_eq!(check(&[("/ports", json!([8080]))], &gateways), []);
        // By another label the pods may be the same, by another value of one they are not.
        let [public, mut other] = gateways;
        other.spec.selector = [("app".to_owned(), "istio-ingressgateway".to_owned())].into();
        let gateways = [public.clone(), other.clone()];
        refused(&check(&[], &gateways), Reason::PortsMissing, &text);
        other.spec.selector = [("istio".to_owned(), "egressgateway".to_owned())].into();
        assert_eq!(check(&[], &[public, other]), []);
    }
}

#[test]
fn a_protected_namespace_is_one_of_production_with_sidecars() {
    let public = [gateway("public", json!([http(json!(["*"]))]))];
    for (namespace, reason, text) in [
        (
            "istio-system",
            Reason::ProtectedNamespaceUnusable,
            "namespace istio-system is the gate's own, and the gateway would deny every drill request: leave it out",
        ),
        (
            "mesh-root",
            Reason::ProtectedNamespaceUnusable,
            "namespace mesh-root is the root of the mesh, and a policy there is for every namespace, the sandboxes' too: leave it out",
        ),
        (
            "mesh2",
            Reason::ProtectedNamespaceAmbient,
            "namespace mesh2 is in the ambient mesh, which reads no headers and would deny every connection to the listed ports: use sidecars there, or leave it out",
        ),
    ] {
        let protected = json!([{"name": namespace, "ports": [8080]}]);
        let text = format!("spec.protectedNamespaces[0]: {text}");
        refused(
            &check(&[("/protectedNamespaces", protected)], &public),
            reason,
            &text,
        );
    }
}

#[test]
fn an_owned_host_is_no_drill_host() {
    let public = [gateway("public", json!([http(json!(["*"]))]))];
    refused(
        &check(
            &[("/ownedHosts", json!(["a.example.com", "x.drill.internal"]))],
            &public,
        ),
        Reason::OwnedHostUnderDomain,
        "spec.ownedHosts[1]: x.drill.internal lies under the drill domain drill.internal, which no client may ask for: use another domain",
    );
}

const SECRET: &str = "hunter2hunter2hunter2hunter2hunt";

fn secrets(text: &str) -> Secrets {
    let entries = BTreeMap::from([("key.jwk".to_owned(), text.as_bytes().to_vec())]);
    BTreeMap::from([("drill-keys".to_owned(), entries)])
}

fn unresolved(secrets: &Secrets) -> Vec<Refusal> {
    let (keys, refusals) = resolve(&plain_gate(), secrets);
    assert!(keys.is_empty(), "{keys:?}");
    refusals
}

#[test]
fn a_key_that_cannot_be_used_is_refused_and_not_shown() {
    for (text, reason, said) in [
        (
            r#"{"kty":"oct","kid":"ci-2026","alg":"HS256","k":"aHVudGVyMg"}"#.to_owned(),
            Reason::KeyTooShort,
            "at least 32",
        ),
        (
            format!(r#"{{"kty":"RSA","kid":"ci-2026","k":"{SECRET}"}}"#),
            Reason::KeyUnsupported,
            "\"kty\" must be",
        ),
        (
            format!(r#"{{"kty":"oct","kid":"ci-2026","alg":"HS512","k":"{SECRET}"}}"#),
            Reason::KeyUnsupported,
            "\"alg\" must be",
        ),
        (SECRET.to_owned(), Reason::KeyInvalid, "not a JWK"),
        (
            format!(
                r#"{{"kty":"oct","kid":"other","alg":"HS256","k":"{}"}}"#,
                "A".repeat(43)
            ),
            Reason::KeyNameMismatch,
            "write kid: other in place of ci-2026",
        ),
    ] {
        let refusals = unresolved(&secrets(&text));
        let [refusal] = refusals.as_slice() else {
            panic!("{refusals:?}");
        };
        assert_eq!(refusal.reason, reason, "{refusal}");
        assert_eq!(refusal.field, "spec.keys[0]");
        assert!(refusal.message.contains(said), "{refusal}");
        assert!(!refusal.message.contains("hunter2"), "{refusal}");
        assert_eq!(reason.gate_condition(), conditions::KEYS_RESOLVED);
    }
}

#[test]
fn a_key_that_is_not_there_is_named_with_the_command_that_makes_it() {
    refused(
        &unresolved(&Secrets::new()),
        Reason::SecretNotFound,
        "spec.keys[0]: key ci-2026 is to be in Secret drill-keys, which does not exist in the gate's namespace: make it with `kubectl create secret generic drill-keys --from-file=key.jwk=<key file>`",
    );
    let empty = BTreeMap::from([("drill-keys".to_owned(), BTreeMap::new())]);
    refused(
        &unresolved(&empty),
        Reason::SecretEntryNotFound,
        "spec.keys[0]: key ci-2026 is to be in entry key.jwk of Secret drill-keys, which has no such entry: name the entry in secretRef.key",
    );
}

#[test]
fn a_public_key_is_enough_and_the_usable_keys_are_kept() {
    let text = samples::keys()[1].public().unwrap().expose();
    let mut secrets = secrets("hunter2");
    let held = secrets.get_mut("drill-keys").unwrap();
    held.insert("dba.jwk".to_owned(), text.into_bytes());
    let (keys, refusals) = resolve(&gate(samples::GATE_FULL, &[]), &secrets);
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].kid().as_str(), "dba");
    assert_eq!(refusals.len(), 1);
}
