//! Which server and database a connection has come to, and whether two are the same.

use sqlx::Row;

use super::failure::{Failure, Reason};
use super::link::Reader;
use crate::api::Engine;

/// A server, and a database on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    server: Server,
    database: String,
}

/// What tells a server from others.
///
/// No single fact does. A server that was restored from a base backup or a volume's snapshot keeps
/// what was written into its data: PostgreSQL's system identifier, MySQL's server_uuid. Its own
/// address and port differ by the way that one has come to it, and are the same for two pods that
/// are called alike. When the process was started is another for each process, and the same for
/// every way to it. So a server is taken for the same if both agree: what its data says, and when
/// it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    /// PostgreSQL: the system identifier, and when the postmaster was started, to the microsecond.
    PostgreSql { system: String, started: String },
    /// MySQL or MariaDB: the host's name, the port, the folder of the data and, of MySQL, the
    /// server_uuid; and when it was started, which is known to the second, more or less.
    MySql { facts: Vec<String>, started: i64 },
}

impl Identity {
    /// Asks for it.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn of(reader: &mut Reader<'_>) -> Result<Identity, Failure> {
        match reader.database().engine {
            Engine::PostgreSQL => postgres(reader).await,
            Engine::MySQL => mysql(reader).await,
        }
    }

    /// Whether it is the same server, whatever the database. What only one of two users is let to
    /// know tells no two servers apart.
    pub(super) fn is_same_server(&self, other: &Identity) -> bool {
        match (&self.server, &other.server) {
            (
                Server::PostgreSql { system, started },
                Server::PostgreSql {
                    system: theirs,
                    started: then,
                },
            ) => may_be_equal(system, theirs) && started == then,
            (
                Server::MySql { facts, started },
                Server::MySql {
                    facts: theirs,
                    started: then,
                },
            ) => {
                let mut facts = facts.iter().zip(theirs);
                facts.all(|(fact, other)| may_be_equal(fact, other)) && started.abs_diff(*then) <= 2
            }
            _ => false,
        }
    }

    /// Whether it is the same database of the same server.
    pub(super) fn is_same(&self, other: &Identity) -> bool {
        self.is_same_server(other) && self.database == other.database
    }
}

async fn postgres(reader: &mut Reader<'_>) -> Result<Identity, Failure> {
    let system = reader.ask("SELECT system_identifier FROM pg_control_system()");
    let system = match system.await {
        Ok(table) => first(&table.rows, 0),
        // Some services do not let their customers ask.
        Err(failure) if failure.reason == Reason::NoRight => String::new(),
        Err(failure) => return Err(failure),
    };
    let query = "SELECT pg_postmaster_start_time(), current_database()";
    let rows = reader.ask(query).await?.rows;
    Ok(Identity {
        server: Server::PostgreSql {
            system,
            started: first(&rows, 0),
        },
        database: first(&rows, 1),
    })
}

async fn mysql(reader: &mut Reader<'_>) -> Result<Identity, Failure> {
    let query =
        "SELECT database(), @@hostname, @@port, @@datadir, @@version, UNIX_TIMESTAMP(NOW())";
    let rows = reader.ask(query).await?.rows;
    let mut facts: Vec<String> = (1..=4).map(|column| first(&rows, column)).collect();
    // MariaDB has none.
    let uuid = reader.ask("SELECT @@server_uuid").await;
    facts.push(uuid.map(|table| first(&table.rows, 0)).unwrap_or_default());
    let uptime = reader.show("SHOW GLOBAL STATUS LIKE 'Uptime'").await?;
    let uptime = uptime.first().and_then(|row| {
        let value: Result<String, _> = row.try_get_unchecked(1);
        value.ok()?.parse::<i64>().ok()
    });
    let now: i64 = first(&rows, 5).parse().unwrap_or_default();
    Ok(Identity {
        server: Server::MySql {
            facts,
            started: now - uptime.unwrap_or(now),
        },
        database: first(&rows, 0),
    })
}

/// Whether two facts agree, or one of them is not known.
fn may_be_equal(fact: &str, other: &str) -> bool {
    fact.is_empty() || other.is_empty() || fact == other
}

fn first(rows: &[Vec<Option<String>>], column: usize) -> String {
    let cell = rows.first().and_then(|row| row.get(column)).cloned();
    cell.flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Identity, Server};

    fn postgres(system: &str, started: &str, database: &str) -> Identity {
        Identity {
            server: Server::PostgreSql {
                system: system.to_owned(),
                started: started.to_owned(),
            },
            database: database.to_owned(),
        }
    }

    fn mysql(host: &str, started: i64) -> Identity {
        Identity {
            server: Server::MySql {
                facts: vec![host.to_owned(), "3306".to_owned()],
                started,
            },
            database: "orders".to_owned(),
        }
    }

    #[test]
    fn a_physical_copy_is_another_server_though_its_data_says_the_same() {
        let production = postgres("7301", "2026-11-01 10:00:00.123456+00", "orders");
        let copy = postgres("7301", "2026-11-27 02:00:00.654321+00", "orders");
        assert!(!production.is_same(&copy));
        assert!(production.is_same(&production.clone()));
        let beside = postgres("7301", "2026-11-01 10:00:00.123456+00", "orders_dr");
        assert!(!production.is_same(&beside) && production.is_same_server(&beside));
    }

    #[test]
    fn a_server_is_the_same_to_a_user_who_may_not_ask_for_all_of_it() {
        let started = "2026-11-01 10:00:00.123456+00";
        let ours = postgres("7301", started, "orders");
        let unknown = postgres("", started, "orders");
        assert!(ours.is_same(&unknown) && unknown.is_same(&ours));
        let later = postgres("", "2026-11-27 02:00:00.654321+00", "orders");
        assert!(!ours.is_same_server(&later));
        assert!(mysql("mysql-0", 1000).is_same(&mysql("", 1000)));
        assert!(!ours.is_same_server(&mysql("mysql-0", 1000)));
    }

    #[test]
    fn two_pods_that_are_called_alike_are_told_apart_by_when_they_were_started() {
        assert!(mysql("mysql-0", 1000).is_same(&mysql("mysql-0", 1001)));
        assert!(!mysql("mysql-0", 1000).is_same(&mysql("mysql-0", 1010)));
        assert!(!mysql("mysql-0", 1000).is_same(&mysql("mysql-1", 1000)));
    }
}
