//! The calendar against what Kubernetes makes of the same expressions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use super::{Calendar, Minute};
use crate::api::DrillScheduleSpec;
use crate::resources::metadata::rfc3339;
use crate::resources::refusal::Reason;

fn spec(schedule: &str, zone: Option<&str>) -> DrillScheduleSpec {
    let spec = json!({
        "schedule": schedule, "timeZone": zone,
        "drillTemplate": {"spec": {
            "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
            "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
        }},
    });
    serde_json::from_value(spec).unwrap()
}

fn at(time: &str) -> Minute {
    Minute::of(&Time(time.parse().unwrap()))
}

fn calendar(schedule: &str, zone: &str) -> Calendar {
    Calendar::of(&spec(schedule, Some(zone)), at("2026-11-26T10:00:00Z")).unwrap()
}

#[test]
fn runs_are_due_when_kubernetes_would_have_them() {
    let mut rows = 0;
    for line in include_str!("kubernetes.txt").lines() {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [schedule, zone, from, expected] = parts.as_slice() else {
            continue;
        };
        let calendar = calendar(schedule, zone);
        let expected: Vec<Minute> = expected.split(' ').map(at).collect();
        let mut run = at(from);
        for expected in &expected {
            let next = calendar.next(run).unwrap();
            let shown = (rfc3339(&next.time()), rfc3339(&expected.time()));
            assert_eq!(shown.0, shown.1, "{line}");
            // The way back sees the same.
            assert_eq!(calendar.newest(run.later(1), next), Some(next), "{line}");
            assert!(
                calendar.newest(run.later(1), next.later(-1)).is_none(),
                "{line}"
            );
            run = next;
        }
        rows += 1;
    }
    assert!(rows >= 35, "{rows} rows");
}

#[test]
fn without_a_zone_the_clock_is_utc() {
    let now = at("2026-11-26T10:00:00Z");
    let calendar = Calendar::of(&spec("0 2 * * *", None), now).unwrap();
    assert_eq!(calendar.next(now), Some(at("2026-11-27T02:00:00Z")));
}

#[test]
fn what_is_wrong_is_refused_with_its_field_and_the_mend() {
    let now = at("2026-11-26T10:00:00Z");
    for (schedule, zone, reason, field, mend) in [
        (
            "0 25 * * *",
            "UTC",
            Reason::ScheduleInvalid,
            "spec.schedule",
            "0 to 23",
        ),
        (
            "0 2 * * *",
            "Mars/Olympus",
            Reason::TimeZoneUnknown,
            "spec.timeZone",
            "Europe/Berlin",
        ),
        (
            "0 2 * * *",
            "Local",
            Reason::TimeZoneUnknown,
            "spec.timeZone",
            "IANA",
        ),
        (
            "0 0 30 2 *",
            "UTC",
            Reason::ScheduleNeverDue,
            "spec.schedule",
            "no month has",
        ),
    ] {
        let refusals = Calendar::of(&spec(schedule, Some(zone)), now).unwrap_err();
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        let refusal = &refusals[0];
        assert_eq!((refusal.reason, refusal.field.as_str()), (reason, field));
        assert!(refusal.message.contains(mend), "{refusal}");
    }
    let both = Calendar::of(&spec("x", Some("y")), now).unwrap_err();
    assert_eq!(both.len(), 2);
}

#[test]
fn a_leap_day_is_found_across_the_end_of_a_century() {
    let calendar = calendar("0 0 29 2 *", "UTC");
    let next = calendar.next(at("2097-01-01T00:00:00Z"));
    assert_eq!(next, Some(at("2104-02-29T00:00:00Z")));
}

#[test]
fn a_minute_before_the_epoch_is_one_too() {
    assert_eq!(at("1969-12-31T23:59:30Z"), Minute(-1));
    assert_eq!(rfc3339(&Minute(-1).time()), "1969-12-31T23:59:00Z");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the zone does: the way ahead and the way back agree.
    #[test]
    fn ahead_and_back_agree(
        from in 20_000_000_i64..35_000_000,
        minute in 0_u8..60, hour in 0_u8..24, weekday in 0_u8..7,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    ) {
        let calendar = calendar(&format!("{minute} {hour} * * {weekday}"), zone);
        let from = Minute(from);
        let next = calendar.next(from).unwrap();
        prop_assert!(next > from && calendar.has(next));
        prop_assert_eq!(calendar.newest(from.later(1), next), Some(next));
        prop_assert_eq!(calendar.newest(from.later(1), next.later(-1)), None);
    }
}
