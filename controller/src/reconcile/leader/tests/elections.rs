//! Replicas against a server that has one lease.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::store::{Mood, Store};
use crate::reconcile::leader::{Leader, Leadership, Lost, NotLeader, Timing, Turn};

/// Nothing expires while a test runs, however slow the machine.
fn steady() -> Timing {
    Timing {
        lease: Duration::from_secs(3600),
        renew: Duration::from_millis(20),
        give_up: Duration::from_secs(1800),
        look: Duration::from_millis(20),
        answer: Duration::from_secs(60),
    }
}

/// All expires soon.
fn brief() -> Timing {
    Timing {
        lease: Duration::from_secs(1),
        give_up: Duration::from_millis(300),
        answer: Duration::from_millis(100),
        ..steady()
    }
}

fn leader(store: &Store, identity: &str, timing: Timing) -> Leader {
    Leader::new(store.client(), "edge", "drillgate", identity, timing)
}

/// What has to come: without it the test fails and does not hang.
async fn comes<T>(event: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), event).await.unwrap()
}

/// Leads, and holds on in a task of its own.
async fn leading(mut leader: Leader) -> (Leadership, JoinHandle<(Lost, Leader)>) {
    let leadership = leader.leadership();
    comes(leader.acquire()).await;
    let holding = tokio::spawn(async move { (leader.hold().await, leader) });
    (leadership, holding)
}

#[tokio::test]
async fn leadership_ends_although_no_task_could_run() {
    let store = Store::start().await;
    let mut leader = leader(
        &store,
        "a",
        Timing {
            give_up: Duration::from_secs(1),
            ..steady()
        },
    );
    let leadership = leader.leadership();
    // On a busy machine it may be over before it is looked at.
    while leadership.check().is_err() {
        comes(leader.acquire()).await;
    }
    let holding = tokio::spawn(async move { leader.hold().await });
    tokio::task::yield_now().await;
    // The only thread of this runtime: as for a process that is stopped, no task goes on.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(leadership.check(), Err(NotLeader));
    assert!(matches!(
        comes(holding).await.unwrap(),
        Lost::NotRenewed { .. }
    ));
}

#[tokio::test]
async fn the_first_replica_creates_the_lease_and_leads() {
    let store = Store::start().await;
    let mut first = leader(&store, "a", Timing::default());
    assert_eq!(first.leadership().check(), Err(NotLeader));
    comes(first.acquire()).await;
    assert_eq!(first.leadership().check(), Ok(()));
    let spec = store.spec();
    assert_eq!(spec.holder_identity.as_deref(), Some(first.identity()));
    assert_eq!(spec.lease_duration_seconds, Some(10));
    assert_eq!(spec.lease_transitions, Some(0));
    assert!(spec.acquire_time.is_some() && spec.acquire_time == spec.renew_time);
}

#[tokio::test]
async fn of_two_that_write_at_once_one_wins() {
    let store = Store::start().await;
    for _ in 0..2 {
        let (mut a, mut b) = (leader(&store, "a", steady()), leader(&store, "a", steady()));
        a.look().await.unwrap();
        b.look().await.unwrap();
        let spec = |it: &Leader| LeaseSpec {
            holder_identity: Some(it.identity().to_owned()),
            ..LeaseSpec::default()
        };
        let (of_a, of_b) = (spec(&a), spec(&b));
        // Creates in the first round, replaces in the second.
        let (won_a, won_b) = tokio::join!(a.write(of_a), b.write(of_b));
        assert_ne!(won_a.unwrap(), won_b.unwrap());
    }
}

#[tokio::test]
async fn a_standby_takes_over_when_the_leader_is_none_any_more() {
    let store = Store::start().await;
    let (mut a, mut b) = (leader(&store, "a", brief()), leader(&store, "b", brief()));
    comes(a.acquire()).await;
    // It is never renewed.
    comes(b.acquire()).await;
    assert_eq!(a.leadership().check(), Err(NotLeader));
    assert_eq!(store.spec().holder_identity.as_deref(), Some(b.identity()));
    assert_eq!(store.spec().lease_transitions, Some(1));
    assert!(matches!(comes(a.hold()).await, Lost::NotRenewed { .. }));
}

#[tokio::test]
async fn a_standby_leaves_a_leader_alone_that_renews() {
    let store = Store::start().await;
    let timing = Timing {
        lease: Duration::from_secs(10),
        give_up: Duration::from_secs(60),
        answer: Duration::from_secs(60),
        ..brief()
    };
    let (leadership, holding) = leading(leader(&store, "a", timing)).await;
    let mut b = leader(&store, "b", timing);
    let waiting = tokio::spawn(async move { b.acquire().await });
    // Longer than a record counts.
    for _ in 0..48 {
        sleep(Duration::from_millis(250)).await;
        comes(store.after_writes(2)).await;
        assert_eq!(leadership.check(), Ok(()));
        assert!(!waiting.is_finished());
    }
    assert_eq!(store.spec().lease_transitions, Some(0));
    holding.abort();
    comes(waiting).await.unwrap();
    assert_eq!(store.spec().lease_transitions, Some(1));
}

#[tokio::test]
async fn a_lease_that_another_holds_is_lost() {
    let store = Store::start().await;
    let (leadership, holding) = leading(leader(&store, "a", steady())).await;
    store.edit(|lease| {
        lease.spec.as_mut().unwrap().holder_identity = Some("other".to_owned());
    });
    let by = "other".to_owned();
    assert_eq!(comes(holding).await.unwrap().0, Lost::Taken { by });
    assert_eq!(leadership.check(), Err(NotLeader));
    assert_eq!(store.spec().holder_identity.as_deref(), Some("other"));
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_in_time_is_lost() {
    for mood in [Mood::Failing, Mood::Hanging] {
        let store = Store::start().await;
        let (leadership, holding) = leading(leader(&store, "a", brief())).await;
        store.mood(mood);
        let within = brief().give_up;
        assert_eq!(comes(holding).await.unwrap().0, Lost::NotRenewed { within });
        assert_eq!(leadership.check(), Err(NotLeader), "{mood:?}");
    }
}

#[tokio::test]
async fn a_short_absence_of_the_server_costs_nothing() {
    let store = Store::start().await;
    let timing = Timing {
        answer: Duration::from_millis(50),
        ..steady()
    };
    let (leadership, holding) = leading(leader(&store, "a", timing)).await;
    for mood in [Mood::Failing, Mood::Hanging, Mood::Forgetful] {
        store.mood(mood);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(leadership.check(), Ok(()), "{mood:?}");
        store.mood(Mood::Well);
        comes(store.after_writes(2)).await;
    }
    assert!(!holding.is_finished());
    assert_eq!(store.spec().lease_transitions, Some(0));
}

#[tokio::test]
async fn who_waits_for_a_server_that_is_away_leads_when_it_is_back() {
    for mood in [Mood::Failing, Mood::Hanging, Mood::Forgetful] {
        let store = Store::start().await;
        store.mood(mood);
        let timing = Timing {
            answer: Duration::from_millis(500),
            ..steady()
        };
        let mut a = leader(&store, "a", timing);
        let leadership = a.leadership();
        let waiting = tokio::spawn(async move { a.acquire().await });
        sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished(), "{mood:?}");
        store.mood(Mood::Well);
        comes(waiting).await.unwrap();
        assert_eq!(leadership.check(), Ok(()));
        // Also where it was our own write that the server did not tell of.
        assert_eq!(store.spec().lease_transitions, Some(0));
    }
}

#[tokio::test]
async fn what_others_write_beside_the_record_stays() {
    let store = Store::start().await;
    let (leadership, holding) = leading(leader(&store, "a", steady())).await;
    let labels = BTreeMap::from([("team".to_owned(), "edge".to_owned())]);
    store.edit(|lease| lease.metadata.labels = Some(labels.clone()));
    comes(store.after_writes(3)).await;
    assert_eq!(leadership.check(), Ok(()));
    assert_eq!(store.lease().unwrap().metadata.labels, Some(labels));
    assert!(!holding.is_finished());
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_taken_at_once() {
    let store = Store::start().await;
    let (leadership, holding) = leading(leader(&store, "a", steady())).await;
    let mut b = leader(&store, "b", steady());
    assert!(matches!(b.turn().await, Ok(Turn::Waits { .. })));
    holding.abort();
    drop(holding.await);
    assert_eq!(leadership.check(), Ok(()));

    // As after a shutdown in the midst of a renewal, of which this replica does not know.
    let mut a = leader(&store, "a", steady());
    a.identity = store.spec().holder_identity.unwrap();
    a.release().await;
    assert_eq!(store.spec().holder_identity, None);
    // The record that it takes over would have counted for an hour.
    comes(b.acquire()).await;
    assert_eq!(store.spec().holder_identity.as_deref(), Some(b.identity()));
    assert_eq!(store.spec().lease_transitions, Some(1));

    // By now it is another's.
    a.release().await;
    assert_eq!(b.leadership().check(), Ok(()));
    assert_eq!(store.spec().holder_identity.as_deref(), Some(b.identity()));
    b.release().await;
    assert_eq!(b.leadership().check(), Err(NotLeader));
}

#[tokio::test]
async fn a_deleted_lease_is_made_again_by_its_leader() {
    let store = Store::start().await;
    let (mut a, mut b) = (leader(&store, "a", steady()), leader(&store, "b", steady()));
    comes(a.acquire()).await;
    assert!(matches!(b.turn().await, Ok(Turn::Waits { .. })));
    store.delete();
    // Whoever has seen the record knows that its leader may still be at work.
    assert!(matches!(b.turn().await, Ok(Turn::Waits { .. })));
    assert_eq!(store.lease(), None);
    assert!(matches!(a.turn().await, Ok(Turn::Leads)));
    assert_eq!(store.spec().holder_identity.as_deref(), Some(a.identity()));
    assert!(matches!(b.turn().await, Ok(Turn::Waits { .. })));
}
