//! What is done about a schedule, and when.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::{MOST_COUNTED, Missed, Step, Why, drills_of, next};
use crate::api::{Drill, DrillSchedule};
use crate::reconcile::schedule::calendar::{Calendar, Minute};
use crate::reconcile::schedule::status::Telling;
use crate::resources::metadata::rfc3339;

const CREATED: &str = "2026-11-20T08:00:00Z";

fn time(text: &str) -> Time {
    Time(text.parse().unwrap())
}

fn at(text: &str) -> Minute {
    Minute::of(&time(text))
}

/// A daily schedule at 02:00, with further members of its spec, and a status.
fn schedule(spec: Value, status: Value) -> DrillSchedule {
    let mut schedule = json!({
        "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillSchedule",
        "metadata": {
            "name": "nightly", "namespace": "ci", "uid": "s", "generation": 1,
            "creationTimestamp": CREATED,
        },
        "spec": {
            "schedule": "0 2 * * *",
            "drillTemplate": {"spec": {
                "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
                "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            }},
        },
        "status": status,
    });
    for (name, value) in spec.as_object().unwrap() {
        schedule["spec"][name] = value.clone();
    }
    serde_json::from_value(schedule).unwrap()
}

/// What was told before the run of the 26th.
fn told() -> Value {
    json!({
        "observedGeneration": 1,
        "lastScheduleTime": "2026-11-25T02:00:00Z",
        "nextScheduleTime": "2026-11-26T02:00:00Z",
    })
}

/// A drill of the schedule.
fn drill(name: &str, status: Value) -> Arc<Drill> {
    let drill = json!({
        "apiVersion": "drillgate.dev/v1alpha1", "kind": "Drill",
        "metadata": {
            "name": name, "namespace": "ci", "uid": name, "creationTimestamp": "2026-11-25T02:00:00Z",
            "ownerReferences": [{
                "apiVersion": "drillgate.dev/v1alpha1", "kind": "DrillSchedule", "name": "nightly",
                "uid": "s", "controller": true,
            }],
        },
        "spec": {
            "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
            "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
        },
        "status": status,
    });
    Arc::new(serde_json::from_value(drill).unwrap())
}

fn active(name: &str) -> Arc<Drill> {
    drill(
        name,
        json!({"phase": "Active", "startedAt": "2026-11-25T02:00:00Z"}),
    )
}

fn step(schedule: &DrillSchedule, drills: &[Arc<Drill>], now: &str) -> Step {
    let now = time(now);
    let calendar = Calendar::of(&schedule.spec, Minute::of(&now)).ok();
    next(schedule, calendar.as_ref(), drills, &now)
}

fn missed(run: &str, count: usize, why: Why) -> Option<Missed> {
    let run = at(run);
    Some(Missed { run, count, why })
}

const DUE: &str = "2026-11-26T02:00:00Z";
const NEXT: &str = "2026-11-27T02:00:00Z";

#[test]
fn a_run_is_started_when_it_is_due_and_not_before() {
    let nightly = schedule(json!({}), told());
    let early = step(&nightly, &[], "2026-11-26T01:59:59Z");
    assert_eq!((early.start, early.next), (None, Some(at(DUE))));
    assert_eq!(early.missed, None);
    for now in [DUE, "2026-11-26T02:00:59Z", "2026-11-26T23:00:00Z"] {
        let due = step(&nightly, &[], now);
        assert_eq!(
            (due.start, due.next),
            (Some(at(DUE)), Some(at(NEXT))),
            "{now}"
        );
        assert_eq!((due.missed, due.remove), (None, vec![]));
    }
}

#[test]
fn a_new_schedule_counts_from_its_creation() {
    let new = schedule(json!({}), json!(null));
    let first = step(&new, &[], CREATED);
    assert_eq!(
        (first.start, first.next),
        (None, Some(at("2026-11-21T02:00:00Z")))
    );
    // The controller was away until after its first run.
    let late = step(&new, &[], "2026-11-21T02:05:00Z");
    assert_eq!(late.start, Some(at("2026-11-21T02:00:00Z")));
}

#[test]
fn a_suspended_schedule_starts_nothing_and_makes_up_for_nothing() {
    let suspended = schedule(json!({"suspend": true}), told());
    let step_of = step(&suspended, &[], NEXT);
    assert_eq!(step_of, Step::default());
    // It goes on: what fell into that time is not missed.
    let mut status = told();
    status.as_object_mut().unwrap().remove("nextScheduleTime");
    let resumed = schedule(json!({}), status);
    let step_of = step(&resumed, &[], "2026-11-29T10:00:00Z");
    assert_eq!((step_of.start, step_of.missed), (None, None));
    assert_eq!(step_of.next, Some(at("2026-11-30T02:00:00Z")));
}

#[test]
fn past_its_deadline_a_run_is_missed() {
    let strict = schedule(json!({"startingDeadlineSeconds": 60}), told());
    let just = step(&strict, &[], "2026-11-26T02:01:00Z");
    assert_eq!(just.start, Some(at(DUE)));
    let late = step(&strict, &[], "2026-11-26T02:01:01Z");
    assert_eq!((late.start, late.next), (None, Some(at(NEXT))));
    assert_eq!(late.missed, missed(DUE, 1, Why::Late { seconds: 60 }));
}

#[test]
fn of_many_missed_runs_the_newest_is_started_and_the_cost_is_bounded() {
    let each = json!({"schedule": "* * * * *"});
    // A thousand runs, and ten years of them.
    for now in ["2026-11-26T18:40:00Z", "2036-11-26T02:00:00Z"] {
        let status = json!({"observedGeneration": 1, "nextScheduleTime": DUE});
        let step = step(&schedule(each.clone(), status), &[], now);
        assert_eq!(step.start, Some(at(now)), "{now}");
        assert_eq!(step.next, Some(Minute(at(now).0 + 1)));
        let before = rfc3339(&Minute(at(now).0 - 1).time());
        assert_eq!(step.missed, missed(&before, MOST_COUNTED, Why::Away));
    }
    let three = step(&schedule(json!({}), told()), &[], "2026-11-28T10:00:00Z");
    assert_eq!(three.start, Some(at("2026-11-28T02:00:00Z")));
    assert_eq!(three.missed, missed(NEXT, 2, Why::Away));
    // Past the deadline not even the newest.
    let strict = schedule(json!({"startingDeadlineSeconds": 60}), told());
    let none = step(&strict, &[], "2026-11-28T10:00:00Z");
    assert_eq!(none.start, None);
    assert_eq!(
        none.missed,
        missed("2026-11-28T02:00:00Z", 3, Why::Late { seconds: 60 })
    );
}

#[test]
fn a_run_whose_drill_was_made_and_not_told_of_is_not_missed() {
    let made = [active("nightly-29927640")];
    assert_eq!(at(DUE), Minute(29_927_640));
    // The same run again: the edge finds the drill there.
    let again = step(&schedule(json!({}), told()), &made, "2026-11-26T02:00:05Z");
    assert_eq!(
        (again.start, again.missed, again.remove),
        (Some(at(DUE)), None, vec![])
    );
    let allow = schedule(json!({"concurrencyPolicy": "Allow"}), told());
    let later = step(&allow, &made, NEXT);
    assert_eq!((later.start, later.missed), (Some(at(NEXT)), None));
}

#[test]
fn what_goes_on_is_in_the_way_is_replaced_or_is_left_by_policy() {
    let earlier = [active("nightly-1")];
    let with = |policy: &str| schedule(json!({"concurrencyPolicy": policy}), told());
    let forbidden = step(&schedule(json!({}), told()), &earlier, DUE);
    let busy = Why::Busy {
        drill: "nightly-1".to_owned(),
    };
    assert_eq!((forbidden.start, forbidden.next), (None, Some(at(NEXT))));
    assert_eq!(
        (forbidden.missed, forbidden.remove),
        (missed(DUE, 1, busy), vec![])
    );
    assert_eq!(step(&with("Forbid"), &earlier, DUE).start, None);
    let replaced = step(&with("Replace"), &earlier, DUE);
    assert_eq!((replaced.start, replaced.missed), (Some(at(DUE)), None));
    assert_eq!(replaced.remove, ["nightly-1"]);
    let allowed = step(&with("Allow"), &earlier, DUE);
    assert_eq!((allowed.start, allowed.remove), (Some(at(DUE)), vec![]));
}

#[test]
fn a_drill_that_never_began_makes_way_and_one_that_is_over_is_in_nobodys() {
    let waiting = drill("nightly-1", json!({"phase": "Pending"}));
    let over = drill("nightly-0", json!({"phase": "Ended", "startedAt": CREATED}));
    let drills = [waiting, over];
    for policy in ["Forbid", "Replace"] {
        let schedule = schedule(json!({"concurrencyPolicy": policy}), told());
        let step = step(&schedule, &drills, DUE);
        assert_eq!((step.start, step.missed), (Some(at(DUE)), None), "{policy}");
        assert_eq!(step.remove, ["nightly-1"], "{policy}");
    }
    let allow = schedule(json!({"concurrencyPolicy": "Allow"}), told());
    assert_eq!(step(&allow, &drills, DUE).remove, Vec::<String>::new());
}

#[test]
fn a_clock_that_goes_back_starts_nothing_twice() {
    let started = json!({
        "observedGeneration": 1, "lastScheduleTime": DUE, "nextScheduleTime": NEXT,
    });
    for now in [
        "2026-11-26T02:00:30Z",
        "2026-11-26T01:30:00Z",
        "2026-11-20T00:00:00Z",
    ] {
        let step = step(&schedule(json!({}), started.clone()), &[], now);
        assert_eq!((step.start, step.next), (None, Some(at(NEXT))), "{now}");
    }
    // Not even when the schedule is edited then.
    let mut edited = schedule(json!({}), started);
    edited.metadata.generation = Some(2);
    let step = step(&edited, &[], "2026-11-26T01:30:00Z");
    assert_eq!((step.start, step.next), (None, Some(at(NEXT))));
}

#[test]
fn an_edited_schedule_has_no_runs_before_the_edit() {
    let mut edited = schedule(json!({"schedule": "0 9 * * *"}), told());
    edited.metadata.generation = Some(2);
    let moved = step(&edited, &[], "2026-11-26T10:00:00Z");
    assert_eq!((moved.start, moved.missed), (None, None));
    assert_eq!(moved.next, Some(at("2026-11-27T09:00:00Z")));
    // More often: the next run is not the one that was promised.
    let mut often = schedule(json!({"schedule": "*/5 * * * *"}), told());
    often.metadata.generation = Some(2);
    let step_of = step(&often, &[], "2026-11-25T10:01:00Z");
    assert_eq!(step_of.next, Some(at("2026-11-25T10:05:00Z")));
    // Of anything else, the run that is due is due still.
    let mut other = schedule(json!({"failedDrillsHistoryLimit": 1}), told());
    other.metadata.generation = Some(2);
    assert_eq!(step(&other, &[], DUE).start, Some(at(DUE)));
}

#[test]
fn without_a_calendar_nothing_is_started_and_history_is_kept() {
    let broken = schedule(
        json!({"schedule": "0 25 * * *", "failedDrillsHistoryLimit": 0}),
        told(),
    );
    let failed = [drill("nightly-1", json!({"phase": "Failed"}))];
    let step = step(&broken, &failed, NEXT);
    assert_eq!((step.start, step.next, step.missed), (None, None, None));
    assert_eq!(step.remove, ["nightly-1"]);
}

#[test]
fn the_oldest_of_what_is_over_goes_and_what_lives_never() {
    let limits = json!({"successfulDrillsHistoryLimit": 2, "failedDrillsHistoryLimit": 1});
    let named = |name: &str, created: &str, phase: &str| {
        let mut drill = (*drill(name, json!({"phase": phase}))).clone();
        drill.metadata.creation_timestamp = Some(time(created));
        Arc::new(drill)
    };
    let stranger = {
        let mut drill = (*named("other-1", CREATED, "Ended")).clone();
        drill.metadata.owner_references = None;
        Arc::new(drill)
    };
    let all = [
        named("nightly-1", "2026-11-01T02:00:00Z", "Ended"),
        named("nightly-2", "2026-11-02T02:00:00Z", "Failed"),
        named("nightly-3", "2026-11-03T02:00:00Z", "Ended"),
        named("nightly-4", "2026-11-04T02:00:00Z", "Failed"),
        named("nightly-5", "2026-11-05T02:00:00Z", "Ended"),
        named("nightly-0", "2026-10-01T02:00:00Z", "Active"),
        named("nightly-00", "2026-10-01T02:00:00Z", "Ending"),
        stranger,
    ];
    let nightly = schedule(limits, told());
    let drills = drills_of(&nightly, &all);
    assert_eq!(drills.len(), 7);
    let step = step(&nightly, &drills, "2026-11-26T01:00:00Z");
    assert_eq!(step.remove, ["nightly-1", "nightly-2"]);
}

#[test]
fn a_drill_whose_checks_failed_is_kept_among_the_failed_and_is_no_success() {
    let ended = |name: &str, passed: &str, end: &str| {
        let mut drill = (*drill(
            name,
            json!({"phase": "Ended", "endedAt": end, "conditions": [{
                "type": "ChecksPassed", "status": passed, "reason": "r", "message": "m",
                "lastTransitionTime": end,
            }]}),
        ))
        .clone();
        drill.spec.checks = serde_json::from_value(json!([{"name": "up", "grpc": {}}])).unwrap();
        Arc::new(drill)
    };
    let (early, late) = ("2026-11-24T02:30:00Z", "2026-11-25T02:30:00Z");
    let limits = json!({"successfulDrillsHistoryLimit": 1, "failedDrillsHistoryLimit": 1});
    let nightly = schedule(limits, told());
    let drills = [
        ended("nightly-2", "False", late),
        ended("nightly-1", "True", early),
    ];
    let removed = step(&nightly, &drills, "2026-11-26T01:00:00Z").remove;
    assert_eq!(removed, Vec::<String>::new());
    let now = time("2026-11-26T01:00:00Z");
    let told = Telling::new(&nightly, &now, &[], &drills).not_started("Failed", String::new());
    assert_eq!(told.last_successful_time, Some(time(early)));
}
