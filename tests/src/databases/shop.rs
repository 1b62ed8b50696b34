//! What is in the databases: orders, in tables that Alembic makes.

use std::process::Command;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Kind;
use super::database_program;

/// What Alembic would run from the beginning up to a revision: `0001` or `0002`.
///
/// # Panics
/// If Alembic refuses.
pub fn alembic(kind: Kind, revision: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/alembic");
    let dialect = match kind {
        Kind::PostgreSql => "dialect=postgresql",
        Kind::MariaDb => "dialect=mysql",
    };
    let output = Command::new(database_program("python/bin/alembic"))
        .args(["-c", &format!("{folder}/alembic.ini"), "-x", dialect])
        .args(["upgrade", revision, "--sql"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("run Alembic");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("SQL")
}

/// Three orders, the newest of a minute ago.
pub fn orders() -> String {
    let at = |seconds: i64| {
        let at = Timestamp::now() - SignedDuration::from_secs(seconds);
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    format!(
        "INSERT INTO orders (id, note, created_at) VALUES (1, 'first', '{}'), (2, 'second', '{}'), (3, 'third', '{}');",
        at(7200),
        at(3600),
        at(60)
    )
}
