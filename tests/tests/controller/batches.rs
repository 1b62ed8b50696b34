//! The entries of many drills are written together, and each drill hears of its own alone.

use std::time::Duration;

use drillgate::api::{Drill, Phase};
use drillgate_tests::control_plane::{ADMIN, Call, ControlPlane, Controller, Fault, Proxy, Scene};
use futures::future::join_all;
use http::Method;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{condition, count, eventually, gate_ready, gated, is_in, proxied};

pub const ONE_SHOT: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// An entry of a pipeline that has no resources.
pub fn one_shot(until: i64) -> Value {
    json!([{
        "environment": "pipeline", "routeKey": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "notAfter": until,
        "mode": "authority",
    }])
}

/// The body of an apply to the filter that wants these entries.
pub async fn entries(scene: &Scene, drills: Value) -> Value {
    let mut filter = scene.plugin().await;
    let configuration = json!({"pluginConfig": {"drills": drills}});
    filter["spec"] = match filter["kind"].as_str() {
        Some("WasmPlugin") => configuration,
        _ => json!({ "wasm": configuration }),
    };
    filter
}

async fn listed(scene: &Scene) -> Value {
    scene.plugin_configuration().await["drills"].clone()
}

/// Who has applied anything in the filter.
async fn managers(scene: &Scene) -> Vec<String> {
    let filter = scene.get(&scene.plugin().await).await.unwrap();
    let records = filter.managed_fields().iter();
    records
        .filter_map(|record| record.manager.clone())
        .collect()
}

/// How often the filter has been written to.
fn writes(proxy: &Proxy) -> usize {
    count(proxy, |call: &Call| {
        call.method == Method::PATCH && call.path.contains("/trafficextensions/")
    })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("d{number}")).collect()
}

async fn all_active(scene: &Scene, names: &[String]) -> Vec<Drill> {
    let active = names
        .iter()
        .map(|name| scene.drill_until(name, |drill| is_in(drill, Phase::Active)));
    join_all(active).await
}

fn id(drill: &Drill) -> String {
    drill.metadata.uid.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drills_that_come_and_go_together_share_their_writes() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    let proxy = Proxy::start(&plane, ADMIN).await;
    // Long enough for a busy machine.
    let mut controller = Controller::start_with(&proxy.kubeconfig(), &["--lease-seconds=60"]);
    controller.leads().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    let names = names(24);
    let before = writes(&proxy);
    // Whatever the machine is like: some come in while a write is under way.
    proxy.fail(Fault::Delay(Duration::from_secs(2)), |call: &Call| {
        call.path.contains("/trafficextensions/") && call.is_write()
    });
    join_all(names.iter().map(|name| scene.apply(scene.drill(name)))).await;
    let drills = all_active(&scene, &names).await;
    let list = listed(&scene).await;
    for drill in &drills {
        assert_eq!(list[id(drill)][0]["environment"], "orders-dr");
    }
    let up = writes(&proxy) - before;
    assert!(up <= 12, "{up} writes for {} drills", names.len());
    let own = managers(&scene).await;
    let own = own.iter().filter(|name| *name == "drillgate-drills");
    assert_eq!(own.count(), 1, "{:?}", managers(&scene).await);

    let bodies: Vec<Value> = names.iter().map(|name| scene.drill(name)).collect();
    join_all(bodies.iter().map(|drill| scene.delete(drill))).await;
    join_all(bodies.iter().map(|drill| scene.gone(drill))).await;
    assert_eq!(listed(&scene).await, Value::Null);
    let down = writes(&proxy) - before - up;
    assert!(
        down <= 12,
        "{down} writes for the end of {} drills",
        names.len()
    );
}

#[tokio::test]
async fn a_pipelines_entry_and_the_controllers_stay_out_of_each_others_way() {
    let (_plane, scene, _controller) = gated().await;
    let alone = listed(&scene).await;
    assert_eq!(alone, Value::Null);
    scene.apply(scene.drill("first")).await;
    let first = scene
        .drill_until("first", |drill| is_in(drill, Phase::Active))
        .await;
    let manager = format!("drillgate-{ONE_SHOT}");
    let entry = one_shot(4_000_000_000);
    let body = entries(&scene, json!({ ONE_SHOT: entry })).await;
    scene.apply_as(&body, &manager).await;
    // The controller's next write is worked out from a version that is not there any more.
    scene.apply(scene.drill("second")).await;
    let second = scene
        .drill_until("second", |drill| is_in(drill, Phase::Active))
        .await;
    let list = listed(&scene).await;
    assert_eq!(list[ONE_SHOT], entry);
    assert!(list[id(&first)].is_array() && list[id(&second)].is_array());

    scene.delete(&scene.drill("first")).await;
    scene.gone(&scene.drill("first")).await;
    let list = listed(&scene).await;
    assert_eq!(list[ONE_SHOT], entry);
    assert!(list[id(&first)].is_null() && list[id(&second)].is_array());

    let nothing = scene.plugin().await;
    scene.apply_as(&nothing, &manager).await;
    let list = listed(&scene).await;
    assert_eq!(list.as_object().unwrap().len(), 1, "{list}");
    assert!(list[id(&second)].is_array());
}

#[tokio::test]
async fn a_pipelines_entry_that_is_past_its_end_is_collected() {
    let (_plane, scene, mut controller) = gated().await;
    scene.apply(scene.drill("orders")).await;
    let drill = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let body = entries(&scene, json!({ ONE_SHOT: one_shot(1_700_000_000) })).await;
    let manager = format!("drillgate-{ONE_SHOT}");
    scene.apply_as(&body, &manager).await;
    controller
        .logged("collected: an entry of the active list")
        .await;
    let list = listed(&scene).await;
    assert!(
        list[ONE_SHOT].is_null() && list[id(&drill)].is_array(),
        "{list}"
    );
    assert!(!managers(&scene).await.contains(&manager));
}

#[tokio::test]
async fn a_conflict_about_one_entry_is_told_to_its_drill_and_holds_up_no_other() {
    let (_plane, scene, _controller) = gated().await;
    // It is refused at first, so that somebody else can be quicker.
    let mut bad = scene.drill("bad");
    bad["spec"]["routes"][0]["sandbox"]["host"] = json!(format!("orders.{}.svc", scene.production));
    let bad_id = scene.apply(bad.clone()).await.uid().unwrap();
    scene
        .drill_until("bad", |drill| {
            condition(drill, "Accepted").is_some_and(|held| held.1 == "SandboxProtected")
        })
        .await;
    let taken = json!({ &bad_id: [{"environment": "taken"}] });
    let body = entries(&scene, taken).await;
    scene.apply_as(&body, "someone").await;
    scene.apply(scene.drill("bad")).await;
    let names = names(5);
    join_all(names.iter().map(|name| scene.apply(scene.drill(name)))).await;
    all_active(&scene, &names).await;
    let told = scene
        .drill_until("bad", |drill| {
            condition(drill, "RoutesProgrammed").is_some_and(|held| held.1 == "Conflict")
        })
        .await;
    let message = condition(&told, "RoutesProgrammed").unwrap().2;
    assert!(
        message.contains("\"someone\"") && message.contains(&format!(".drills.{bad_id}")),
        "{message}"
    );
    assert_eq!(
        listed(&scene).await[&bad_id],
        json!([{"environment": "taken"}])
    );
    // When it is free again, the drill comes up.
    let nothing = scene.plugin().await;
    scene.apply_as(&nothing, "someone").await;
    scene
        .drill_until("bad", |drill| is_in(drill, Phase::Active))
        .await;
}

#[tokio::test]
async fn an_entry_that_was_taken_by_force_is_left_to_who_took_it_and_costs_the_others_nothing() {
    let (_plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("orders")).await;
    let drill = scene
        .drill_until("orders", |drill| is_in(drill, Phase::Active))
        .await;
    let mut taken = listed(&scene).await[id(&drill)].clone();
    taken[0]["notAfter"] = json!(4_000_000_000_i64);
    let held = json!({ id(&drill): taken });
    // A user of kubectl, who forces.
    scene.apply(entries(&scene, held).await).await;
    scene.apply(scene.drill("other")).await;
    let other = scene
        .drill_until("other", |drill| is_in(drill, Phase::Active))
        .await;
    let list = listed(&scene).await;
    assert!(list[id(&other)].is_array());
    assert_eq!(list[id(&drill)][0]["environment"], "orders-dr");
    assert_eq!(list[id(&drill)][0]["notAfter"].as_f64(), Some(4e9));
    // Its drill is told.
    let mut edited = scene.drill("orders");
    edited["spec"]["ttl"] = json!("59m");
    scene.apply(edited).await;
    scene
        .drill_until("orders", |drill| {
            condition(drill, "RoutesProgrammed").is_some_and(|held| held.1 == "Conflict")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_takes_nothing_away_and_leaves_nothing() {
    let (_plane, scene, proxy, _controller) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    scene.apply(scene.drill("first")).await;
    let first = scene
        .drill_until("first", |drill| is_in(drill, Phase::Active))
        .await;
    let before = writes(&proxy);
    proxy.fail(Fault::LoseAnswer, |call: &Call| {
        call.method == Method::PATCH && call.path.contains("/trafficextensions/")
    });
    scene.apply(scene.drill("second")).await;
    eventually("it is written", async || writes(&proxy) > before).await;
    scene.delete(&scene.drill("second")).await;
    proxy.heal();
    scene.gone(&scene.drill("second")).await;
    let list = listed(&scene).await;
    assert_eq!(list.as_object().unwrap().len(), 1, "{list}");
    assert!(list[id(&first)].is_array());
}

#[tokio::test]
async fn what_does_not_fit_is_told_to_its_drill_and_drills_end_all_the_same() {
    let (_plane, scene, _controller) = gated().await;
    scene.apply(scene.drill("first")).await;
    scene
        .drill_until("first", |drill| is_in(drill, Phase::Active))
        .await;
    // Somebody fills the object up to what etcd takes.
    let filled = async |bytes: usize| {
        let mut filter = scene.plugin().await;
        let configuration = json!({"pluginConfig": {"filler": "x".repeat(bytes)}});
        filter["spec"] = match filter["kind"].as_str() {
            Some("WasmPlugin") => configuration,
            _ => json!({ "wasm": configuration }),
        };
        scene.try_apply(filter).await
    };
    let (mut fits, mut is_too_much) = (1_400_000_usize, 1_600_000);
    while is_too_much - fits > 50 {
        let bytes = fits.midpoint(is_too_much);
        match filled(bytes).await {
            Ok(_) => fits = bytes,
            Err(_) => is_too_much = bytes,
        }
    }
    let names = ["second".to_owned(), "third".to_owned()];
    join_all(names.iter().map(|name| scene.apply(scene.drill(name)))).await;
    for name in &names {
        let told = scene
            .drill_until(name, |drill| {
                condition(drill, "RoutesProgrammed").is_some_and(|held| held.1 == "Failed")
            })
            .await;
        let message = condition(&told, "RoutesProgrammed").unwrap().2;
        assert!(message.contains("too large"), "{message}");
    }
    scene.delete(&scene.drill("first")).await;
    scene.gone(&scene.drill("first")).await;
    filled(1).await.unwrap();
    all_active(&scene, &names).await;
}
