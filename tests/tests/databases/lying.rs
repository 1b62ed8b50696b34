//! Credentials that point to production.

use drillgate_tests::databases::{ENGINES, Kind};

use crate::scene::Scene;

/// Every kind of check, on the sandbox.
const CHECKS: [&str; 4] = [
    "sql: {database: copy, query: SELECT 1, expect: {value: '1'}}",
    "schemaVersion: {database: copy, tool: Alembic, expected: '0002'}",
    "receipt: {database: copy, ask: {host: orders.example.com, path: '/receipts/{canary}'}}",
    "freshness: {database: copy, table: orders, column: created_at}",
];

#[tokio::test]
async fn a_sandbox_that_is_productions_database_fails_before_anything_is_done() {
    for kind in ENGINES {
        let scene = Scene::restored(kind).written_by("writer");
        let (mut scene, _production, _sandbox) = scene.with_services().await;
        scene.databases[0]["port"] = scene.pair.production.port.into();
        // By another name of the same machine.
        scene.databases[0]["host"] = "localhost".into();
        for check in CHECKS {
            scene
                .fails(
                    check,
                    &[
                        "sandbox copy (localhost:",
                        "same database of the same running server as production original",
                    ],
                )
                .await;
        }
        let there = scene.pair.in_production("SELECT count(*) FROM orders;");
        assert_eq!(there, "3\n");
    }
}

/// What cannot be told is not taken for good.
#[tokio::test]
async fn a_production_that_cannot_be_asked_fails_the_check() {
    for kind in ENGINES {
        let mut scene = Scene::restored(kind);
        scene.databases[1]["port"] = 1.into();
        scene
            .fails(
                CHECKS[0],
                &["whether sandbox copy is production original cannot be told"],
            )
            .await;
    }
}

/// It has production's system identifier, and is another server.
#[tokio::test]
async fn a_physical_copy_is_not_taken_for_production() {
    let mut scene = Scene::production(Kind::PostgreSql);
    let copy = scene.pair.production.replica();
    scene.databases[0]["port"] = copy.port.into();
    let identifier = "SELECT system_identifier FROM pg_control_system();";
    let ours = copy.admin("postgres", identifier);
    assert_eq!(ours, scene.pair.production.admin("postgres", identifier));
    scene.passes(CHECKS[0]).await;
}
