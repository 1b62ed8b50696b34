//! Drills that cannot be carried out, with the sentence that says so.

use drillgate::api::{Drill, DrillGate, Mode};
use drillgate::istio::{Gateway, VirtualService};
use drillgate::resources::gateway_api::GatewayApi;
use drillgate::resources::refusal::{DrillFacts, LivingDrill, Reason, Refusal, check_drill};
use drillgate::resources::samples::{self, DRILL, DRILL_AUTHORITY, DRILL_OWNED, namespaces};
use serde_json::{Value, json};

use super::{drill, gate, plain_gate};

/// The cluster around a drill.
struct Cluster {
    gate: Option<DrillGate>,
    living: Vec<LivingDrill>,
    virtual_services: Vec<VirtualService>,
    gateways: Vec<Gateway>,
}

impl Cluster {
    /// One with a Gateway for every host, and nothing else but this gate.
    fn with(gate: DrillGate) -> Cluster {
        let every_host = json!([{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}]);
        Cluster {
            gate: Some(gate),
            living: Vec::new(),
            virtual_services: Vec::new(),
            gateways: vec![public(every_host)],
        }
    }

    fn check(&self, drill: &Drill) -> Vec<Refusal> {
        check_drill(
            drill,
            &DrillFacts {
                id: DRILL.parse().unwrap(),
                gate: self.gate.as_ref(),
                living: &self.living,
                virtual_services: &self.virtual_services,
                gateways: &self.gateways,
                gateway_api: &GatewayApi::default(),
                namespaces: &namespaces(),
            },
        )
    }

    #[track_caller]
    fn refuses(&self, drill: &Drill, reason: Reason, text: &str) {
        let refusals = self.check(drill);
        let [refusal] = refusals.as_slice() else {
            panic!("{refusals:?}");
        };
        assert_eq!(refusal.reason, reason);
        assert_eq!(refusal.to_string(), text);
    }
}

fn public(servers: Value) -> Gateway {
    serde_json::from_value(json!({
        "metadata": {"name": "public", "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": servers},
    }))
    .unwrap()
}

/// A VirtualService of production on the gate's Gateway.
fn production(host: &str, destination: &str, labels: Value) -> VirtualService {
    serde_json::from_value(json!({
        "metadata": {"name": "production", "namespace": "shop", "labels": labels},
        "spec": {
            "hosts": [host],
            "gateways": ["mesh", "istio-system/public"],
            "http": [{"route": [{"destination": {"host": destination}}], "fault": {"abort": {}}}],
        },
    }))
    .unwrap()
}

fn authority(changes: &[(&str, Value)]) -> Drill {
    drill(DRILL_AUTHORITY, changes)
}

fn owned(changes: &[(&str, Value)]) -> Drill {
    drill(DRILL_OWNED, changes)
}

fn owning_gate() -> DrillGate {
    gate(
        samples::GATE,
        &[("/ownedHosts", json!(["legacy.example.com"]))],
    )
}

#[test]
fn a_drill_that_fits_has_nothing_against_it() {
    let mut cluster = Cluster::with(plain_gate());
    // Production of the same host is what authority mode is for.
    let orders = production("orders.example.com", "orders", json!({}));
    cluster.virtual_services.push(orders);
    assert_eq!(cluster.check(&authority(&[])), []);
    assert_eq!(cluster.check(&drill(samples::DRILL_MULTI_ROUTE, &[])), []);
    assert_eq!(Cluster::with(owning_gate()).check(&owned(&[])), []);
}

#[test]
fn the_gate_must_exist() {
    let mut cluster = Cluster::with(plain_gate());
    cluster.gate = None;
    cluster.refuses(
        &authority(&[]),
        Reason::GateNotFound,
        "spec.gateRef: DrillGate istio-system/edge does not exist: make it, or name another one",
    );
    cluster.refuses(
        &authority(&[("/gateRef", json!({"name": "edge"}))]),
        Reason::GateNotFound,
        "spec.gateRef: DrillGate orders-dr/edge does not exist: make it, or name another one",
    );
}

#[test]
fn a_drill_lasts_some_time_and_no_longer_than_the_gate_allows() {
    let cluster = Cluster::with(plain_gate());
    assert_eq!(cluster.check(&authority(&[("/ttl", json!("60m"))])), []);
    cluster.refuses(
        &authority(&[("/ttl", json!("1h1s"))]),
        Reason::TtlOutOfRange,
        "spec.ttl: 1h1s is longer than the 1h that the gate allows: shorten it, or raise the gate's maxTtl",
    );
    cluster.refuses(
        &authority(&[("/ttl", json!("0s"))]),
        Reason::TtlOutOfRange,
        "spec.ttl: a drill of 0s would be over at once: give it up to 1h",
    );
}

#[test]
fn a_host_is_one_that_clients_can_ask_for_and_a_drill_host_can_be_made_from() {
    let cluster = Cluster::with(plain_gate());
    let host = |host: &str| authority(&[("/routes/0/host", json!(host))]);
    for name in ["drill.internal", "x.drill.internal"] {
        let text = format!(
            "spec.routes[0].host: {name} lies under the drill domain drill.internal, which no client may ask for: name the host that clients use"
        );
        cluster.refuses(&host(name), Reason::HostUnderDomain, &text);
    }
    let label = "abcdefghi.".repeat(21);
    assert_eq!(cluster.check(&host(&format!("{label}a"))), []);
    let long = format!("{label}ab");
    let text = format!(
        "spec.routes[0].host: {long} is too long to stand in front of the drill domain drill.internal: at most 211 characters fit, or shorten the gate's domain"
    );
    cluster.refuses(&host(&long), Reason::HostTooLong, &text);
    // The filter would refuse all of the gate's configuration for it.
    let long = format!("{}.example.com", "a".repeat(64));
    let text = format!(
        "spec.routes[0].host: {long} has a label of more than 63 characters, and no DNS name has: name the host that clients use"
    );
    cluster.refuses(&host(&long), Reason::HostTooLong, &text);
    let longest = long.strip_prefix("a").unwrap();
    assert_eq!(cluster.check(&host(longest)), []);
}

#[test]
fn one_host_and_environment_have_one_drill() {
    let living = |environment: &str, mode, host: &str| LivingDrill {
        name: "ci/earlier".to_owned(),
        environment: environment.to_owned(),
        mode,
        hosts: vec!["a.example.com".to_owned(), host.to_owned()],
    };
    let mut cluster = Cluster::with(plain_gate());
    cluster.living = vec![living("orders-dr", Mode::Authority, "orders.example.com")];
    cluster.refuses(
        &authority(&[]),
        Reason::HostInUse,
        "spec.routes[0].host: drill ci/earlier is about orders.example.com and environment orders-dr, too: wait for its end, or use another environment",
    );
    for other in [
        living("other", Mode::Authority, "orders.example.com"),
        living("orders-dr", Mode::Authority, "b.example.com"),
    ] {
        cluster.living = vec![other];
        assert_eq!(cluster.check(&authority(&[])), []);
    }

    // Of two owners, the first one's guard would stand before the second one's rule.
    let mut cluster = Cluster::with(owning_gate());
    cluster.living = vec![living("other", Mode::Owned, "legacy.example.com")];
    cluster.refuses(
        &owned(&[]),
        Reason::HostInUse,
        "spec.routes[0].host: drill ci/earlier owns legacy.example.com, and a host has one owner: wait for its end, or use mode Authority",
    );
}

#[test]
fn a_host_is_owned_only_where_the_gate_says_so() {
    Cluster::with(plain_gate()).refuses(
        &owned(&[]),
        Reason::HostNotOwned,
        "spec.routes[0].host: legacy.example.com is not among the gate's ownedHosts, so that its policy would deny the requests: add it there, or use mode Authority",
    );
}

#[test]
fn a_host_that_another_virtual_service_claims_cannot_be_owned() {
    let mut cluster = Cluster::with(owning_gate());
    for claimed in ["legacy.example.com", "*.example.com", "*"] {
        cluster.virtual_services = vec![production(claimed, "elsewhere", json!({}))];
        cluster.refuses(
            &owned(&[]),
            Reason::HostClaimed,
            "spec.routes[0].host: VirtualService shop/production claims legacy.example.com on the same Gateway, and would be overruled or overrule the drill: use mode Authority, which leaves it alone",
        );
    }
    let unbound = {
        let mut service = production("legacy.example.com", "elsewhere", json!({}));
        service.spec.gateways = vec!["mesh".to_owned(), "public".to_owned()];
        service
    };
    let own = json!({"drillgate.dev/drill-id": DRILL});
    for harmless in [
        unbound,
        production("other.example.com", "elsewhere", json!({})),
        production("legacy.example.com", "elsewhere", own),
    ] {
        cluster.virtual_services = vec![harmless];
        assert_eq!(cluster.check(&owned(&[])), []);
    }
}

#[test]
fn a_sandbox_is_in_no_protected_namespace_however_it_is_named() {
    let protected = json!([{"name": "shop", "ports": [8080]}]);
    let cluster = Cluster::with(gate(samples::GATE, &[("/protectedNamespaces", protected)]));
    for host in [
        "orders.shop",
        "orders.shop.svc",
        "orders.shop.svc.cluster.local",
    ] {
        cluster.refuses(
            &authority(&[("/routes/0/sandbox/host", json!(host))]),
            Reason::SandboxProtected,
            "spec.routes[0].sandbox: sandbox orders.shop.svc.cluster.local is in namespace shop, which the gate protects as production: restore into another namespace",
        );
    }
    // A short name is a service of the drill's own namespace.
    let mut inside = authority(&[]);
    inside.metadata.namespace = Some("shop".to_owned());
    assert_eq!(cluster.check(&inside)[0].reason, Reason::SandboxProtected);
    assert_eq!(cluster.check(&authority(&[])), []);
}

#[test]
fn a_sandbox_is_not_production() {
    Cluster::with(owning_gate()).refuses(
        &owned(&[("/routes/0/sandbox/host", json!("legacy.shop"))]),
        Reason::SandboxIsProduction,
        "spec.routes[0].sandbox: sandbox legacy.shop.svc.cluster.local:80 is production: the route names it as such: name the restored service",
    );
    let mut cluster = Cluster::with(plain_gate());
    cluster.refuses(
        &authority(&[("/routes/0/sandbox/host", json!("orders.example.com"))]),
        Reason::SandboxIsProduction,
        "spec.routes[0].sandbox: sandbox orders.example.com:80 is production: it is the host orders.example.com itself: name the restored service",
    );
    for claimed in ["orders.example.com", "*.example.com"] {
        cluster.virtual_services = vec![production(claimed, "orders", json!({}))];
        cluster.refuses(
            &authority(&[("/routes/0/sandbox/host", json!("orders.shop"))]),
            Reason::SandboxIsProduction,
            "spec.routes[0].sandbox: sandbox orders.shop.svc.cluster.local:80 is production: VirtualService shop/production sends orders.example.com there: name the restored service",
        );
    }
}

#[test]
fn production_is_named_in_mode_owned_and_nowhere_else() {
    Cluster::with(owning_gate()).refuses(
        &owned(&[("/routes/0/production", Value::Null)]),
        Reason::ProductionMisplaced,
        "spec.routes[0].production: mode Owned takes over legacy.example.com and has to know where all other requests go: name production",
    );
    let named = json!({"host": "orders.shop", "port": 80});
    Cluster::with(plain_gate()).refuses(
        &authority(&[("/routes/0/production", named)]),
        Reason::ProductionMisplaced,
        "spec.routes[0].production: mode Authority leaves production's routes alone and cannot use this: leave it out",
    );
}

fn https(name: &str, hosts: Value) -> Value {
    json!({
        "port": {"number": 443, "name": name, "protocol": "HTTPS"},
        "tls": {"mode": "SIMPLE"},
        "hosts": hosts,
    })
}

#[test]
fn each_server_that_takes_the_host_must_take_the_drills_host() {
    let mut cluster = Cluster::with(plain_gate());
    let orders = https("orders", json!(["orders.example.com"]));
    let other = https("other", json!(["other.example.com"]));
    cluster.gateways = vec![public(json!([other, orders]))];
    cluster.refuses(
        &authority(&[]),
        Reason::HostsNotAccepted,
        "spec.routes[0].host: server orders (port 443) of Gateway istio-system/public accepts no host under drill.internal of namespace orders-dr: add \"*.drill.internal\" to its spec.servers[1].hosts",
    );
    let accepting = https("orders", json!(["orders.example.com", "*.drill.internal"]));
    cluster.gateways = vec![public(json!([other, accepting]))];
    assert_eq!(cluster.check(&authority(&[])), []);
    // Routes of the drill's namespace are not those of the gate's.
    let narrow = https("orders", json!(["*/orders.example.com", "./*"]));
    cluster.gateways = vec![public(json!([narrow]))];
    assert_eq!(
        cluster.check(&authority(&[]))[0].reason,
        Reason::HostsNotAccepted
    );
}

#[test]
fn a_host_that_another_https_server_has_is_not_to_be_added() {
    let mut cluster = Cluster::with(plain_gate());
    let orders = https("orders", json!(["orders.example.com"]));
    let drills = https("drills", json!(["other.example.com", "*.drill.internal"]));
    cluster.gateways = vec![public(json!([orders, drills]))];
    cluster.refuses(
        &authority(&[]),
        Reason::HostsNotAccepted,
        "spec.routes[0].host: server orders (port 443) of Gateway istio-system/public accepts no host under drill.internal of namespace orders-dr, and server drills (port 443) of Gateway istio-system/public accepts them on the same port, where no two HTTPS servers may have one host: serve the drill's hosts from that server, or set the gate's domain to one under its hosts",
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let cluster = Cluster::with(plain_gate());
    let wrong = authority(&[
        ("/ttl", json!("2h")),
        ("/routes/0/host", json!("x.drill.internal")),
        (
            "/routes/0/production",
            json!({"host": "orders.shop", "port": 80}),
        ),
    ]);
    let reasons: Vec<Reason> = cluster.check(&wrong).iter().map(|r| r.reason).collect();
    assert_eq!(
        reasons,
        [
            Reason::TtlOutOfRange,
            Reason::HostUnderDomain,
            Reason::ProductionMisplaced
        ]
    );
}
