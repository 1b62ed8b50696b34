//! The configuration that the objects hold, read by the filter itself.

use std::cell::RefCell;
use std::rc::Rc;

use drill_context::{Claims, TokenType, sign};
use drill_filter::{Exchange, Flow, Gate, Host, HostError, LogLevel, Reply, Verdict};
use drillgate::api::{Drill, DrillGate};
use drillgate::keyfile::Jwk;
use drillgate::resources::Object;
use drillgate::resources::plugin::PluginKind;
use drillgate::resources::samples::{self, EXPIRES_AT, drill_objects, gate_objects, keys};
use serde_json::{Value, json};

use super::{changed, drill, gate};

/// A request, and what becomes of it.
struct Request {
    now: i64,
    headers: RefCell<Vec<(String, Vec<u8>)>>,
    answered: RefCell<Option<Verdict>>,
}

impl Request {
    fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.borrow();
        let (_, value) = headers.iter().find(|(held, _)| held == name)?;
        Some(String::from_utf8(value.clone()).unwrap())
    }
}

impl Host for Request {
    fn now(&self) -> Result<i64, HostError> {
        Ok(self.now)
    }
    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.header(name).map(String::into_bytes))
    }
    fn request_headers(&self) -> Result<Vec<(String, Vec<u8>)>, HostError> {
        Ok(self.headers.borrow().clone())
    }
    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.remove_request_header(name)?;
        let header = (name.to_owned(), value.to_vec());
        self.headers.borrow_mut().push(header);
        Ok(())
    }
    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        self.headers.borrow_mut().retain(|(held, _)| held != name);
        Ok(())
    }
    fn clear_route_cache(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn set_response_header(&self, _: &str, _: &[u8]) -> Result<(), HostError> {
        Ok(())
    }
    fn remove_response_header(&self, _: &str) -> Result<(), HostError> {
        Ok(())
    }
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
    fn set_filter_state(&self, _: &str, _: &str) -> Result<(), HostError> {
        Ok(())
    }
    fn reply(&self, _: &Reply) -> Result<(), HostError> {
        Ok(())
    }
    fn log(&self, _: LogLevel, _: &str) {}
    fn count(&self, verdict: Verdict) {
        *self.answered.borrow_mut() = Some(verdict);
    }
}

fn plugin_config(object: &Object) -> Value {
    let spec = serde_json::to_value(object).unwrap()["spec"].clone();
    let wasm = spec.get("wasm").unwrap_or(&spec);
    wasm["pluginConfig"].clone()
}

/// What the API server makes of both applies.
fn merged(gate: &DrillGate, drill: &Drill, plugin: PluginKind) -> Value {
    let mut config = plugin_config(gate_objects(gate, plugin).last().unwrap());
    let activation = plugin_config(&drill_objects(gate, drill, plugin).activation);
    assert_eq!(activation.as_object().unwrap().len(), 1, "{activation}");
    config["drills"] = activation["drills"].clone();
    config
}

/// Sends a request for `host`, signed by `key` for the drill and its environment, through the
/// filter that is configured so.
fn sent(config: &Value, drill: &Drill, key: &Jwk, host: &str, now: i64) -> (Flow, Request) {
    let gate = Gate::parse(config.to_string().as_bytes(), |_| None).unwrap();
    let id = samples::DRILL.parse().unwrap();
    let claims = Claims::new(id, drill.spec.environment.parse().unwrap(), now);
    let value = sign(key.signing_key().unwrap(), TokenType::Drill, &claims);
    let headers = [
        (":authority", host.to_owned()),
        (":path", "/".to_owned()),
        ("x-drill-context", value),
    ];
    let request = Request {
        now,
        headers: RefCell::new(
            headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .into(),
        ),
        answered: RefCell::default(),
    };
    let flow = Exchange::new(Some(Rc::new(gate))).on_request(&request);
    (flow, request)
}

/// The hosts of the drill's VirtualServices.
fn routed_hosts(gate: &DrillGate, drill: &Drill) -> Vec<String> {
    let objects = drill_objects(gate, drill, PluginKind::WasmPlugin).virtual_services;
    let host = |object: &Object| match object {
        Object::VirtualService(service) => service.spec.hosts[0].clone(),
        other => panic!("{other:?}"),
    };
    objects.iter().map(host).collect()
}

#[test]
fn a_signed_request_is_steered_to_the_very_host_that_the_drill_has_a_route_for() {
    for plugin in [PluginKind::WasmPlugin, PluginKind::TrafficExtension] {
        for (gate_yaml, drill_yaml) in [
            (samples::GATE, samples::DRILL_AUTHORITY),
            (samples::GATE, samples::DRILL_MULTI_ROUTE),
            (samples::GATE_FULL, samples::DRILL_AUTHORITY),
        ] {
            let (gate, drill) = (gate(gate_yaml, &[]), drill(drill_yaml, &[]));
            let config = merged(&gate, &drill, plugin);
            let routed = routed_hosts(&gate, &drill);
            for (route, routed) in drill.spec.routes.iter().zip(routed) {
                let now = EXPIRES_AT - 1;
                let (flow, request) = sent(&config, &drill, &keys()[0], &route.host, now);
                assert_eq!(flow, Flow::Continue);
                assert_eq!(request.header(":authority"), Some(routed));
            }
        }
    }
}

#[test]
fn every_key_of_the_gate_verifies_and_no_other() {
    let gate = gate(samples::GATE_FULL, &[]);
    let drill = drill(samples::DRILL_AUTHORITY, &[]);
    let config = merged(&gate, &drill, PluginKind::WasmPlugin);
    for key in keys() {
        let (flow, _) = sent(&config, &drill, &key, "orders.example.com", EXPIRES_AT - 1);
        assert_eq!(flow, Flow::Continue, "{key:?}");
    }
    let other = Jwk::hs256("ci-2026".parse().unwrap(), &[9; 32]).unwrap();
    let (flow, _) = sent(
        &config,
        &drill,
        &other,
        "orders.example.com",
        EXPIRES_AT - 1,
    );
    assert_ne!(flow, Flow::Continue);
}

#[test]
fn the_filter_ends_the_drill_at_the_very_second() {
    let gate = gate(samples::GATE, &[]);
    let drill = drill(samples::DRILL_AUTHORITY, &[]);
    let config = merged(&gate, &drill, PluginKind::WasmPlugin);
    let at = |now| sent(&config, &drill, &keys()[0], "orders.example.com", now).0;
    assert_eq!(at(EXPIRES_AT - 1), Flow::Continue);
    assert_ne!(at(EXPIRES_AT), Flow::Continue);
}

#[test]
fn an_owned_host_keeps_its_authority_and_carries_the_key_that_its_route_demands() {
    let gate = gate(samples::GATE_FULL, &[]);
    let drill = drill(samples::DRILL_OWNED, &[]);
    let config = merged(&gate, &drill, PluginKind::TrafficExtension);
    let host = "legacy.example.com";
    let (flow, request) = sent(&config, &drill, &keys()[0], host, EXPIRES_AT - 1);
    assert_eq!(flow, Flow::Continue);
    assert_eq!(request.header(":authority").as_deref(), Some(host));

    let objects = drill_objects(&gate, &drill, PluginKind::TrafficExtension);
    let Object::VirtualService(service) = &objects.virtual_services[0] else {
        panic!("{objects:?}");
    };
    let demanded = &service.spec.http[0].matches[0].headers["x-drill-route"];
    assert_eq!(request.header("x-drill-route"), demanded.exact);

    // A host that the drill does not cover.
    let (flow, _) = sent(
        &config,
        &drill,
        &keys()[0],
        "orders.example.com",
        EXPIRES_AT - 1,
    );
    assert_ne!(flow, Flow::Continue);
}

#[test]
fn the_filter_reads_whatever_the_schema_lets_a_gate_say() {
    for (pointer, value) in [
        ("/skewSeconds", json!(0)),
        ("/skewSeconds", json!(60)),
        ("/maxAgeSeconds", json!(1)),
        ("/maxAgeSeconds", json!(86400)),
        ("/domain", json!("a")),
        ("/domain", json!(format!("{}.example", "d".repeat(63)))),
        ("/audit", json!({"level": "debug"})),
        ("/audit", json!({"level": "info", "log": false})),
    ] {
        let gate: DrillGate = changed(samples::GATE, &[(pointer, value.clone())]);
        let objects = gate_objects(&gate, PluginKind::WasmPlugin);
        let config = plugin_config(objects.last().unwrap()).to_string();
        let read = Gate::parse(config.as_bytes(), |_| None);
        assert_eq!(read.unwrap().generation(), 7, "{pointer} {value}");
    }
}

#[test]
fn no_private_half_of_a_key_gets_into_any_object() {
    let gate = gate(samples::GATE_FULL, &[]);
    let private = keys()[1].expose();
    let jwk: Value = serde_json::from_str(&private).unwrap();
    let objects = gate_objects(&gate, PluginKind::WasmPlugin);
    let text = serde_json::to_string(&objects).unwrap();
    assert!(text.contains(jwk["x"].as_str().unwrap()));
    assert!(!text.contains(jwk["d"].as_str().unwrap()));
}
