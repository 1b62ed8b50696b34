//! Receipts: shown by the sandbox alone, and taken away whatever happens.

use drillgate_tests::databases::ENGINES;
use tokio::net::TcpListener;

use crate::scene::Scene;

const TABLE: &str = "timeout: 60s\nreceipt:\n  database: copy\n  production: original\n  ordinaryPath: true\n  ask: {host: orders.example.com, path: '/receipts/{canary}', json: $.canary}";

const OWN: &str = "timeout: 60s\nreceipt:\n  database: copy\n  production: original\n  own:\n    insert: INSERT INTO orders (id, note, created_at) VALUES (99, '{canary}', '2026-01-01 00:00:00')\n    delete: DELETE FROM orders WHERE note = '{canary}'\n    find: SELECT 1 FROM orders WHERE note = '{canary}'\n  ask: {host: orders.example.com, path: '/notes/{canary}', json: $.note}";

async fn scene(kind: drillgate_tests::databases::Kind) -> (Scene, impl Sized, impl Sized) {
    let (scene, production, sandbox) = Scene::restored(kind).with_services().await;
    (scene.written_by("writer"), production, sandbox)
}

fn assert_nothing_is_left(scene: &Scene) {
    let left = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'drillgate_receipt' AND table_schema IN ('public', DATABASE_NAME)";
    let left = left.replace("DATABASE_NAME", &format!("'{}'", scene.pair.database));
    assert_eq!(scene.pair.in_sandbox(&format!("{left};")), "0\n");
    let orders = scene.pair.in_sandbox("SELECT count(*) FROM orders;");
    assert_eq!(orders, "3\n");
}

#[tokio::test]
async fn the_sandboxs_service_alone_shows_it_and_nothing_is_left() {
    for kind in ENGINES {
        let (scene, _production, _sandbox) = scene(kind).await;
        let message = scene.passes(TABLE).await;
        assert!(
            message.contains("neither original nor production's service"),
            "{message}"
        );
        let message = scene.passes(OWN).await;
        assert!(message.contains("original does not have it"), "{message}");
        assert_nothing_is_left(&scene);
    }
}

#[tokio::test]
async fn a_table_that_somebody_made_beforehand_stays() {
    for kind in ENGINES {
        let (scene, _production, _sandbox) = scene(kind).await;
        scene.pair.in_sandbox("CREATE TABLE drillgate_receipt (id CHAR(36) PRIMARY KEY, canary VARCHAR(64), drill_id VARCHAR(64), created_at TIMESTAMP NULL);");
        scene.passes(TABLE).await;
        assert_eq!(
            scene
                .pair
                .in_sandbox("SELECT count(*) FROM drillgate_receipt;"),
            "0\n"
        );
    }
}

#[tokio::test]
async fn a_route_that_leads_to_productions_database_is_caught() {
    for kind in ENGINES {
        let (mut scene, production, _sandbox) = Scene::restored(kind)
            .written_by("writer")
            .with_services()
            .await;
        scene.route.as_mut().unwrap().drill = production.address;
        for check in [TABLE, OWN] {
            scene
                .fails(
                    check,
                    &[
                        "not in the answer of orders.example.com",
                        "reads another database",
                    ],
                )
                .await;
        }
        assert_nothing_is_left(&scene);
    }
}

#[tokio::test]
async fn a_production_that_shows_the_sandboxs_receipt_is_caught() {
    for kind in ENGINES {
        let (mut scene, _production, sandbox) = Scene::restored(kind)
            .written_by("writer")
            .with_services()
            .await;
        scene.route.as_mut().unwrap().ordinary = sandbox.address;
        scene
            .fails(
                TABLE,
                &["production's service", "reads the sandbox's database"],
            )
            .await;
        // A question that production answers as the sandbox does.
        let blind = OWN.replace(
            "SELECT 1 FROM orders WHERE note = '{canary}'",
            "SELECT '{canary}'",
        );
        scene
            .fails(
                &blind,
                &[
                    "is in production's database original",
                    "Take its credentials away",
                ],
            )
            .await;
        assert_nothing_is_left(&scene);
    }
}

#[tokio::test]
async fn it_is_taken_away_when_the_try_runs_out_of_time() {
    for kind in ENGINES {
        let (mut scene, _production, _sandbox) = scene(kind).await;
        // Connections are taken, and never answered.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let route = scene.route.as_mut().unwrap();
        route.drill = silent.local_addr().unwrap();
        for check in [TABLE, OWN] {
            let check = check.replace("timeout: 60s", "timeout: 5s");
            scene.fails(&check, &["no answer within"]).await;
            assert_nothing_is_left(&scene);
        }
    }
}

/// As when a person ends the run: the future is dropped, and whoever dropped it clears up.
#[tokio::test]
async fn it_is_taken_away_when_the_whole_run_is_dropped() {
    for kind in ENGINES {
        let (mut scene, _production, _sandbox) = scene(kind).await;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        scene.route.as_mut().unwrap().drill = silent.local_addr().unwrap();
        let left = scene.drop_midway(OWN, &silent).await;
        assert_eq!(left, Vec::<String>::new());
        assert_nothing_is_left(&scene);
    }
}

#[tokio::test]
async fn a_user_who_only_reads_is_told_what_to_grant() {
    for kind in ENGINES {
        let (scene, _production, _sandbox) = scene(kind).await;
        let scene = scene.written_by("reader");
        scene
            .fails(TABLE, &["cannot be written into database copy", "GRANT"])
            .await;
        scene
            .fails(OWN, &["cannot be written", "GRANT INSERT, DELETE"])
            .await;
        assert_nothing_is_left(&scene);
    }
}

#[tokio::test]
async fn production_takes_no_receipt() {
    for kind in ENGINES {
        let (scene, _production, _sandbox) = scene(kind).await;
        let check = TABLE.replace("database: copy", "database: original");
        scene
            .fails(
                &check,
                &["original is production, where nothing is written"],
            )
            .await;
        let check = TABLE.replace("production: original", "production: copy");
        scene
            .fails(&check, &["copy is named as production", "role: Production"])
            .await;
        assert_nothing_is_left(&scene);
    }
}
