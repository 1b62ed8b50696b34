//! The controller is killed at every request of a drill's life, before and after the API server
//! has taken it: a new one carries on, and nothing is left in the end.

use std::time::Duration;

use drillgate::api::Phase;
use drillgate_tests::control_plane::{Call, Controller, Moment, Proxy, Scene};
use tokio::time::sleep;

use crate::{count, eventually, gate_ready, is_in, proxied};

/// Of each controller that is killed: its heir waits until its lease has run out.
const QUICK: [&str; 1] = ["--lease-seconds=5"];

/// Of each heir, which gives its lease back in the end: it leads on however slow the machine is.
const STEADY: [&str; 1] = ["--lease-seconds=60"];

/// A request that belongs to a drill's life: what else writes is the election, and the gate, which
/// tells the number of its drills now and then.
fn is_of_life(call: &Call) -> bool {
    call.is_write() && !call.path.contains("/leases") && !call.path.contains("/drillgates/")
}

/// Brings a drill up and takes it away again through `proxy`, by one controller that is never
/// harmed; gives how many writes that took.
async fn unharmed(scene: &Scene, proxy: &Proxy) -> usize {
    let mut controller = Controller::start(&proxy.kubeconfig());
    controller.leads().await;
    let before = count(proxy, is_of_life);
    life(scene, "unharmed").await;
    let after = count(proxy, is_of_life);
    controller.signal("TERM");
    controller.ended().await;
    after - before
}

async fn life(scene: &Scene, name: &str) {
    let drill = scene.drill(name);
    scene.apply(drill.clone()).await;
    scene
        .drill_until(name, |drill| is_in(drill, Phase::Active))
        .await;
    scene.delete(&drill).await;
    scene.gone(&drill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_controller_is_killed_a_new_one_carries_on_and_nothing_is_left() {
    let (_plane, scene, proxy, first) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    first.signal("TERM");
    first.ended().await;
    let gate_objects = scene.ours().await;
    let writes = unharmed(&scene, &proxy).await;
    // Finalizer, plan, two objects, entry, status, event; entry, two objects, finalizer.
    assert!((8..=20).contains(&writes), "{writes} writes in a life");

    for nth in 1..=writes {
        for moment in [Moment::Before, Moment::After] {
            let name = format!("k{nth}{moment:?}").to_lowercase();
            let drill = scene.drill(&name);
            let mut doomed = Controller::start_with(&proxy.kubeconfig(), &QUICK);
            doomed.leads().await;
            let mut hold = proxy.hold_at(nth, moment, is_of_life);
            scene.apply(drill.clone()).await;
            let killed = async {
                hold.reached().await;
                drop(doomed);
                drop(hold);
            };
            let lived = async {
                // It comes up, unless it is killed before, and goes.
                scene
                    .drill_until(&name, |drill| is_in(drill, Phase::Active))
                    .await;
                scene.delete(&drill).await;
                scene.gone(&drill).await;
                sleep(Duration::from_secs(1)).await;
            };
            tokio::select! {
                () = killed => {}
                // A life has a write more when a look was based on what has changed meanwhile.
                () = lived => assert!(nth > 8, "write {nth} of {writes} never came"),
            }
            let mut heir = Controller::start_with(&proxy.kubeconfig(), &STEADY);
            heir.leads().await;
            if scene
                .get(&drill)
                .await
                .is_some_and(|drill| drill.metadata.deletion_timestamp.is_none())
            {
                scene
                    .drill_until(&name, |drill| is_in(drill, Phase::Active))
                    .await;
                scene.delete(&drill).await;
            }
            scene.gone(&drill).await;
            eventually("nothing of it is left", async || {
                scene.ours().await == gate_objects
            })
            .await;
            let listed = scene.plugin_configuration().await.get("drills").cloned();
            let is_empty =
                listed.is_none_or(|list| list.as_object().is_none_or(|list| list.is_empty()));
            assert!(
                is_empty,
                "killed {moment:?} write {nth}: the active list is not empty"
            );
            heir.signal("TERM");
            heir.ended().await;
        }
    }
}
