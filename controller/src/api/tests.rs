//! The definitions as an API server would take them. The rules are evaluated by kube's own CEL.

use kube::CustomResourceExt;
use kube::core::cel::Validator;
use serde_json::{Value, json};

use super::{Drill, DrillGate, DrillSchedule};

fn schema<K: CustomResourceExt>() -> Value {
    let crd = serde_json::to_value(K::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn gate() -> Value {
    json!({
        "apiVersion": "drillgate.dev/v1alpha1",
        "kind": "DrillGate",
        "metadata": {"name": "edge", "namespace": "istio-system"},
        "spec": {
            "selector": {"matchLabels": {"istio": "ingressgateway"}},
            "gateways": ["public"],
            "keys": [{"kid": "ci", "secretRef": {"name": "drill-keys"}}],
            "module": {"url": "oci://registry.example/drillgate:1"},
        },
    })
}

pub(super) fn drill() -> Value {
    json!({
        "apiVersion": "drillgate.dev/v1alpha1",
        "kind": "Drill",
        "metadata": {"name": "orders", "namespace": "orders-dr"},
        "spec": {
            "gateRef": {"name": "edge", "namespace": "istio-system"},
            "environment": "orders-dr",
            "ttl": "1h",
            "mode": "Authority",
            "routes": [{"host": "orders.example.com", "sandbox": {"host": "orders", "port": 80}}],
        },
    })
}

fn schedule() -> Value {
    json!({
        "apiVersion": "drillgate.dev/v1alpha1",
        "kind": "DrillSchedule",
        "metadata": {"name": "nightly", "namespace": "orders-dr"},
        "spec": {"schedule": "0 2 * * *", "drillTemplate": {"spec": drill()["spec"]}},
    })
}

/// The definition of schedules as it is printed: without what holds for drills alone.
fn schedules() -> Value {
    let crd = serde_json::to_value(super::schedule::definition()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn schedule_verdict(object: &Value, old: Option<&Value>) -> String {
    match Validator::new().validate(&schedules(), object, old) {
        Ok(()) => "accepted".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

/// What the rules say to `object`, or to its taking the place of `old`.
pub(super) fn verdict<K: CustomResourceExt>(object: &Value, old: Option<&Value>) -> String {
    match Validator::new().validate(&schema::<K>(), object, old) {
        Ok(()) => "accepted".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

/// `object` with something else, or something more, at `pointer`.
pub(super) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[name] = value;
    object
}

fn without(mut object: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    members.remove(name).unwrap();
    object
}

#[test]
fn the_shortest_gate_and_drill_are_accepted_and_filled_with_defaults() {
    assert_eq!(verdict::<DrillGate>(&gate(), None), "accepted");
    let gate: DrillGate = serde_json::from_value(gate()).unwrap();
    assert_eq!(gate.spec.domain, "drill.internal");
    assert_eq!(
        (gate.spec.skew_seconds, gate.spec.max_age_seconds),
        (30, 3600)
    );
    assert_eq!(gate.spec.max_ttl.to_string(), "1h");
    assert_eq!(gate.spec.keys[0].secret_ref.key, "key.jwk");
    assert!(gate.spec.audit.log && gate.spec.audit.filter_state);

    assert_eq!(verdict::<Drill>(&drill(), None), "accepted");
    let drill: Drill = serde_json::from_value(without(drill(), "/spec/mode")).unwrap();
    let route = &drill.spec.routes[0];
    assert_eq!(drill.spec.mode, super::Mode::Authority);
    assert_eq!(route.timeout.as_secs(), 30);
    assert_eq!(
        (
            route.retries.attempts,
            route.retries.per_try_timeout.as_secs()
        ),
        (2, 10)
    );
    assert_eq!(route.retries.retry_on, "5xx");
}

/// Istio keeps one access log for a provider, the last that is asked for.
#[test]
fn drills_have_an_access_log_provider_of_their_own() {
    let logging = |kept: &[&str]| {
        let audit = json!({"accessLogProvider": "drills", "keepAccessLogProviders": kept});
        verdict::<DrillGate>(&with(gate(), "/spec/audit", audit), None)
    };
    assert_eq!(logging(&["envoy"]), "accepted");
    let refused = logging(&["envoy", "drills"]);
    assert!(refused.contains("a provider of their own"), "{refused}");
}

#[test]
fn a_gate_has_either_a_selector_or_references() {
    let both = with(gate(), "/spec/targetRefs", json!([{"name": "public"}]));
    let none = without(gate(), "/spec/selector");
    for gate in [&both, &none] {
        let verdict = verdict::<DrillGate>(gate, None);
        assert!(
            verdict.contains("exactly one of selector and targetRefs"),
            "{verdict}"
        );
    }
    let referring = without(both, "/spec/selector");
    let unbound = without(gate(), "/spec/gateways");
    for gate in [&referring, &unbound] {
        let verdict = verdict::<DrillGate>(gate, None);
        assert!(verdict.contains("go with selector"), "{verdict}");
    }
    let referring = without(referring, "/spec/gateways");
    assert_eq!(verdict::<DrillGate>(&referring, None), "accepted");
}

#[test]
fn a_gates_name_leaves_room_for_the_names_of_its_objects() {
    let named =
        |name: &str| verdict::<DrillGate>(&with(gate(), "/metadata/name", json!(name)), None);
    assert_eq!(named(&"g".repeat(40)), "accepted");
    for name in ["g".repeat(41), "a.b".to_owned()] {
        assert!(
            named(&name).contains("at most 40 characters and no dot"),
            "{name}"
        );
    }
}

#[test]
fn times_have_bounds() {
    let gate = |ttl: &str| verdict::<DrillGate>(&with(gate(), "/spec/maxTtl", json!(ttl)), None);
    let drill = |at: &str, time: &str| verdict::<Drill>(&with(drill(), at, json!(time)), None);
    for ttl in ["1s", "90s", "1h30m", "24h", "1440m"] {
        assert_eq!(gate(ttl), "accepted", "{ttl}");
        assert_eq!(drill("/spec/ttl", ttl), "accepted", "{ttl}");
    }
    for (ttl, said) in [
        ("0s", "must be at least 1s"),
        ("0h0m", "must be at least 1s"),
        ("24h1s", "must be at most 24h"),
        ("86401s", "must be at most 24h"),
    ] {
        assert!(gate(ttl).contains(said), "{ttl}");
        assert!(drill("/spec/ttl", ttl).contains(said), "{ttl}");
    }
    // Istio refuses a time limit of nothing; a long one is nobody's business.
    let timeout = "/spec/routes/0/timeout";
    assert!(drill(timeout, "0s").contains("must be at least 1s"));
    assert_eq!(drill(timeout, "48h"), "accepted");
}

#[test]
fn production_belongs_to_mode_owned() {
    let production = json!({"host": "orders.shop", "port": 80});
    let named = with(drill(), "/spec/routes/0/production", production);
    let owned = |drill: Value| with(drill, "/spec/mode", json!("Owned"));
    assert_eq!(verdict::<Drill>(&owned(named.clone()), None), "accepted");
    for drill in [named, owned(drill())] {
        let verdict = verdict::<Drill>(&drill, None);
        assert!(
            verdict.contains("a route has production in mode Owned"),
            "{verdict}"
        );
    }
}

#[test]
fn what_a_drill_is_cannot_change_and_how_it_runs_can() {
    let owned = with(
        with(drill(), "/spec/mode", json!("Owned")),
        "/spec/routes/0/production",
        json!({"host": "orders.shop", "port": 80}),
    );
    for changed in [
        with(drill(), "/spec/environment", json!("other")),
        with(drill(), "/spec/gateRef/name", json!("other")),
        without(drill(), "/spec/gateRef/namespace"),
        owned,
    ] {
        let verdict = verdict::<Drill>(&changed, Some(&drill()));
        assert!(verdict.contains("cannot be changed"), "{verdict}");
    }
    for changed in [
        with(drill(), "/spec/ttl", json!("2h")),
        with(drill(), "/spec/routes/0/sandbox/port", json!(81)),
        with(
            drill(),
            "/spec/circuitBreaker",
            json!({"maxConnections": 5}),
        ),
    ] {
        assert_eq!(verdict::<Drill>(&changed, Some(&drill())), "accepted");
    }
}

#[test]
fn the_shortest_schedule_is_accepted_and_filled_with_defaults() {
    assert_eq!(schedule_verdict(&schedule(), None), "accepted");
    let schedule: DrillSchedule = serde_json::from_value(schedule()).unwrap();
    let spec = schedule.spec;
    assert_eq!(spec.concurrency_policy, super::ConcurrencyPolicy::Forbid);
    assert!(!spec.suspend && spec.time_zone.is_none());
    assert!(spec.starting_deadline_seconds.is_none());
    assert_eq!(
        (
            spec.successful_drills_history_limit,
            spec.failed_drills_history_limit
        ),
        (3, 3)
    );
}

#[test]
fn a_schedule_has_five_fields_or_a_name_and_no_zone_in_it() {
    let with_times =
        |text: &str| schedule_verdict(&with(schedule(), "/spec/schedule", json!(text)), None);
    for text in ["*/15 8-17 * jan,jul mon-fri", "@daily", "0\t2 * * ?"] {
        assert_eq!(with_times(text), "accepted", "{text}");
    }
    for text in [
        "0 2 * *",
        "0 0 2 * * *",
        "@reboot",
        "@every 5m",
        "TZ=UTC 0 2 * * *",
    ] {
        assert!(with_times(text).contains("must be five fields"), "{text}");
    }
    for name in ["s".repeat(53), "a.b".to_owned()] {
        let named = with(schedule(), "/metadata/name", json!(name));
        let verdict = schedule_verdict(&named, None);
        assert!(
            verdict.contains("at most 52 characters and no dot"),
            "{verdict}"
        );
    }
}

#[test]
fn a_template_may_change_where_a_drill_may_not_and_keeps_its_other_rules() {
    let template = "/spec/drillTemplate/spec";
    for (member, value) in [
        ("environment", json!("other")),
        ("gateRef", json!({"name": "other"})),
    ] {
        let changed = with(schedule(), &format!("{template}/{member}"), value);
        assert_eq!(schedule_verdict(&changed, Some(&schedule())), "accepted");
    }
    let owned = with(schedule(), &format!("{template}/mode"), json!("Owned"));
    assert!(schedule_verdict(&owned, None).contains("a route has production in mode Owned"));
    let text = schedules().to_string();
    assert!(!text.contains("cannot be changed") && !text.contains("oldSelf"));
}

#[test]
fn a_drill_must_say_how_long_it_lasts() {
    let required = schema::<Drill>()["properties"]["spec"]["required"].clone();
    assert_eq!(required, json!(["environment", "gateRef", "routes", "ttl"]));
    assert!(serde_json::from_value::<Drill>(without(drill(), "/spec/ttl")).is_err());
}

/// The API server works out what a rule could cost at most, and refuses a definition without
/// bounds; a default that its own schema refuses it refuses, too.
#[test]
fn every_text_list_and_map_of_a_spec_is_bounded_and_every_default_fits() {
    for schema in [schema::<DrillGate>(), schema::<Drill>(), schedules()] {
        walk(&schema["properties"]["spec"], "spec");
    }
}

fn walk(schema: &Value, path: &str) {
    let bound = match schema["type"].as_str() {
        Some("string") if schema["enum"].is_array() => None,
        Some("string") => Some("maxLength"),
        Some("array") => Some("maxItems"),
        Some("object") if schema["additionalProperties"].is_object() => Some("maxProperties"),
        Some("integer") => Some("maximum"),
        Some("object" | "boolean") => None,
        // Any JSON: what an object may have is bounded by the API server alone.
        None if schema["x-kubernetes-preserve-unknown-fields"] == true => None,
        other => panic!("{path}: {other:?}"),
    };
    if let Some(bound) = bound {
        assert!(schema[bound].is_number(), "{path} has no {bound}");
    }
    if schema["minLength"].is_number() {
        assert_ne!(schema["default"], json!(""), "{path}");
    }
    // The API server warns of a format that it does not know.
    let format = &schema["format"];
    assert!(
        ["null", "\"int32\"", "\"int64\""].contains(&format.to_string().as_str()),
        "{path}: {format}"
    );
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert!(
            property["description"].is_string(),
            "{path}.{name} is not explained"
        );
        walk(property, &format!("{path}.{name}"));
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"));
    }
}

#[test]
fn lists_that_are_maps_are_declared_as_such() {
    let gate = schema::<DrillGate>();
    let drill = schema::<Drill>();
    for (schema, pointer, key) in [
        (&gate, "/properties/spec/properties/keys", "kid"),
        (
            &gate,
            "/properties/spec/properties/protectedNamespaces",
            "name",
        ),
        (&gate, "/properties/status/properties/conditions", "type"),
        (&drill, "/properties/spec/properties/routes", "host"),
        (&drill, "/properties/status/properties/conditions", "type"),
        (
            &schedules(),
            "/properties/status/properties/conditions",
            "type",
        ),
        (
            &schedules(),
            "/properties/spec/properties/drillTemplate/properties/spec/properties/routes",
            "host",
        ),
    ] {
        let list = schema.pointer(pointer).unwrap();
        assert_eq!(list["x-kubernetes-list-type"], "map", "{pointer}");
        assert_eq!(
            list["x-kubernetes-list-map-keys"],
            json!([key]),
            "{pointer}"
        );
    }
}

#[test]
fn short_names_clash_with_none_of_istios() {
    let istio = [
        "vs",
        "dr",
        "gw",
        "se",
        "we",
        "wg",
        "ap",
        "pa",
        "ra",
        "telemetry",
        "sidecar",
    ];
    for crd in super::crds() {
        let names = crd.spec.names.short_names.unwrap();
        assert!(
            names.iter().all(|name| !istio.contains(&name.as_str())),
            "{names:?}"
        );
    }
}

#[test]
fn each_paragraph_of_an_explanation_is_one_line() {
    let crds = serde_json::to_value(super::crds()).unwrap();
    let mode =
        "/1/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/mode/description";
    let text = crds.pointer(mode).unwrap().as_str().unwrap();
    assert!(
        text.starts_with("How its requests are told apart") && !text.contains('\n'),
        "{text}"
    );
}
