//! Drills by the calendar.

use std::time::{SystemTime, UNIX_EPOCH};

use drillgate::api::{Drill, DrillSchedule, Phase};
use drillgate_tests::control_plane::{CONTROLLER, ControlPlane, Controller, Moment, Scene};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::{Told, count, eventually, gate_ready, gated, is_in, proxied, told};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The beginning of the last minute that is wholly past, in seconds of the epoch.
fn past() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() / MINUTE * MINUTE - MINUTE
}

fn rfc3339(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}

/// A schedule of every day at the minute of `run`.
fn daily(scene: &Scene, name: &str, run: i64) -> Value {
    let minutes = run.rem_euclid(DAY) / MINUTE;
    scene.schedule(name, &format!("{} {} * * *", minutes % 60, minutes / 60))
}

/// Applies a schedule, and has it wait since `next` for a controller that was away.
async fn due(scene: &Scene, schedule: Value, next: i64) {
    let name = schedule["metadata"]["name"].as_str().unwrap().to_owned();
    let applied = scene.apply(schedule).await;
    let status = json!({
        "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillSchedule",
        "status": {
            "observedGeneration": applied.metadata.generation,
            "nextScheduleTime": rfc3339(next),
        },
    });
    let api = Api::<DrillSchedule>::namespaced(scene.client.clone(), &scene.sandbox);
    // As the controller itself, which takes no field from another manager.
    let params = PatchParams::apply("drillgate-status").force();
    let patched = api
        .patch_status(&name, &params, &Patch::Apply(status))
        .await;
    patched.unwrap_or_else(|error| panic!("{error}"));
}

/// A drill of `schedule` that somebody has made before.
async fn earlier(scene: &Scene, schedule: &str, name: &str, ttl: &str) {
    let api = Api::<DrillSchedule>::namespaced(scene.client.clone(), &scene.sandbox);
    let owner = api.get(schedule).await.unwrap();
    let mut drill = scene.drill(name);
    drill["spec"]["ttl"] = json!(ttl);
    drill["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillSchedule",
        "name": schedule, "uid": owner.uid(),
    }]);
    scene.apply(drill).await;
}

/// The drills that were made for `schedule`.
async fn made(scene: &Scene, schedule: &str) -> Vec<Drill> {
    let api = Api::<Drill>::namespaced(scene.client.clone(), &scene.sandbox);
    let its = ListParams::default().labels(&format!("drillgate.dev/schedule={schedule}"));
    api.list(&its).await.unwrap().items
}

fn condition(schedule: &DrillSchedule, kind: &str) -> Option<Told> {
    told(&schedule.status.as_ref()?.conditions, kind)
}

/// Whether the last run that was due went as `reason` says.
fn went(schedule: &DrillSchedule, reason: &str) -> bool {
    condition(schedule, "OnTime").is_some_and(|held| held.1 == reason)
}

async fn tells(scene: &Scene, name: &str, text: &str) {
    eventually("an event tells", async || {
        let events = scene.events(&scene.sandbox, name).await;
        events.iter().any(|event| event.starts_with(text))
    })
    .await;
}

/// A run that takes the place of an earlier drill, and one whose name is another drill's.
pub async fn runs(scene: &Scene) {
    let run = past();
    let mut replacing = daily(scene, "replacing", run);
    replacing["spec"]["concurrencyPolicy"] = json!("Replace");
    scene.apply(replacing.clone()).await;
    earlier(scene, "replacing", "before", "1h").await;
    let active = |drill: &Drill| is_in(drill, Phase::Active);
    scene.drill_until("before", active).await;
    due(scene, replacing.clone(), run).await;
    scene.gone(&scene.drill("before")).await;
    let new = format!("replacing-{}", run / MINUTE);
    scene.drill_until(&new, active).await;

    let foreign = format!("taken-{}", run / MINUTE);
    scene.apply(scene.drill(&foreign)).await;
    let taken = daily(scene, "taken", run);
    due(scene, taken.clone(), run).await;
    let is_told = |schedule: &DrillSchedule| {
        let held = condition(schedule, "OnTime");
        held.is_some_and(|held| held.2.contains("is not of this schedule"))
    };
    scene.schedule_until("taken", is_told).await;
    for schedule in [replacing, taken] {
        scene.delete(&schedule).await;
    }
    for name in [new, foreign] {
        scene.delete(&scene.drill(&name)).await;
        scene.gone(&scene.drill(&name)).await;
    }
}

#[tokio::test]
async fn a_schedule_of_every_minute_makes_a_drill_at_the_next_one_and_stops_when_suspended() {
    let (plane, scene, _controller) = gated().await;
    let mut schedule = scene.schedule("often", "* * * * *");
    scene.apply(schedule.clone()).await;
    let waiting = scene
        .schedule_until("often", |schedule| went(schedule, "Pending"))
        .await;
    let next = waiting.status.unwrap().next_schedule_time.unwrap();
    // In real time: up to a minute.
    let name = format!("often-{}", next.0.as_second() / MINUTE);
    let drill = json!({
        "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
        "metadata": {"name": name, "namespace": scene.sandbox},
    });
    eventually("it is made", async || scene.get(&drill).await.is_some()).await;
    schedule["spec"]["suspend"] = json!(true);
    scene.apply(schedule).await;

    let active = scene
        .drill_until(&name, |drill| is_in(drill, Phase::Active))
        .await;
    let started = active.metadata.creation_timestamp.clone().unwrap().0;
    assert!(started >= next.0, "{started} is before {}", next.0);
    assert_eq!(active.labels()["drillgate.dev/schedule"], "often");
    assert_eq!(active.labels()["team"], "orders");
    let due = &active.annotations()["drillgate.dev/scheduled-for"];
    assert_eq!(*due, rfc3339(next.0.as_second()));
    // With its schedule goes the drill: Kubernetes' garbage collector needs to know no more.
    let owner = &active.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.name.as_str()),
        ("DrillSchedule", "often")
    );
    assert_eq!(Some(&owner.uid), waiting.metadata.uid.as_ref());
    assert_eq!(owner.block_owner_deletion, None);

    let suspended = scene
        .schedule_until("often", |schedule| went(schedule, "Suspended"))
        .await;
    let status = suspended.status.unwrap();
    assert_eq!(status.next_schedule_time, None);
    assert_eq!(status.active[0].name, name);
    let row = plane
        .kubectl([
            "get",
            "dsched",
            "often",
            "-n",
            &scene.sandbox,
            "--no-headers",
        ])
        .await;
    assert!(row.contains("true") && row.contains(&name), "{row}");
}

#[tokio::test]
async fn after_a_downtime_the_newest_run_is_made_up_for_and_the_others_are_told_of() {
    let plane = ControlPlane::start().await;
    let scene = Scene::set(&plane).await;
    scene.apply(scene.gate()).await;
    let run = past();
    due(&scene, daily(&scene, "nightly", run), run - 3 * DAY).await;
    let mut strict = daily(&scene, "strict", run);
    strict["spec"]["startingDeadlineSeconds"] = json!(1);
    due(&scene, strict, run).await;
    let mut controller = Controller::start(&plane.kubeconfig_as(CONTROLLER));
    controller.leads().await;

    let late = scene
        .schedule_until("nightly", |schedule| went(schedule, "MissedRun"))
        .await;
    let status = late.status.as_ref().unwrap();
    let last = status.last_schedule_time.as_ref().unwrap().0;
    assert_eq!(last.as_second(), run);
    let said = condition(&late, "OnTime").unwrap().2;
    let newest = format!("the run of {} and 2 before it", rfc3339(run - DAY));
    assert!(said.starts_with(&newest), "{said}");
    tells(&scene, "nightly", &format!("MissedRun: {newest}")).await;
    let name = format!("nightly-{}", run / MINUTE);
    scene
        .drill_until(&name, |drill| is_in(drill, Phase::Active))
        .await;
    assert_eq!(made(&scene, "nightly").await.len(), 1);

    let refused = scene
        .schedule_until("strict", |schedule| went(schedule, "MissedRun"))
        .await;
    let said = condition(&refused, "OnTime").unwrap().2;
    assert!(
        said.contains(&rfc3339(run)) && said.contains("startingDeadlineSeconds"),
        "{said}"
    );
    assert!(made(&scene, "strict").await.is_empty());
    let next = refused.status.unwrap().next_schedule_time.unwrap().0;
    assert_eq!(next.as_second(), run + DAY);
    eventually("the runs are counted", async || {
        let (_, metrics) = controller.get("/metrics").await;
        metrics.contains("drillgate_schedule_runs_total{outcome=\"MissedRun\"} 4")
            && metrics.contains("drillgate_schedule_runs_total{outcome=\"Started\"} 1")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_killed_before_it_tells_makes_no_second_drill() {
    let (_plane, scene, proxy, doomed) = proxied().await;
    scene.apply(scene.gate()).await;
    gate_ready(&scene).await;
    let is_made = |call: &drillgate_tests::control_plane::Call| {
        call.method == "POST" && call.path.contains("/drills")
    };
    let mut hold = proxy.hold_at(1, Moment::After, is_made);
    let run = past();
    due(&scene, daily(&scene, "nightly", run), run).await;
    hold.reached().await;
    drop(doomed);
    drop(hold);
    let first = made(&scene, "nightly").await;
    assert_eq!(first.len(), 1);
    let mut heir = Controller::start(&proxy.kubeconfig());
    heir.leads().await;
    let is_told = |schedule: &DrillSchedule| {
        let status = schedule.status.clone().unwrap_or_default();
        status.last_schedule_time.is_some() && went(schedule, "AsAsked")
    };
    scene.schedule_until("nightly", is_told).await;
    // The very drill, and no other one in its place.
    let drills = made(&scene, "nightly").await;
    assert_eq!(drills.len(), 1);
    assert_eq!(drills[0].metadata.uid, first[0].metadata.uid);
    // Once or more often: an answer may come too late.
    assert!(
        count(&proxy, is_made) >= 2,
        "the heir tries, and finds it there"
    );
}

#[tokio::test]
async fn a_run_is_skipped_or_takes_the_place_of_the_one_that_goes_on() {
    let (_plane, scene, _controller) = gated().await;
    let run = past();
    for (policy, reason) in [("Forbid", "SkippedRun"), ("Replace", "AsAsked")] {
        let name = policy.to_lowercase();
        let mut schedule = daily(&scene, &name, run);
        schedule["spec"]["concurrencyPolicy"] = json!(policy);
        scene.apply(schedule.clone()).await;
        let before = format!("{name}-before");
        earlier(&scene, &name, &before, "1h").await;
        scene
            .drill_until(&before, |drill| is_in(drill, Phase::Active))
            .await;
        due(&scene, schedule, run).await;
        let told = scene
            .schedule_until(&name, |schedule| went(schedule, reason))
            .await;
        if policy == "Forbid" {
            let said = condition(&told, "OnTime").unwrap().2;
            assert!(
                said.contains(&before) && said.contains("concurrencyPolicy"),
                "{said}"
            );
            tells(&scene, &name, "SkippedRun: ").await;
            assert!(made(&scene, &name).await.is_empty());
            assert!(scene.get(&scene.drill(&before)).await.is_some());
        } else {
            scene.gone(&scene.drill(&before)).await;
            let new = format!("{name}-{}", run / MINUTE);
            scene
                .drill_until(&new, |drill| is_in(drill, Phase::Active))
                .await;
        }
    }
}

#[tokio::test]
async fn of_drills_that_are_over_as_many_are_kept_as_the_limit_says() {
    let (_plane, scene, _controller) = gated().await;
    let mut schedule = scene.schedule("yearly", "@yearly");
    schedule["spec"]["successfulDrillsHistoryLimit"] = json!(1);
    scene.apply(schedule).await;
    earlier(&scene, "yearly", "lives", "1h").await;
    for name in ["first", "second"] {
        // Long enough to come up on a busy machine: one that never was active has failed.
        earlier(&scene, "yearly", name, "15s").await;
    }
    scene
        .drill_until("second", |drill| is_in(drill, Phase::Ended))
        .await;
    // It goes as soon as both have ended; had it failed, it would be kept.
    scene.gone(&scene.drill("first")).await;
    let told = scene
        .schedule_until("yearly", |schedule| {
            let status = schedule.status.clone().unwrap_or_default();
            status.last_successful_time.is_some() && status.active.len() == 1
        })
        .await;
    assert!(scene.get(&scene.drill("second")).await.is_some());
    assert_eq!(told.status.unwrap().active[0].name, "lives");
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_says_why_and_works_once_it_is_mended() {
    let (_plane, scene, _controller) = gated().await;
    for (name, schedule, zone, reason, word) in [
        (
            "hours",
            "0 25 * * *",
            "UTC",
            "ScheduleInvalid",
            "spec.schedule: the hour",
        ),
        (
            "never",
            "0 0 31 2 *",
            "UTC",
            "ScheduleNeverDue",
            "spec.schedule: ",
        ),
        (
            "zone",
            "0 2 * * *",
            "Mars/Olympus",
            "TimeZoneUnknown",
            "spec.timeZone: ",
        ),
    ] {
        let mut broken = scene.schedule(name, schedule);
        broken["spec"]["timeZone"] = json!(zone);
        scene.apply(broken.clone()).await;
        let is_refused = |schedule: &DrillSchedule| {
            condition(schedule, "Accepted")
                .is_some_and(|held| held.0 == "False" && held.1 == reason)
        };
        let told = scene.schedule_until(name, is_refused).await;
        let said = condition(&told, "Accepted").unwrap().2;
        assert!(said.starts_with(word), "{said}");
        tells(&scene, name, "Refused: ").await;
        broken["spec"]["schedule"] = json!("0 2 * * mon-fri");
        broken["spec"]["timeZone"] = json!("Europe/Berlin");
        scene.apply(broken).await;
        scene
            .schedule_until(name, |schedule| {
                let status = schedule.status.clone().unwrap_or_default();
                condition(schedule, "Accepted").is_some_and(|held| held.0 == "True")
                    && status.next_schedule_time.is_some()
            })
            .await;
    }
    let refusal = scene.try_apply(scene.schedule("each", "@every 5m")).await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("must be five fields"), "{refusal}");
    // What a drill is cannot change; what drills will be can.
    let mut moved = scene.schedule("zone", "0 2 * * *");
    moved["spec"]["drillTemplate"]["spec"]["environment"] = json!("other");
    scene.apply(moved).await;
}
