//! Whether a database is a replica of another one, and how far behind.

use std::fmt;

use sqlx::Row;

use super::failure::Failure;
use super::link::Reader;
use crate::api::Engine;

/// How a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checks) struct Replica {
    /// How many seconds it is behind; nothing if it does not say.
    behind: Option<i64>,
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.behind {
            Some(seconds) => write!(f, "is a replica, {seconds}s behind"),
            None => f.write_str("is a replica, and does not say how far behind"),
        }
    }
}

impl Replica {
    /// Asks; nothing if it is none, or does not let us know.
    ///
    /// # Errors
    /// What the database says.
    pub(in crate::checks) async fn of(reader: &mut Reader<'_>) -> Result<Option<Replica>, Failure> {
        match reader.database().engine {
            Engine::PostgreSQL => postgres(reader).await,
            Engine::MySQL => Ok(mysql(reader).await),
        }
    }
}

async fn postgres(reader: &mut Reader<'_>) -> Result<Option<Replica>, Failure> {
    let query = "SELECT floor(extract(epoch FROM now() - pg_last_xact_replay_timestamp()))::bigint \
                 WHERE pg_is_in_recovery()";
    let found = reader.ask(query).await?.rows.into_iter().next();
    Ok(found.map(|row| Replica {
        behind: row
            .into_iter()
            .flatten()
            .next()
            .and_then(|cell| cell.parse().ok()),
    }))
}

/// A user that only reads may mostly not ask for a replica's status: then it is none to us.
async fn mysql(reader: &mut Reader<'_>) -> Option<Replica> {
    let rows = reader.show("SHOW REPLICA STATUS").await.ok()?;
    let row = rows.first()?;
    let names = ["Seconds_Behind_Source", "Seconds_Behind_Master"];
    let behind = names.iter().find_map(|name| {
        let seconds: Result<Option<i64>, _> = row.try_get_unchecked(*name);
        seconds.ok().flatten()
    });
    Some(Replica { behind })
}
