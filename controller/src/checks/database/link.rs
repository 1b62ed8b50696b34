//! Reading and writing on a connection.
//!
//! That a [`Reader`] only reads is the server's doing, not ours: each query runs in a transaction
//! that the server keeps from writing, by the extended protocol, which takes one statement at a
//! time. So no query ends the transaction and goes on behind it.

use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySql, Postgres, Row};

use super::connect::Connection;
use super::failure::Failure;
use super::rows::{Bounds, Table, Unanswered, rows};
use crate::api::{Database, Engine};

/// A connection that only reads.
#[derive(Debug)]
pub(in crate::checks) struct Reader<'a>(Link<'a>);

/// A connection that writes, to a sandbox.
#[derive(Debug)]
pub(in crate::checks) struct Writer<'a>(Link<'a>);

/// A connection to a database, and how long a statement may last there.
#[derive(Debug)]
struct Link<'a> {
    database: &'a Database,
    connection: Connection,
    limit: Duration,
}

impl Link<'_> {
    /// Runs a statement of our own, of which nothing is to be seen.
    async fn run(&mut self, statement: &str) -> Result<(), Failure> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        let done = match &mut self.connection {
            Connection::PostgreSql(link) => statement.execute(link).await.map(drop),
            Connection::MySql(link) => statement.execute(link).await.map(drop),
        };
        done.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &sqlx::Error) -> Failure {
        Failure::of(self.database, error)
    }
}

impl<'a> Reader<'a> {
    /// Makes a connection one that only reads, with queries that last no longer than `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn new(
        database: &'a Database,
        connection: Connection,
        limit: Duration,
    ) -> Result<Reader<'a>, Failure> {
        let mut reader = Reader(Link {
            database,
            connection,
            limit,
        });
        if database.engine == Engine::MySQL {
            let limit = limit_mysql(&reader.version().await?, limit);
            reader.0.run(&limit).await?;
        }
        Ok(reader)
    }

    /// The database that is read.
    pub fn database(&self) -> &'a Database {
        self.0.database
    }

    /// What `query` yields, as text.
    ///
    /// # Errors
    /// What the database says, or that it yields too much.
    pub async fn ask(&mut self, query: &str) -> Result<Table, Failure> {
        self.read(query, Bounds::WRITTEN).await
    }

    /// The same of a query for the rows of a migration tool's table, of which there may be many.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub async fn ask_migrations(&mut self, query: &str) -> Result<Table, Failure> {
        self.read(query, Bounds::MIGRATIONS).await
    }

    async fn read(&mut self, query: &str, bounds: Bounds) -> Result<Table, Failure> {
        let link = &mut self.0;
        for statement in begin(link.database.engine, link.limit) {
            link.run(&statement).await?;
        }
        let asked = match &mut link.connection {
            Connection::PostgreSql(link) => {
                rows::<Postgres>(link, Engine::PostgreSQL, query, bounds).await
            }
            Connection::MySql(link) => rows::<MySql>(link, Engine::MySQL, query, bounds).await,
        };
        let ended = link.run("ROLLBACK").await;
        let table = asked.map_err(|error| match error {
            Unanswered::Sql(error) => link.failure(&error),
            Unanswered::Sentence(why) => {
                Failure::other(format!("database {}: {why}", link.database.name))
            }
        })?;
        ended.map(|()| table)
    }

    /// What a `SHOW` of MySQL yields, which cannot be part of a query; nothing of PostgreSQL.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn show(&mut self, statement: &'static str) -> Result<Vec<MySqlRow>, Failure> {
        let Connection::MySql(link) = &mut self.0.connection else {
            return Ok(Vec::new());
        };
        let shown = sqlx::query(statement).fetch_all(link).await;
        shown.map_err(|error| self.0.failure(&error))
    }

    async fn version(&mut self) -> Result<String, Failure> {
        let rows = self.show("SELECT CAST(VERSION() AS CHAR)").await?;
        let version = rows.first().map(|row| row.try_get_unchecked(0));
        let version = version.transpose();
        let version = version.map_err(|error| self.0.failure(&error))?;
        Ok(version.unwrap_or_default())
    }
}

impl<'a> Writer<'a> {
    /// Makes a connection one that writes, with statements that last no longer than `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn new(
        database: &'a Database,
        connection: Connection,
        limit: Duration,
    ) -> Result<Writer<'a>, Failure> {
        let mut link = Link {
            database,
            connection,
            limit,
        };
        if database.engine == Engine::MySQL {
            let limit = format!("SET SESSION lock_wait_timeout = {}", seconds(limit));
            link.run(&limit).await?;
        }
        Ok(Writer(link))
    }

    /// Runs one statement, by itself, and says how many rows it has written.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write(&mut self, statement: &str) -> Result<u64, Failure> {
        let ours = &mut self.0;
        let limit = format!("SET LOCAL statement_timeout = {}", millis(ours.limit));
        let statement = AssertSqlSafe(statement.to_owned());
        ours.run("BEGIN").await?;
        if matches!(ours.connection, Connection::PostgreSql(_)) {
            ours.run(&limit).await?;
        }
        let done = match &mut ours.connection {
            Connection::PostgreSql(link) => {
                let done = sqlx::query(statement).execute(link).await;
                done.map(|done| done.rows_affected())
            }
            Connection::MySql(link) => {
                let done = sqlx::query(statement).execute(link).await;
                done.map(|done| done.rows_affected())
            }
        };
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = ours.run(end).await;
        let rows = done.map_err(|error| ours.failure(&error))?;
        ended.map(|()| rows)
    }
}

/// What comes before each query. All of PostgreSQL's settings are the transaction's, none the
/// session's: behind a pooler (PgBouncer) the server's session is production's next, and one that
/// was left read-only would keep production from writing.
fn begin(engine: Engine, limit: Duration) -> Vec<String> {
    let limit = millis(limit);
    match engine {
        Engine::PostgreSQL => vec![
            "BEGIN READ ONLY".to_owned(),
            format!("SET LOCAL statement_timeout = {limit}"),
            "SET LOCAL TimeZone = 'UTC'".to_owned(),
            "SET LOCAL DateStyle = 'ISO'".to_owned(),
        ],
        // Its time zone is UTC by the connection's own settings.
        Engine::MySQL => vec!["START TRANSACTION READ ONLY".to_owned()],
    }
}

/// MySQL counts a query's time in milliseconds, MariaDB in seconds, each under a name of its own.
fn limit_mysql(version: &str, limit: Duration) -> String {
    if version.contains("MariaDB") {
        format!("SET SESSION max_statement_time = {}", seconds(limit))
    } else {
        format!("SET SESSION max_execution_time = {}", millis(limit))
    }
}

fn millis(limit: Duration) -> u128 {
    limit.as_millis().max(1)
}

fn seconds(limit: Duration) -> u64 {
    limit.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::limit_mysql;

    #[test]
    fn mysql_and_mariadb_are_given_a_limit_each_by_its_own_name() {
        let limit = Duration::from_secs(10);
        let mariadb = limit_mysql("10.11.19-MariaDB-0+deb12u1", limit);
        assert_eq!(mariadb, "SET SESSION max_statement_time = 10");
        let mysql = limit_mysql("8.4.3", limit);
        assert_eq!(mysql, "SET SESSION max_execution_time = 10000");
    }
}
