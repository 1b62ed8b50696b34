//! What the controller does when there is nothing to do.

use std::time::Duration;

use drillgate::api::Phase;
use drillgate_tests::control_plane::{Request, tally};
use tokio::time::sleep;

use crate::{eventually, gated, is_in};

#[tokio::test]
async fn at_rest_nothing_is_written_but_the_lease() {
    let (plane, scene, controller) = gated().await;
    for n in 0..10 {
        scene.apply(scene.drill(&format!("d{n}"))).await;
    }
    for n in 0..10 {
        scene
            .drill_until(&format!("d{n}"), |drill| is_in(drill, Phase::Active))
            .await;
    }
    // What was set off by the last changes comes to an end; the gate counts its drills last.
    scene
        .gate_until(|gate| gate.status.as_ref().and_then(|status| status.active_drills) == Some(10))
        .await;
    let writes = async || -> Vec<Request> {
        let requests = plane.requests().await.into_iter();
        let writes = requests.filter(|request| request.is_write() && request.resource != "leases");
        writes.collect()
    };
    eventually("it has come to an end", async || {
        let before = writes().await.len();
        sleep(Duration::from_secs(3)).await;
        writes().await.len() == before
    })
    .await;
    let before = writes().await.len();
    sleep(Duration::from_secs(20)).await;
    let writes = writes().await.split_off(before);
    assert!(writes.is_empty(), "{:#?}", tally(&writes));
    assert!(!controller.has_ended());
}
