//! A drill's life, from its resource to nothing left.

use std::time::Duration;

use drillgate::api::Phase;
use drillgate_tests::control_plane::{Call, Hold, Moment, Proxy, Scene};
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{condition, eventually, gate_ready, gated, is_in, proxied};

#[tokio::test]
async fn a_drill_is_brought_up_and_its_deletion_leaves_nothing() {
    let (plane, scene, _controller) = gated().await;
    let gate_objects = scene.ours().await;

    let drill = scene.drill("orders");
    scene.apply(drill.clone()).await;
    let active = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    assert_eq!(condition(&active, "Ready").unwrap().0, "True");
    let edge = condition(&active, "EdgeProgrammed").unwrap();
    assert_eq!(
        (edge.0.as_str(), edge.2.as_str()),
        (
            "Unknown",
            "the gate has no probe.address, so nobody has asked the gateway"
        )
    );
    let id = active.status.as_ref().unwrap().drill_id.clone().unwrap();
    assert_eq!(Some(&id), active.metadata.uid.as_ref());
    let configuration = scene.plugin_configuration().await;
    assert_eq!(configuration["drills"][&id][0]["environment"], "orders-dr");
    assert_eq!(
        scene.ours().await.len(),
        gate_objects.len() + 2,
        "{:?}",
        scene.ours().await
    );

    // As people say it.
    let namespaces = [&scene.gateway, &scene.sandbox];
    for (name, namespace) in ["drillgate/edge", "drill/orders"]
        .into_iter()
        .zip(namespaces)
    {
        plane
            .kubectl([
                "wait",
                "--for=condition=Ready",
                name,
                "-n",
                namespace,
                "--timeout=30s",
            ])
            .await;
    }
    for (kind, name, namespace) in [
        ("drillgate", "edge", namespaces[0]),
        ("drl", "orders", namespaces[1]),
    ] {
        let row = plane
            .kubectl(["get", kind, name, "-n", namespace, "--no-headers"])
            .await;
        assert!(row.contains("True"), "{row}");
    }

    scene.delete(&drill).await;
    scene.gone(&drill).await;
    assert_eq!(scene.ours().await, gate_objects);
    assert_eq!(
        scene
            .plugin_configuration()
            .await
            .get("drills")
            .cloned()
            .unwrap_or_default(),
        json!(null)
    );
}

/// Brings `drill` up and deletes it, where the write that takes its entry out of the active list is held
/// before the API server has seen it.
async fn ending(scene: &Scene, proxy: &Proxy, drill: &Value) -> Hold {
    scene.apply(drill.clone()).await;
    let name = drill["metadata"]["name"].as_str().unwrap();
    scene
        .drill_until(name, |drill| is_in(drill, Phase::Active))
        .await;
    let mut hold = proxy.hold_at(1, Moment::Before, |call: &Call| {
        call.is_write() && call.path.contains("/trafficextensions/")
    });
    scene.delete(drill).await;
    hold.reached().await;
    hold
}

/// The drills' routes that there are.
async fn routes(scene: &Scene) -> usize {
    let all = scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await;
    let of_drills = all
        .iter()
        .filter(|route| route.namespace().as_ref() == Some(&scene.sandbox));
    of_drills.count()
}

async fn listed(scene: &Scene) -> usize {
    let drills = scene.plugin_configuration().await["drills"].clone();
    drills.as_object().map_or(0, |drills| drills.len())
}

/// Nobody waits for a list of a thousand others to be written: behind the drill's own host stands the
/// guard, which answers 503.
#[tokio::test]
async fn a_host_of_the_drills_own_goes_while_its_entry_is_still_being_taken_out() {
    let (_plane, scene, proxy, _controller) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    let drill = scene.drill("orders");
    let hold = ending(&scene, &proxy, &drill).await;
    eventually("the drill has no routes", async || {
        routes(&scene).await == 0
    })
    .await;
    assert_eq!(listed(&scene).await, 1);
    hold.release();
    scene.gone(&drill).await;
    assert_eq!(listed(&scene).await, 0);
}

/// Who answers for an owned host without the drill's routes may be anybody, also one that serves all.
#[tokio::test]
async fn the_routes_of_an_owned_host_stay_until_its_entry_is_taken_out() {
    let (_plane, scene, proxy, _controller) = proxied().await;
    let mut gate = scene.gate();
    gate["spec"]["ownedHosts"] = json!(["owned.example.com"]);
    scene.apply(gate).await;
    gate_ready(&scene).await;
    let mut drill = scene.drill("orders");
    drill["spec"]["mode"] = json!("Owned");
    drill["spec"]["routes"] = json!([{
        "host": "owned.example.com",
        "sandbox": {"host": "orders", "port": 80},
        "production": {"host": "orders.production.svc.cluster.local", "port": 80},
    }]);
    let hold = ending(&scene, &proxy, &drill).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!((routes(&scene).await, listed(&scene).await), (1, 1));
    hold.release();
    scene.gone(&drill).await;
    assert_eq!((routes(&scene).await, listed(&scene).await), (0, 0));
}
