//! A drill's life, from its resource to nothing left.

use drillgate::api::Phase;
use serde_json::json;

use crate::{condition, gated, is_in};

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
