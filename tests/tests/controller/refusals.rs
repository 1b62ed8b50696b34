//! What cannot be carried out: the condition names the field and the mend, and nothing is made.

use drillgate::api::{Drill, Phase};
use drillgate_tests::control_plane::{Scene, key};
use serde_json::{Value, json};

use crate::{condition, gate_condition, gated, is_in, started};

/// Applies a drill and waits until it is refused for `reason`; gives what it says.
async fn refused(scene: &Scene, drill: &Value, reason: &str) -> String {
    scene.apply(drill.clone()).await;
    let name = drill["metadata"]["name"].as_str().unwrap();
    let is_refused = |drill: &Drill| {
        condition(drill, "Accepted")
            .is_some_and(|(status, given, _)| status == "False" && given == reason)
    };
    let refused = scene.drill_until(name, is_refused).await;
    assert!(is_in(&refused, Phase::Pending));
    assert_eq!(condition(&refused, "Ready").unwrap().0, "False");
    condition(&refused, "Accepted").unwrap().2
}

fn with(mut drill: Value, pointer: &str, value: Value) -> Value {
    *drill.pointer_mut(pointer).unwrap() = value;
    drill
}

#[tokio::test]
async fn a_drill_that_cannot_be_carried_out_says_why_and_makes_nothing() {
    let (_plane, scene, _controller) = gated().await;
    let before = scene.ours().await;

    let production = format!("orders.{}", scene.production);
    let into_production = with(
        scene.drill("a"),
        "/spec/routes/0/sandbox/host",
        json!(production),
    );
    let said = refused(&scene, &into_production, "SandboxProtected").await;
    assert!(
        said.starts_with("spec.routes[0].sandbox: ") && said.contains(&scene.production),
        "{said}"
    );

    let long = with(scene.drill("b"), "/spec/ttl", json!("90m"));
    let said = refused(&scene, &long, "TtlOutOfRange").await;
    assert!(
        said.starts_with("spec.ttl: 90m is longer than the 1h"),
        "{said}"
    );

    let nowhere = with(scene.drill("c"), "/spec/gateRef/name", json!("other"));
    let said = refused(&scene, &nowhere, "GateNotFound").await;
    assert!(
        said.contains(&format!("{}/other does not exist", scene.gateway)),
        "{said}"
    );

    let mut owned = scene.drill("d");
    owned["spec"]["mode"] = json!("Owned");
    owned["spec"]["routes"][0]["production"] = json!({"host": production, "port": 80});
    let said = refused(&scene, &owned, "HostNotOwned").await;
    assert!(said.contains("ownedHosts"), "{said}");

    assert_eq!(scene.ours().await, before);
}

#[tokio::test]
async fn two_drills_for_one_host_and_environment_take_turns() {
    let (_plane, scene, _controller) = gated().await;
    let first = scene.drill("orders");
    scene.apply(first.clone()).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;

    let mut second = scene.drill("second");
    second["spec"]["routes"][0]["host"] = json!("orders.example.com");
    let said = refused(&scene, &second, "HostInUse").await;
    assert!(
        said.contains(&format!("drill {}/orders", scene.sandbox)),
        "{said}"
    );

    // It does not have to be touched: the place becomes free, and it takes it.
    scene.delete(&first).await;
    scene
        .drill_until("second", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test]
async fn the_schema_refuses_what_can_be_seen_in_one_object() {
    let (_plane, scene, _controller) = gated().await;
    let no_ttl = {
        let mut drill = scene.drill("a");
        drill["spec"].as_object_mut().unwrap().remove("ttl");
        drill
    };
    for (drill, word) in [
        (no_ttl, "spec.ttl"),
        (
            with(scene.drill("a"), "/spec/ttl", json!("0s")),
            "must be at least 1s",
        ),
        (
            with(scene.drill("a"), "/spec/ttl", json!("25h")),
            "spec.ttl",
        ),
        (
            with(scene.drill("a"), "/spec/routes", json!([])),
            "spec.routes",
        ),
        (
            with(scene.drill("a"), "/spec/environment", json!("Orders")),
            "spec.environment",
        ),
    ] {
        let refusal = scene.try_apply(drill).await.unwrap_err().to_string();
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    scene.apply(scene.drill("a")).await;
    for (pointer, value) in [
        ("/spec/environment", json!("other")),
        ("/spec/gateRef/name", json!("other")),
    ] {
        let changed = with(scene.drill("a"), pointer, value);
        let refusal = scene.try_apply(changed).await.unwrap_err().to_string();
        assert!(
            refusal.contains("cannot be changed: make another Drill"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn a_gate_says_what_it_lacks_and_goes_on_when_it_is_mended() {
    let (plane, scene, _controller) = started().await;
    plane
        .grant_keys(&scene.gateway, &["drill-keys", "missing"])
        .await;
    // A Gateway whose one server takes other hosts.
    scene
        .apply(scene.istio_gateway(json!(["shop.example.com"])))
        .await;
    let mut gate = scene.gate();
    gate["spec"]["keys"][0]["secretRef"]["name"] = json!("missing");
    scene.apply(gate.clone()).await;
    let told = scene
        .gate_until(|gate| {
            gate_condition(gate, "KeysResolved").is_some_and(|held| held.1 == "SecretNotFound")
                && gate_condition(gate, "HostsAccepted")
                    .is_some_and(|held| held.1 == "HostsNotAccepted")
        })
        .await;
    let hosts = gate_condition(&told, "HostsAccepted").unwrap().2;
    assert!(
        hosts.contains(&format!("{}/public", scene.gateway)) && hosts.contains("*.drill.internal"),
        "{hosts}"
    );
    assert_eq!(scene.ours().await, Vec::<String>::new());

    let mut short = key("ci", 7);
    short["k"] = json!("c2hvcnQ");
    scene.apply(scene.secret("missing", &short)).await;
    let is_short =
        |held: (String, String, String)| held.1 == "KeyTooShort" && held.2.contains("32 bytes");
    scene
        .gate_until(|gate| gate_condition(gate, "KeysResolved").is_some_and(is_short))
        .await;

    scene.apply(scene.secret("missing", &key("ci", 7))).await;
    scene
        .gate_until(|gate| {
            gate_condition(gate, "KeysResolved").is_some_and(|held| held.0 == "True")
        })
        .await;
    // Nothing but the Gateway changes now, and there is no drill.
    scene.apply(scene.istio_gateway(json!(["*"]))).await;
    scene
        .gate_until(|gate| gate_condition(gate, "Ready").is_some_and(|held| held.0 == "True"))
        .await;
    assert!(scene.ours().await.len() >= 4);
}
