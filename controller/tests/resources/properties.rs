//! What holds for any drill that the schema lets through.

use std::collections::BTreeSet;

use drillgate::api::{Drill, DrillGate, Mode};
use drillgate::istio::HttpRoute;
use drillgate::resources::Object;
use drillgate::resources::drill::DrillObjects;
use drillgate::resources::gateway_api::GatewayApi;
use drillgate::resources::names::MAX_NAME;
use drillgate::resources::plugin::PluginKind;
use drillgate::resources::refusal::{DrillFacts, check_drill};
use drillgate::resources::samples::{self, DRILL, drill_objects, namespaces, seed};
use drillgate::route_key::derive;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::gate;

const HOSTS: [&str; 3] = ["legacy.example.com", "a.example.com", "b.example.com"];

/// Routes with distinct hosts, as the schema demands.
fn routes(owned: bool) -> impl Strategy<Value = Value> {
    let host = if owned {
        proptest::sample::select(HOSTS.to_vec())
            .prop_map(str::to_owned)
            .boxed()
    } else {
        "[a-z0-9]{1,20}(\\.[a-z0-9]{1,20}){0,6}".boxed()
    };
    let service = "[a-z]{1,10}(\\.(shop|ci|orders-dr|example)(\\.svc(\\.cluster\\.local)?)?)?";
    let route = (host, service, 1..=65535_u16, 0..=10, 0..=600_u32).prop_map(
        move |(host, sandbox, port, attempts, timeout)| {
            let mut route = json!({
                "host": host,
                "sandbox": {"host": sandbox, "port": port},
                "retries": {"attempts": attempts},
                "timeout": format!("{timeout}s"),
            });
            if owned {
                route["production"] = json!({"host": "legacy.shop", "port": 80});
            }
            route
        },
    );
    proptest::collection::vec(route, 1..=16).prop_map(|routes| {
        let mut seen = BTreeSet::new();
        let new = |route: &Value| seen.insert(route["host"].to_string());
        routes.into_iter().filter(new).collect()
    })
}

fn drills() -> impl Strategy<Value = Drill> {
    let spec = any::<bool>().prop_flat_map(|owned| (Just(owned), routes(owned)));
    (spec, "[a-z0-9]{1,63}").prop_map(|((owned, routes), environment)| {
        serde_json::from_value(json!({
            "metadata": {"name": "any", "namespace": "orders-dr", "uid": DRILL},
            "spec": {
                "gateRef": {"name": "edge", "namespace": "istio-system"},
                "environment": environment,
                "ttl": "1h",
                "mode": if owned { "Owned" } else { "Authority" },
                "routes": routes,
            },
        }))
        .unwrap()
    })
}

fn the_gate() -> DrillGate {
    gate(samples::GATE, &[("/ownedHosts", json!(HOSTS))])
}

fn is_accepted(drill: &Drill) -> bool {
    let facts = DrillFacts {
        id: DRILL.parse().unwrap(),
        gate: Some(&the_gate()),
        living: &[],
        virtual_services: &[],
        gateways: &[],
        gateway_api: &GatewayApi::default(),
        namespaces: &namespaces(),
    };
    check_drill(drill, &facts).is_empty()
}

fn made(drill: &Drill) -> DrillObjects {
    drill_objects(&the_gate(), drill, PluginKind::WasmPlugin)
}

/// The host of each VirtualService, and its rules.
fn routed(objects: &DrillObjects) -> Vec<(&str, &[HttpRoute])> {
    objects
        .virtual_services
        .iter()
        .map(host_and_rules)
        .collect()
}

fn host_and_rules(object: &Object) -> (&str, &[HttpRoute]) {
    let Object::VirtualService(service) = object else {
        panic!("{object:?}");
    };
    assert_eq!(service.spec.hosts.len(), 1);
    (&service.spec.hosts[0], &service.spec.http)
}

/// Whether a rule takes a request with the context, and this value of the route header.
fn takes(rule: &HttpRoute, route_header: Option<&str>) -> bool {
    rule.matches.is_empty()
        || rule.matches.iter().any(|all| {
            all.headers.iter().all(|(name, value)| match name.as_str() {
                "x-drill-context" => value.exact.is_none(),
                "x-drill-route" => value.exact.as_deref() == route_header,
                other => panic!("{other}"),
            })
        })
}

proptest! {
    #[test]
    fn in_authority_mode_no_route_is_for_a_host_that_a_client_can_name(drill in drills()) {
        prop_assume!(is_accepted(&drill) && drill.spec.mode == Mode::Authority);
        let key = derive(&seed(), DRILL.parse().unwrap());
        let objects = made(&drill);
        let routed = routed(&objects);
        prop_assert_eq!(routed.len(), drill.spec.routes.len());
        for ((host, rules), route) in routed.iter().zip(&drill.spec.routes) {
            prop_assert_eq!(*host, format!("{}.{key}.drill.internal", route.host));
            prop_assert!(host.len() <= 253);
            // Without the context nothing but the refusal is left.
            let [sandbox, refusal] = rules else { panic!("{rules:?}") };
            prop_assert!(sandbox.matches.iter().all(|all| all.headers.contains_key("x-drill-context")));
            prop_assert_eq!(sandbox.matches.len(), 1);
            prop_assert_eq!(refusal.direct_response.as_ref().unwrap().status, 503);
            prop_assert!(refusal.matches.is_empty());
        }
    }

    #[test]
    fn no_request_with_the_context_ever_gets_to_production(drill in drills(), guess in "[a-z2-7]{26}") {
        prop_assume!(is_accepted(&drill));
        let key = derive(&seed(), DRILL.parse().unwrap());
        for (_, rules) in routed(&made(&drill)) {
            for header in [None, Some(guess.as_str()), Some(key.as_str())] {
                let first = rules.iter().find(|rule| takes(rule, header)).unwrap();
                prop_assert_ne!(first.name.as_deref(), Some("drillgate-production"));
                let steered = drill.spec.mode == Mode::Authority || header == Some(&key);
                let wanted = if steered { "drillgate-sandbox" } else { "drillgate-refuse" };
                prop_assert_eq!(first.name.as_deref(), Some(wanted));
            }
        }
    }

    #[test]
    fn a_drill_always_becomes_the_same_objects_with_names_of_their_own(drill in drills()) {
        let objects = made(&drill);
        let text = |objects: &DrillObjects| {
            let all = objects.destination_rules.iter().chain(&objects.virtual_services);
            let all: Vec<String> = all
                .chain([&objects.activation])
                .map(|object| serde_json::to_string(object).unwrap())
                .collect();
            all
        };
        prop_assert_eq!(text(&objects), text(&made(&drill)));

        let mut names = BTreeSet::new();
        for object in objects.destination_rules.iter().chain(&objects.virtual_services) {
            let reference = object.reference();
            prop_assert!(reference.name.len() <= MAX_NAME, "{}", reference.name);
            for (key, value) in object.meta().labels.iter().flatten() {
                prop_assert!(value.len() <= 63, "{key}");
            }
            prop_assert!(names.insert(reference));
        }
    }
}
