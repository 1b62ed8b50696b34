mod elections;
mod store;

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use tokio::time::sleep;

use super::record::{Step, next_step, released};
use super::{Leadership, NotLeader, Timing};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn record(holder: &str, seconds: i32, transitions: i32) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(seconds),
        lease_transitions: Some(transitions),
        acquire_time: Some(MicroTime(at(100))),
        renew_time: Some(MicroTime(at(200))),
        ..LeaseSpec::default()
    }
}

/// The record with which `me` begins to lead at second 1000, for 10 s.
fn taken(transitions: i32) -> Step {
    Step::Write(LeaseSpec {
        acquire_time: Some(MicroTime(at(1000))),
        renew_time: Some(MicroTime(at(1000))),
        ..record("me", 10, transitions)
    })
}

fn wait(seconds: u64) -> Step {
    Step::Wait {
        holder: "other".to_owned(),
        left: Duration::from_secs(seconds),
    }
}

#[test]
fn what_is_done_follows_from_the_record_and_how_long_it_was_seen_unchanged() {
    let renewed = Step::Write(LeaseSpec {
        renew_time: Some(MicroTime(at(1000))),
        ..record("me", 10, 4)
    });
    let future = LeaseSpec {
        renew_time: Some(MicroTime(at(9_000_000))),
        ..record("other", 15, 4)
    };
    let no_length = LeaseSpec {
        lease_duration_seconds: None,
        ..record("other", 0, 4)
    };
    let nobody = LeaseSpec {
        holder_identity: None,
        ..record("", 1, 4)
    };
    let cases = [
        ("first of all", None, 0, taken(0)),
        ("ours", Some(record("me", 10, 4)), 0, renewed.clone()),
        ("ours, and old", Some(record("me", 10, 4)), 99, renewed),
        ("just seen", Some(record("other", 15, 4)), 0, wait(15)),
        ("counts still", Some(record("other", 15, 4)), 14, wait(1)),
        ("expired", Some(record("other", 15, 4)), 15, taken(5)),
        (
            "another's clock is ahead",
            Some(future.clone()),
            14,
            wait(1),
        ),
        ("ahead, and expired", Some(future), 15, taken(5)),
        ("says no length", Some(no_length.clone()), 9, wait(1)),
        ("no length, and expired", Some(no_length), 10, taken(5)),
        ("length 0", Some(record("other", 0, 4)), 9, wait(1)),
        ("length below 0", Some(record("other", -5, 4)), 9, wait(1)),
        ("released", Some(nobody), 0, taken(5)),
        ("released as of old", Some(record("", 1, 4)), 0, taken(5)),
        ("empty", Some(LeaseSpec::default()), 0, taken(1)),
        (
            "worn out",
            Some(record("", 1, i32::MAX)),
            0,
            taken(i32::MAX),
        ),
    ];
    for (case, seen, unchanged, expected) in cases {
        let seen = seen
            .as_ref()
            .map(|seen| (seen, Duration::from_secs(unchanged)));
        let step = next_step(seen, "me", Duration::from_secs(10), at(1000));
        assert_eq!(step, expected, "{case}");
    }
}

#[test]
fn a_record_never_counts_for_less_than_its_leader_believes() {
    for (lease, written) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (9500, 10)] {
        let step = next_step(None, "me", Duration::from_millis(lease), at(1000));
        let Step::Write(spec) = step else {
            panic!("{step:?}");
        };
        assert_eq!(spec.lease_duration_seconds, Some(written), "{lease} ms");
    }
    let Timing {
        lease,
        renew,
        give_up,
        answer,
        ..
    } = Timing::default();
    assert!(renew + answer < give_up && give_up < lease);
}

#[test]
fn only_our_own_record_is_given_back_and_its_count_of_transitions_stays() {
    let given = released(&record("me", 10, 4), "me", at(1000)).unwrap();
    assert_eq!(given.holder_identity, None);
    assert_eq!(given.lease_transitions, Some(4));
    assert_eq!(released(&record("other", 10, 4), "me", at(1000)), None);
    assert_eq!(released(&LeaseSpec::default(), "me", at(1000)), None);
}

#[test]
fn leadership_ends_at_its_very_time() {
    let leadership = Leadership::none();
    assert_eq!(leadership.check(), Err(NotLeader));
    let now = Instant::now();
    leadership.hold_until(now + Duration::from_secs(7));
    let left = |after| leadership.left_at(now + Duration::from_nanos(after));
    assert_eq!(left(0), Some(Duration::from_secs(7)));
    assert_eq!(left(6_999_999_999), Some(Duration::from_nanos(1)));
    assert_eq!(left(7_000_000_000), None);
    assert_eq!(left(60_000_000_000), None);
    leadership.end();
    assert_eq!(left(0), None);
}

#[tokio::test]
async fn a_write_ends_with_the_leadership_and_not_before() {
    let leadership = Leadership::none();
    assert_eq!(
        leadership.during(async { panic!("was run") }).await,
        Err::<(), _>(NotLeader)
    );

    leadership.hold_until(Instant::now() + Duration::from_millis(50));
    let endless = leadership.during(std::future::pending::<()>());
    assert_eq!(endless.await, Err(NotLeader));

    leadership.hold_until(Instant::now() + Duration::from_millis(50));
    let renewed = leadership.during(async {
        leadership.hold_until(Instant::now() + Duration::from_secs(3600));
        sleep(Duration::from_millis(60)).await;
        "done"
    });
    assert_eq!(renewed.await, Ok("done"));

    let ended = leadership.during(async {
        leadership.end();
        tokio::task::yield_now().await;
        panic!("went on");
    });
    assert_eq!(ended.await, Err::<(), _>(NotLeader));
}
