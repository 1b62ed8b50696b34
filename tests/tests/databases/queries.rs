//! Queries: what they yield, and that they do nothing else.

use drillgate_tests::databases::{ENGINES, Kind};

use crate::scene::Scene;

fn sql(query: &str, expect: &str) -> String {
    format!("timeout: 60s\nsql:\n  database: copy\n  query: |-\n    {query}\n  expect: {expect}")
}

#[tokio::test]
async fn what_was_restored_is_found() {
    for kind in ENGINES {
        let scene = Scene::restored(kind);
        scene
            .passes(&sql(
                "SELECT note FROM orders WHERE id = 3;",
                "{value: third}",
            ))
            .await;
        scene
            .passes(&sql(
                "WITH o AS (SELECT * FROM orders) SELECT id, id FROM o -- all",
                "{rows: {atLeast: 3, atMost: 3}}",
            ))
            .await;
        let near = sql(
            "SELECT count(*) FROM orders",
            "{baseline: {number: 4, tolerancePercent: 25}}",
        );
        scene.passes(&near).await;
        let far = sql(
            "SELECT count(*) FROM orders",
            "{baseline: {number: 4, tolerancePercent: 20}}",
        );
        scene.fails(&far, &["yields 3", "20%", "from 4"]).await;
        scene
            .fails(
                &sql("SELECT state FROM orders WHERE id = 3", "{value: paid}"),
                &["yields NULL", "\"paid\""],
            )
            .await;
    }
}

#[tokio::test]
async fn a_table_that_was_not_restored_is_named() {
    for kind in ENGINES {
        let scene = Scene::restored(kind);
        let query = sql("SELECT count(*) FROM customers", "{rows: {atLeast: 1}}");
        scene
            .fails(&query, &["database copy", "customers", "was not restored"])
            .await;
        scene.pair.in_sandbox("DROP TABLE orders;");
        let query = sql("SELECT count(*) FROM orders", "{rows: {atLeast: 1}}");
        scene.fails(&query, &["orders", "was not restored"]).await;
    }
}

/// As the user who may do all: it is the server that refuses.
#[tokio::test]
async fn the_server_itself_keeps_a_query_from_writing() {
    for kind in ENGINES {
        let scene = Scene::restored(kind).written_by("writer");
        for statement in [
            "DELETE FROM orders",
            "DROP TABLE orders",
            "SELECT 1; COMMIT; DELETE FROM orders",
            "COMMIT",
            "SELECT 1) SELECT 1; DELETE FROM orders; --",
        ] {
            scene
                .fails(&sql(statement, "{rows: {atMost: 1}}"), &["copy"])
                .await;
        }
        if kind == Kind::PostgreSql {
            scene.pair.in_sandbox(
                "CREATE FUNCTION clear() RETURNS integer LANGUAGE sql AS 'DELETE FROM orders RETURNING 1'; GRANT EXECUTE ON FUNCTION clear() TO writer;",
            );
            for query in [
                "SELECT clear()",
                "SELECT set_config('transaction_read_only', 'off', false), clear()",
            ] {
                scene
                    .fails(&sql(query, "{rows: {atMost: 1}}"), &["read"])
                    .await;
            }
        } else {
            scene.pair.in_sandbox(
                "DELIMITER //\nCREATE FUNCTION clear() RETURNS INT DETERMINISTIC BEGIN DELETE FROM orders; RETURN 1; END//",
            );
            scene
                .fails(
                    &sql("SELECT clear()", "{rows: {atMost: 1}}"),
                    &["READ ONLY", "may read"],
                )
                .await;
        }
        assert_eq!(scene.pair.in_sandbox("SELECT count(*) FROM orders;"), "3\n");
    }
}

#[tokio::test]
async fn a_query_that_yields_too_much_or_takes_too_long_is_refused() {
    for kind in ENGINES {
        let scene = Scene::restored(kind);
        let (many, long, slow, wide) = match kind {
            Kind::PostgreSql => (
                "SELECT * FROM generate_series(1, 100000)",
                "SELECT repeat('x', 10000000)",
                "SELECT count(*) FROM generate_series(1, 10000000000)",
                "SELECT repeat('x', 60000) FROM generate_series(1, 100)",
            ),
            Kind::MariaDb => (
                "SELECT seq FROM seq_1_to_100000",
                "SELECT repeat('x', 10000000)",
                "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
                "SELECT repeat('x', 60000) FROM seq_1_to_100",
            ),
        };
        let any = "{rows: {atLeast: 0}}";
        scene.fails(&sql(many, any), &["more than 1000 rows"]).await;
        scene
            .fails(&sql(long, any), &["longer than 65536 characters"])
            .await;
        scene
            .fails(&sql(wide, any), &["more than 1048576 bytes"])
            .await;
        let slow = sql(slow, any).replace("timeout: 60s", "timeout: 2s");
        let message = scene.fails(&slow, &[]).await;
        assert!(
            message.contains("timeout") || message.contains("within"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_user_without_the_right_is_told_which_one() {
    let scene = Scene::restored(Kind::PostgreSql);
    scene
        .pair
        .sandbox
        .admin(&scene.pair.database, "REVOKE ALL ON orders FROM reader;");
    let query = sql("SELECT count(*) FROM orders", "{rows: {atLeast: 1}}");
    scene
        .fails(&query, &["permission denied", "GRANT SELECT"])
        .await;
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_is_named_without_its_password() {
    for kind in ENGINES {
        let mut scene = Scene::restored(kind);
        let query = sql("SELECT 1", "{value: '1'}");
        scene.databases[0]["user"]["value"] = "nobody".into();
        scene
            .fails(&query, &["database copy", "user and password"])
            .await;
        scene.databases[0]["user"]["value"] = "reader".into();
        scene.databases[0]["database"] = "elsewhere".into();
        scene.fails(&query, &["database copy"]).await;
        scene.databases[0]["port"] = 1.into();
        scene
            .fails(&query, &["database copy cannot be reached at 127.0.0.1:1"])
            .await;
        scene.databases[0]["password"]["file"] = "/nowhere/password".into();
        scene
            .fails(
                &query,
                &["the password of database copy", "/nowhere/password"],
            )
            .await;
        let none = query.replace("database: copy", "database: none");
        scene
            .fails(&none, &["no database none", "spec.databases"])
            .await;
    }
}

#[tokio::test]
async fn tls_that_is_demanded_and_not_there_is_no_connection() {
    for kind in ENGINES {
        let mut scene = Scene::restored(kind);
        let query = sql("SELECT 1", "{value: '1'}");
        scene.databases[0]["tls"] = serde_json::json!({"mode": "Disable"});
        scene.passes(&query).await;
        scene.databases[0]["tls"] = serde_json::json!({"mode": "VerifyFull"});
        scene.fails(&query, &["database copy", "TLS"]).await;
    }
}
