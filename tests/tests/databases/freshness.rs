//! How old the newest data is, against the recovery point objective.

use std::time::Duration;

use drillgate::checks::recovery_point;
use drillgate_tests::databases::{ENGINES, Kind};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::scene::Scene;

const NEWEST: &str = "freshness: {database: copy, table: orders, column: created_at}";

#[tokio::test]
async fn a_fresh_copy_meets_the_objective_and_tells_its_recovery_point() {
    for kind in ENGINES {
        let mut scene = Scene::restored(kind);
        scene.rpo = Some(Duration::from_secs(900));
        let outcome = scene.ask(NEWEST).await;
        assert!(!outcome.fails_the_drill(), "{}", outcome.message);
        // Alembic makes of one column a timestamptz and a DATETIME.
        let is_naive = outcome.message.contains("taken as UTC");
        assert_eq!(is_naive, kind == Kind::MariaDb, "{}", outcome.message);
        let seconds = recovery_point(&[outcome]).unwrap();
        assert!((59..900).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn an_old_backup_misses_the_objective() {
    for kind in ENGINES {
        let mut scene = Scene::production(kind);
        scene.pair.in_production("DELETE FROM orders WHERE id = 3;");
        scene.pair.restore();
        scene.rpo = Some(Duration::from_secs(900));
        scene
            .fails(
                NEWEST,
                &["at most 900s are wanted", "older than the objective"],
            )
            .await;
    }
}

#[tokio::test]
async fn an_empty_table_and_data_from_after_the_beginning_tell_no_recovery_point() {
    for kind in ENGINES {
        let mut scene = Scene::restored(kind);
        scene.recovery_started = Timestamp::now() - SignedDuration::from_mins(30);
        scene
            .fails(NEWEST, &["after the recovery began", "{recoveryStarted}"])
            .await;
        let query = "freshness:\n  database: copy\n  query: SELECT max(created_at) FROM orders WHERE created_at <= '{recoveryStarted}'";
        scene.passes(query).await;
        scene.pair.in_sandbox("DELETE FROM orders;");
        scene.fails(NEWEST, &["the table is empty"]).await;
    }
}

/// Of MySQL's two types, this one is kept in UTC.
#[tokio::test]
async fn mysqls_timestamp_is_a_moment_whatever_the_servers_zone() {
    let scene = Scene::restored(Kind::MariaDb);
    scene.pair.in_sandbox(
        "SET time_zone = '+05:00'; CREATE TABLE visits (at TIMESTAMP NULL); INSERT INTO visits VALUES (now() - INTERVAL 120 SECOND);",
    );
    let outcome = scene
        .ask("freshness: {database: copy, table: visits, column: at}")
        .await;
    assert!(
        !outcome.message.contains("taken as UTC"),
        "{}",
        outcome.message
    );
    let seconds = recovery_point(&[outcome]).unwrap();
    assert!((110..900).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_replica_as_the_sandbox_is_told_and_takes_no_receipt() {
    let mut scene = Scene::production(Kind::PostgreSql);
    let replica = scene.pair.production.replica();
    scene.databases[0]["port"] = replica.port.into();
    scene.rpo = Some(Duration::from_secs(1));
    let outcome = scene.ask(NEWEST).await;
    assert!(
        outcome.message.contains("(copy is a replica"),
        "{}",
        outcome.message
    );
    assert!(outcome.seen["replica"].contains("is a replica"));
    let receipt = "receipt: {database: copy, ask: {host: orders.example.com, path: /}}";
    scene
        .fails(receipt, &["is a replica", "promote it first"])
        .await;
}
