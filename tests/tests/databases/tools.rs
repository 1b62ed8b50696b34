//! Tables of tools that do not run here, made by hand as their documentation has them.

use drillgate_tests::databases::{ENGINES, Kind, Pair};

use crate::scene::Scene;

#[tokio::test]
async fn flyways_table_by_hand_from_its_documentation_shows_the_version_and_what_has_failed() {
    for kind in ENGINES {
        let pair = Pair::new(kind);
        pair.in_sandbox(
            "CREATE TABLE flyway_schema_history (installed_rank INT PRIMARY KEY, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INT, installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, execution_time INT NOT NULL, success BOOLEAN NOT NULL);
             INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by, execution_time, success) VALUES
             (1, '1.9', 'orders', 'SQL', 'V1.9__orders.sql', 'app', 5, true),
             (2, '1.10', 'state', 'SQL', 'V1.10__state.sql', 'app', 5, true),
             (3, NULL, 'views', 'SQL', 'R__views.sql', 'app', 5, true);",
        );
        let scene = Scene::of(pair);
        let check = "schemaVersion: {database: copy, tool: Flyway, expected: '1.10'}";
        scene.passes(check).await;
        scene.pair.in_sandbox(
            "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by, execution_time, success) VALUES (4, '2', 'more', 'SQL', 'V2__more.sql', 'app', 5, false);",
        );
        scene
            .fails(check, &["migration 2 (more) has failed", "half applied"])
            .await;
    }
}

#[tokio::test]
async fn a_table_of_many_migrations_is_read_whole() {
    for kind in ENGINES {
        let pair = Pair::new(kind);
        let rows: Vec<String> = (1..=1500).map(|version| format!("('{version}')")).collect();
        pair.in_sandbox(&format!(
            "CREATE TABLE schema_migrations (version VARCHAR(50) NOT NULL PRIMARY KEY);
             INSERT INTO schema_migrations VALUES {};",
            rows.join(", ")
        ));
        let scene = Scene::of(pair);
        scene
            .passes("schemaVersion: {database: copy, tool: Rails, expected: '1500'}")
            .await;
    }
}

#[tokio::test]
async fn golang_migrates_table_by_hand_shows_the_version_and_that_it_is_dirty() {
    for kind in ENGINES {
        let pair = Pair::new(kind);
        pair.in_sandbox(
            "CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL);
             INSERT INTO schema_migrations VALUES (7, false);",
        );
        let scene = Scene::of(pair);
        let check = "schemaVersion: {database: copy, tool: GolangMigrate, expected: '7'}";
        scene.passes(check).await;
        scene
            .pair
            .in_sandbox("UPDATE schema_migrations SET dirty = true;");
        scene
            .fails(check, &["migration 7 has ended half-way"])
            .await;
    }
}

#[tokio::test]
async fn liquibases_tables_by_hand_show_the_version_and_a_lock_that_is_held() {
    for kind in ENGINES {
        let pair = Pair::new(kind);
        let flag = match kind {
            Kind::PostgreSql => "BOOLEAN",
            Kind::MariaDb => "BIT(1)",
        };
        pair.in_sandbox(&format!(
            "CREATE TABLE DATABASECHANGELOG (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, FILENAME VARCHAR(255) NOT NULL, DATEEXECUTED TIMESTAMP NOT NULL, ORDEREXECUTED INT NOT NULL, EXECTYPE VARCHAR(10) NOT NULL);
             CREATE TABLE DATABASECHANGELOGLOCK (ID INT NOT NULL PRIMARY KEY, LOCKED {flag} NOT NULL, LOCKGRANTED TIMESTAMP NULL, LOCKEDBY VARCHAR(255));
             INSERT INTO DATABASECHANGELOG VALUES ('orders', 'ann', 'a.xml', '2026-01-01 00:00:00', 9, 'EXECUTED'), ('state', 'ann', 'a.xml', '2026-01-01 00:00:00', 10, 'EXECUTED');
             INSERT INTO DATABASECHANGELOGLOCK (ID, LOCKED) VALUES (1, FALSE);"
        ));
        let scene = Scene::of(pair);
        let check = "schemaVersion: {database: copy, tool: Liquibase, expected: state}";
        scene.passes(check).await;
        scene
            .pair
            .in_sandbox("UPDATE DATABASECHANGELOGLOCK SET LOCKED = TRUE;");
        scene.fails(check, &["Liquibase's lock is held"]).await;
    }
}

/// Rails, Prisma, Knex and EF Core, each with one migration and a second one.
#[tokio::test]
async fn the_other_tools_tables_by_hand_show_their_version() {
    for kind in ENGINES {
        let pair = Pair::new(kind);
        let quote = if kind == Kind::PostgreSql { "\"" } else { "`" };
        pair.in_sandbox(&format!(
            "CREATE TABLE schema_migrations (version VARCHAR(255) NOT NULL PRIMARY KEY);
             INSERT INTO schema_migrations VALUES ('20260101000000'), ('20260201000000');
             CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMP NULL, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMP NULL, started_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, applied_steps_count INTEGER NOT NULL DEFAULT 0);
             INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('a', 'x', '2026-01-01 00:00:00', '20260101000000_orders'), ('b', 'x', '2026-02-01 00:00:00', '20260201000000_state');
             CREATE TABLE knex_migrations (id INTEGER PRIMARY KEY, name VARCHAR(255), batch INTEGER, migration_time TIMESTAMP NULL);
             INSERT INTO knex_migrations (id, name, batch) VALUES (1, '20260101_orders.js', 1), (2, '20260201_state.js', 1);
             CREATE TABLE knex_migrations_lock ({quote}index{quote} INTEGER PRIMARY KEY, is_locked INTEGER);
             INSERT INTO knex_migrations_lock VALUES (1, 0);
             CREATE TABLE {quote}__EFMigrationsHistory{quote} ({quote}MigrationId{quote} VARCHAR(150) PRIMARY KEY, {quote}ProductVersion{quote} VARCHAR(32) NOT NULL);
             INSERT INTO {quote}__EFMigrationsHistory{quote} VALUES ('20260101000000_Orders', '10.0.0'), ('20260201000000_State', '10.0.0');"
        ));
        let scene = Scene::of(pair);
        for (tool, expected) in [
            ("Rails", "20260201000000"),
            ("Prisma", "20260201000000_state"),
            ("Knex", "20260201_state.js"),
            ("EFCore", "20260201000000_State"),
        ] {
            let check =
                format!("schemaVersion: {{database: copy, tool: {tool}, expected: '{expected}'}}");
            scene.passes(&check).await;
        }
        scene.pair.in_sandbox(
            "UPDATE knex_migrations_lock SET is_locked = 1; INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('c', 'x', '20260301000000_more');",
        );
        let knex = "schemaVersion: {database: copy, tool: Knex, expected: 20260201_state.js}";
        scene.fails(knex, &["Knex's lock is held"]).await;
        let prisma =
            "schemaVersion: {database: copy, tool: Prisma, expected: 20260201000000_state}";
        scene
            .fails(prisma, &["20260301000000_more was begun and not finished"])
            .await;
    }
}
