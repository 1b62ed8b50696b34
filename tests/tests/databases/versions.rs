//! Schema versions: the right one, an older dump, a migration that ended half-way.

use drillgate_tests::databases::{ENGINES, Kind, Pair};

use crate::scene::{Scene, dump_of};

const ALEMBIC: &str = "schemaVersion: {database: copy, tool: Alembic, expected: '0002'}";

const THROUGH: &str = "schemaVersion: {database: copy, tool: Alembic, expected: '0002', \
    through: {host: orders.example.com, path: /version, json: $.version}}";

#[tokio::test]
async fn a_restored_copy_is_at_the_version_of_production_and_so_says_the_service() {
    for kind in ENGINES {
        let (scene, _production, _sandbox) = Scene::restored(kind).with_services().await;
        let message = scene.passes(THROUGH).await;
        assert!(
            message.contains("at 0002") && message.contains("through"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_older_dump_is_caught() {
    for kind in ENGINES {
        let scene = Scene::production(kind);
        scene.pair.restore_from(&dump_of(kind, "0001"));
        scene
            .fails(
                ALEMBIC,
                &["copy is at 0001, and 0002 is expected", "another release"],
            )
            .await;
    }
}

#[tokio::test]
async fn a_database_into_which_nothing_was_restored_is_caught() {
    for kind in ENGINES {
        let scene = Scene::production(kind);
        scene
            .fails(ALEMBIC, &["alembic_version", "has never run here"])
            .await;
    }
}

/// The sandbox itself was restored well; the service behind the route reads production.
#[tokio::test]
async fn a_route_that_leads_to_production_is_caught_by_the_version_that_it_shows() {
    for kind in ENGINES {
        let (mut scene, production, _sandbox) = Scene::restored(kind).with_services().await;
        let route = scene.route.as_mut().unwrap();
        route.drill = production.address;
        scene
            .pair
            .in_production("UPDATE alembic_version SET version_num = '0003';");
        scene
            .fails(
                THROUGH,
                &["copy is at 0002", "says \"0003\"", "reads another database"],
            )
            .await;
    }
}

#[tokio::test]
async fn sqlx_s_own_migrator_is_understood_and_one_that_ended_half_way_is_caught() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/sqlx"));
    for kind in ENGINES {
        let pair = Pair::new(kind);
        migrate(&pair, folder).await.unwrap();
        let scene = Scene::of(pair);
        scene
            .passes("schemaVersion: {database: copy, tool: Sqlx, expected: '20260201000000'}")
            .await;
        scene
            .fails(
                "schemaVersion: {database: copy, tool: Sqlx, expected: '20260101000000'}",
                &["is at 20260201000000"],
            )
            .await;
        // PostgreSQL takes it back whole; MySQL cannot.
        if kind == Kind::MariaDb {
            let more = tempfile::tempdir().unwrap();
            for file in std::fs::read_dir(folder).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), more.path().join(file.file_name())).unwrap();
            }
            let half =
                "ALTER TABLE orders ADD COLUMN paid INT; ALTER TABLE nowhere ADD COLUMN x INT;";
            std::fs::write(more.path().join("20260301000000_half.sql"), half).unwrap();
            migrate(&scene.pair, more.path()).await.unwrap_err();
            scene
                .fails(
                    "schemaVersion: {database: copy, tool: Sqlx, expected: '20260301000000'}",
                    &["not in order", "20260301000000", "half applied"],
                )
                .await;
        }
    }
}

async fn migrate(pair: &Pair, folder: &std::path::Path) -> Result<(), sqlx::migrate::MigrateError> {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&pair.sandbox.url(&pair.database))
        .await
        .unwrap();
    let migrator = sqlx::migrate::Migrator::new(folder).await.unwrap();
    let done = migrator.run(&pool).await;
    pool.close().await;
    // The users were not there when the tables came.
    pair.in_sandbox("SELECT 1;");
    done
}

#[tokio::test]
async fn django_s_own_table_is_understood() {
    let pair = Pair::new(Kind::PostgreSql);
    django(&pair, "0001");
    let scene = Scene::of(pair);
    let check = "schemaVersion: {database: copy, tool: Django, expected: orders.0002_order_note}";
    scene
        .fails(
            check,
            &["is at orders.0001_initial", "orders.0002_order_note"],
        )
        .await;
    django(&scene.pair, "0002");
    scene.passes(check).await;
    let other = check.replace("orders.0002_order_note", "shop.0001_initial");
    scene.fails(&other, &["no migration at all"]).await;
}

fn django(pair: &Pair, migration: &str) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/databases/django/migrate.py"
    );
    let python = drillgate_tests::databases::database_program("python/bin/python");
    let port = pair.sandbox.port.to_string();
    let output = std::process::Command::new(python)
        .args([
            script,
            &port,
            &pair.database,
            "writer",
            drillgate_tests::databases::PASSWORD,
            migration,
        ])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    pair.in_sandbox("SELECT 1;");
}
