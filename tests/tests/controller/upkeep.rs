//! What the controller does while drills run: it follows edits, mends what others change, ends
//! drills on time and clears up what nobody removed.

use drillgate::api::Phase;
use drillgate_tests::control_plane::Fault;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::batches::{ONE_SHOT, entries, one_shot};
use crate::{condition, eventually, gate_ready, gated, is_in, proxied};

fn virtual_service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
    })
}

#[tokio::test]
async fn an_edit_of_a_live_drill_converges_and_drops_what_is_no_longer_wanted() {
    let (_plane, scene, _controller) = gated().await;
    let mut drill = scene.drill("orders");
    scene.apply(drill.clone()).await;
    let before = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let started = before.status.as_ref().unwrap().started_at.clone();

    drill["spec"]["ttl"] = json!("30m");
    drill["spec"]["routes"] = json!([
        {"host": "other.example.com", "sandbox": {"host": "other", "port": 8080}, "timeout": "5s"},
    ]);
    scene.apply(drill).await;
    let after = scene
        .drill_until("orders", |drill| {
            let status = drill.status.clone().unwrap_or_default();
            status.observed_generation == drill.metadata.generation
                && is_in(drill, Phase::Active)
                && status.objects.len() == 2
        })
        .await;
    let status = after.status.unwrap();
    assert_eq!(status.started_at, started);
    let (start, end) = (status.started_at.unwrap().0, status.expires_at.unwrap().0);
    assert_eq!(end.as_second() - start.as_second(), 1800);
    let services = scene
        .of_kind("networking.istio.io", "v1", "VirtualService")
        .await;
    let mut drills = services.iter().filter(|service| {
        service
            .metadata
            .labels
            .as_ref()
            .unwrap()
            .contains_key("drillgate.dev/drill-id")
    });
    let only = drills.next().unwrap();
    assert!(drills.next().is_none());
    let host = only.data["spec"]["hosts"][0].as_str().unwrap();
    assert!(host.starts_with("other.example.com."), "{host}");
    let id = status.drill_id.unwrap();
    let entry = scene.plugin_configuration().await["drills"][&id][0]["notAfter"].clone();
    assert_eq!(entry.as_f64().unwrap() as i64, end.as_second());
}

#[tokio::test]
async fn what_was_deleted_or_changed_by_hand_is_made_again_and_an_event_says_so() {
    let (_plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("orders")).await;
    let drill = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let status = drill.status.unwrap();
    let route = status
        .objects
        .iter()
        .find(|object| object.kind == "VirtualService")
        .unwrap();
    let object = virtual_service(&route.namespace, &route.name);
    let before = scene.get(&object).await.unwrap();

    scene.delete(&object).await;
    eventually("the route is made again", async || {
        scene
            .get(&object)
            .await
            .is_some_and(|now| now.data["spec"] == before.data["spec"])
    })
    .await;
    eventually("an event tells", async || {
        let events = scene.events(&scene.sandbox, "orders").await;
        events
            .iter()
            .any(|event| event.starts_with("Repaired: ") && event.contains(&route.name))
    })
    .await;

    // Another hand takes the entry out of the active list.
    let id = status.drill_id.unwrap();
    let plugin = scene.plugin().await;
    let mut emptied = plugin.clone();
    emptied["spec"].as_object_mut().unwrap().clear();
    scene.apply_as(&emptied, "drillgate-drills").await;
    eventually("the entry is made again", async || {
        scene.plugin_configuration().await["drills"]
            .get(&id)
            .is_some()
    })
    .await;

    // And the gate's guard goes.
    let guards = scene
        .of_kind("security.istio.io", "v1", "AuthorizationPolicy")
        .await;
    let guard = &guards[0];
    let guard = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": guard.metadata.name, "namespace": guard.metadata.namespace},
    });
    scene.delete(&guard).await;
    eventually("the guard is made again", async || {
        scene.get(&guard).await.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_field_that_another_manager_holds_is_a_condition_that_names_it() {
    let (_plane, scene, _controller) = gated().await;
    let mut drill = scene.drill("orders");
    scene.apply(drill.clone()).await;
    let active = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let status = active.status.unwrap();
    let route = status
        .objects
        .iter()
        .find(|object| object.kind == "VirtualService")
        .unwrap();
    let mut taken = virtual_service(&route.namespace, &route.name);
    taken["spec"] = json!({"hosts": ["taken.example.com"]});
    scene.apply(taken).await;
    // The change sets a look off, or at the latest this edit does.
    drill["spec"]["ttl"] = json!("59m");
    scene.apply(drill).await;
    let told = scene
        .drill_until("orders", |drill| {
            condition(drill, "RoutesProgrammed").is_some_and(|held| held.1 == "Conflict")
        })
        .await;
    let message = condition(&told, "RoutesProgrammed").unwrap().2;
    assert!(
        message.contains("\"kubectl\"") && message.contains("spec.hosts"),
        "{message}"
    );
    assert_eq!(condition(&told, "Ready").unwrap().0, "False");
}

#[tokio::test]
async fn a_drill_ends_when_its_time_is_over_and_leaves_nothing() {
    let (_plane, scene, _controller) = gated().await;
    let before = scene.ours().await;
    let mut drill = scene.drill("orders");
    // Long enough to come up on a busy machine: one that never was active has failed.
    drill["spec"]["ttl"] = json!("15s");
    scene.apply(drill.clone()).await;
    let ended = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Ended))
        .await;
    let status = ended.status.clone().unwrap();
    assert!(status.ended_at.unwrap().0 >= status.expires_at.unwrap().0);
    assert!(status.objects.is_empty());
    assert_eq!(condition(&ended, "Ready").unwrap().0, "False");
    assert_eq!(scene.ours().await, before);
    let id = status.drill_id.unwrap();
    assert!(
        scene.plugin_configuration().await["drills"]
            .get(&id)
            .is_none()
    );
    eventually("an event tells", async || {
        let events = scene.events(&scene.sandbox, "orders").await;
        events.iter().any(|event| event.starts_with("Ended: "))
    })
    .await;
    scene.delete(&drill).await;
    scene.gone(&drill).await;
}

#[tokio::test]
async fn objects_past_their_end_are_collected_and_those_of_others_are_left_alone() {
    let (_plane, scene, mut controller) = gated().await;
    let before = scene.ours().await;
    let labelled = |name: &str| {
        let mut object = virtual_service(&scene.sandbox, name);
        object["metadata"]["labels"] = json!({
            "app.kubernetes.io/managed-by": "drillgate",
            "drillgate.dev/drill-id": "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f",
        });
        object["metadata"]["annotations"] =
            json!({"drillgate.dev/expires-at": "2026-01-01T00:00:00Z"});
        object["spec"] = json!({"hosts": ["stale.example.com"], "gateways": ["none/none"]});
        object
    };
    // What a pipeline that was killed has left, and what someone copied labels and all.
    scene.apply_as(&labelled("left"), "drillgate").await;
    scene.apply(labelled("copied")).await;
    controller.logged("collected: it has no living drill").await;
    eventually("it is collected", async || {
        scene.get(&labelled("left")).await.is_none()
    })
    .await;
    assert!(scene.get(&labelled("copied")).await.is_some());
    let (_, metrics) = controller.get("/metrics").await;
    let line = "drillgate_collected_objects_total{kind=\"VirtualService\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    scene.delete(&labelled("copied")).await;
    assert_eq!(scene.ours().await, before);
}

#[tokio::test]
async fn what_cannot_be_collected_holds_up_nothing_else() {
    let (_plane, scene, proxy, mut controller) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    // Of the objects and of the entries, the first to be collected cannot be.
    let other = ONE_SHOT.replace('6', "7");
    let broken = ONE_SHOT.to_owned();
    proxy.fail(
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        move |call| {
            let is_object = call.method == Method::DELETE && call.path.contains("/left-first");
            is_object || call.is_write() && call.path.contains(&broken)
        },
    );
    let left = |kind: &str, name: &str| {
        let mut object = virtual_service(&scene.sandbox, name);
        object["kind"] = json!(kind);
        object["metadata"]["labels"] = json!({
            "app.kubernetes.io/managed-by": "drillgate", "drillgate.dev/drill-id": other,
        });
        object["metadata"]["annotations"] =
            json!({"drillgate.dev/expires-at": "2026-01-01T00:00:00Z"});
        object
    };
    let mut first = left("DestinationRule", "left-first");
    first["spec"] = json!({"host": "stale.example.com"});
    let mut second = left("VirtualService", "left-second");
    second["spec"] = json!({"hosts": ["stale.example.com"], "gateways": ["none/none"]});
    for object in [&first, &second] {
        scene.apply_as(object, "drillgate").await;
    }
    for id in [ONE_SHOT, &other] {
        let body = entries(&scene, json!({ id: one_shot(1_700_000_000) })).await;
        scene.apply_as(&body, &format!("drillgate-{id}")).await;
    }
    eventually("the others are collected", async || {
        let list = scene.plugin_configuration().await["drills"].clone();
        scene.get(&second).await.is_none() && list[&other].is_null()
    })
    .await;
    controller.logged("could not be collected").await;
    let list = scene.plugin_configuration().await["drills"].clone();
    assert!(scene.get(&first).await.is_some() && list[ONE_SHOT].is_array());
    proxy.heal();
    eventually("all is collected", async || {
        let list = scene.plugin_configuration().await["drills"].clone();
        scene.get(&first).await.is_none() && list[ONE_SHOT].is_null()
    })
    .await;
}

#[tokio::test]
async fn a_gate_that_is_deleted_takes_its_objects_along_and_its_drills_wait() {
    let (_plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    scene.delete(&scene.gate()).await;
    scene.gone(&scene.gate()).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Pending))
        .await;
    eventually("nothing is left", async || scene.ours().await.is_empty()).await;
    // A drill can be deleted without its gate.
    scene.delete(&scene.drill("orders")).await;
    scene.gone(&scene.drill("orders")).await;
}

#[tokio::test]
async fn a_drill_and_a_gate_can_be_deleted_when_istios_definitions_are_gone() {
    let (plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    for definition in [
        "virtualservices.networking.istio.io",
        "destinationrules.networking.istio.io",
        "authorizationpolicies.security.istio.io",
        "trafficextensions.extensions.istio.io",
        "wasmplugins.extensions.istio.io",
    ] {
        plane.kubectl(["delete", "crd", definition]).await;
    }
    scene.delete(&scene.drill("orders")).await;
    scene.gone(&scene.drill("orders")).await;
    scene.delete(&scene.gate()).await;
    scene.gone(&scene.gate()).await;
}
