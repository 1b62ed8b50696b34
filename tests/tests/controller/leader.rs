//! Which replica works.

use std::time::Duration;

use drillgate::api::Phase;
use drillgate_tests::control_plane::{CONTROLLER, Controller, Proxy};
use tokio::time::sleep;

use crate::{gated, is_in};

#[tokio::test]
async fn a_second_replica_waits_and_takes_over_when_the_first_is_killed() {
    let (plane, scene, first) = gated().await;
    let mut second = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    second.logged("stands by").await;
    assert_eq!(second.get("/readyz").await, (200, "ok\n".to_owned()));
    assert!(
        second
            .get("/metrics")
            .await
            .1
            .contains("drillgate_leader 0")
    );
    assert!(first.get("/metrics").await.1.contains("drillgate_leader 1"));
    drop(first);
    second.leads().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test]
async fn a_replica_that_is_asked_to_end_gives_the_lease_back() {
    let (plane, scene, first) = gated().await;
    first.signal("TERM");
    first.ended().await;
    // With a long lease: only one that was given back can be had at once.
    let mut second =
        Controller::start_with(&plane.kubeconfig_as(CONTROLLER), &["--lease-seconds=600"]);
    second.leads().await;
    second.signal("TERM");
    second.ended().await;
    let mut third = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    third.leads().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_stopped_and_wakes_up_writes_nothing() {
    let (plane, scene, first) = gated().await;
    first.signal("TERM");
    first.ended().await;
    // Through a proxy of its own, so that what it sends can be told apart.
    let proxy = Proxy::start(&plane, CONTROLLER).await;
    let mut sleeper = Controller::start(&proxy.kubeconfig());
    sleeper.leads().await;
    sleeper.signal("STOP");
    let mut other = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    other.leads().await;
    scene.apply(scene.drill("orders")).await;
    scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    // There is work: what it wakes up to is an edit.
    let mut edited = scene.drill("orders");
    edited["spec"]["ttl"] = serde_json::json!("10m");
    scene.apply(edited).await;
    let before = proxy.requests().len();
    sleeper.signal("CONT");
    sleeper.ended().await;
    sleep(Duration::from_millis(200)).await;
    let after = proxy.requests();
    let writes: Vec<_> = after
        .iter()
        .skip(before)
        .filter(|call| call.is_write())
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(
        sleeper.log().contains("no longer the leader"),
        "{}",
        sleeper.log()
    );
}
