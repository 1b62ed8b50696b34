//! What the controller lives through.

use std::time::Duration;

use drillgate::api::{Drill, Phase};
use drillgate_tests::control_plane::{CONTROLLER, Call, ControlPlane, Controller, Fault, Scene};
use http::StatusCode;
use k8s_openapi::jiff::Timestamp;
use kube::CustomResourceExt;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{count, eventually, gate_ready, gated, is_in, proxied};

#[tokio::test]
async fn the_api_server_is_restarted_and_drills_go_on() {
    let (mut plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("before")).await;
    scene
        .drill_until("before", |drill| is_in(drill, Phase::Active))
        .await;
    plane.stop_apiserver();
    sleep(Duration::from_secs(3)).await;
    // One that has just begun refuses for a moment what its roles allow: it has not read them all.
    plane.expect_refusals();
    plane.start_apiserver().await;
    // It may have lost its leadership meanwhile; in a cluster the kubelet starts it again.
    let _heir = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    scene.apply(scene.drill("after")).await;
    scene
        .drill_until("after", |drill| is_in(drill, Phase::Active))
        .await;
    scene.delete(&scene.drill("before")).await;
    scene.gone(&scene.drill("before")).await;
}

#[tokio::test]
async fn etcd_stands_still_and_a_drill_that_ends_meanwhile_is_removed_afterwards() {
    let (mut plane, scene, _controller) = gated().await;
    let mut drill = scene.drill("orders");
    drill["spec"]["ttl"] = json!("60s");
    scene.apply(drill).await;
    let active = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let end = active.status.unwrap().expires_at.unwrap().0;
    plane.pause_etcd();
    while Timestamp::now() < end {
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(5)).await;
    plane.resume_etcd();
    let _heir = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Ended))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_api_server_are_tried_again_and_counted() {
    let (_plane, scene, proxy, controller) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    for (status, name) in [
        (StatusCode::TOO_MANY_REQUESTS, "throttled"),
        (StatusCode::INTERNAL_SERVER_ERROR, "failing"),
    ] {
        let is_route = |call: &Call| call.is_write() && call.path.contains("/virtualservices/");
        let tries = || count(&proxy, is_route);
        let before = tries();
        proxy.fail(Fault::Status(status), is_route);
        scene.apply(scene.drill(name)).await;
        eventually("it is tried again", async || tries() >= before + 3).await;
        proxy.heal();
        scene
            .drill_until(name, |drill| is_in(drill, Phase::Active))
            .await;
    }
    let (_, metrics) = controller.get("/metrics").await;
    let counted = "drillgate_reconcile_failures_total{kind=\"Drill\",category=\"ServerError\"}";
    assert!(metrics.contains(counted), "{metrics}");
    // All connections are cut, watches too.
    proxy.cut();
    sleep(Duration::from_millis(500)).await;
    proxy.heal();
    let _heir = Controller::start(&proxy.kubeconfig());
    scene.apply(scene.drill("cut")).await;
    scene
        .drill_until("cut", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test]
async fn a_missing_definition_is_waited_for_by_name() {
    let plane = ControlPlane::start().await;
    plane.install_istio_crds().await;
    plane.grant_controller().await;
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.logged("CRD drillgates.drillgate.dev").await;
    let waits = (503, "waits for CRD drillgates.drillgate.dev\n".to_owned());
    eventually("it is not ready for that", async || {
        controller.get("/readyz").await == waits
    })
    .await;
    assert_eq!(controller.get("/healthz").await.0, 200);
    let scene = Scene::set(&plane).await;
    controller.leads().await;
    assert_eq!(controller.get("/readyz").await.0, 200);
    scene.apply(scene.gate()).await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_has_expired_begins_anew() {
    let (_plane, scene, proxy, _controller) = proxied().await;
    scene.apply(scene.gate()).await;
    let is_watch = |call: &Call| call.path.contains("watch=true");
    let watches = || count(&proxy, is_watch);
    let before = watches();
    proxy.fail(Fault::Status(StatusCode::GONE), is_watch);
    // Each watch ends and is refused when it would go on from where it was.
    proxy.cut();
    sleep(Duration::from_millis(200)).await;
    proxy.heal();
    proxy.fail(Fault::Status(StatusCode::GONE), is_watch);
    eventually("the watches are refused", async || watches() > before + 3).await;
    proxy.heal();
    // On a busy machine it may have lost its leadership meanwhile.
    let _heir = Controller::start(&proxy.kubeconfig());
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_named_and_the_others_go_on() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    // What an older or a newer version of the definition let through.
    let mut lax: Value = serde_json::to_value(Drill::crd()).unwrap();
    lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    plane.install_crds(&lax.to_string()).await;
    let mut odd = scene.drill("odd");
    odd["spec"]["ttl"] = json!("never");
    eventually("the lax definition counts", async || {
        scene.try_apply(odd.clone()).await.is_ok()
    })
    .await;
    let strict = serde_json::to_value(Drill::crd()).unwrap();
    plane.install_crds(&strict.to_string()).await;

    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    let told = controller.logged("cannot be read and is left alone").await;
    assert!(
        told.contains("odd") && told.contains(&scene.sandbox),
        "{told}"
    );
    scene.apply(scene.gate()).await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
}
