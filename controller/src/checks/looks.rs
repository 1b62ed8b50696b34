//! What all looks into databases have in common.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::database::{Databases, Failure, Reader, Replica};
use super::outcome::Tried;
use super::{freshness, receipt, schema_version, sql};
use crate::api::Check;
use crate::resources::metadata::rfc3339;

/// What stands in a query for when the recovery began.
const RECOVERY_STARTED: &str = "{recoveryStarted}";

/// What one look is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// How long a query may last.
    pub limit: Duration,
    /// When the recovery began.
    pub recovery_started: Timestamp,
    /// When it is now.
    pub now: Timestamp,
}

impl Look {
    /// When the recovery began, as it is told.
    pub fn began(&self) -> String {
        rfc3339(&Time(self.recovery_started))
    }

    /// `query` with the time in place. Without a zone both engines take it: the connection's is UTC.
    pub fn filled_in(&self, query: &str) -> String {
        let started = self.recovery_started.strftime("%Y-%m-%d %H:%M:%S");
        query.replace(RECOVERY_STARTED, &started.to_string())
    }
}

/// Asks a check that looks into a database, once; nothing if it is of another kind.
pub(super) async fn ask(check: &Check, databases: &Databases<'_>, look: Look) -> Option<Tried> {
    let asked = if let Some(check) = &check.sql {
        sql::ask(check, databases, look).await
    } else if let Some(check) = &check.schema_version {
        schema_version::ask(check, databases, look).await
    } else if let Some(check) = &check.receipt {
        receipt::ask(check, databases, look).await
    } else if let Some(check) = &check.freshness {
        freshness::ask(check, databases, look).await
    } else {
        return None;
    };
    Some(asked.unwrap_or_else(Tried::failed))
}

/// What is seen of a database beside what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    name: String,
    replica: Option<Replica>,
}

/// Looks at how a database stands.
pub(super) async fn seen_of(reader: &mut Reader<'_>) -> Result<Seen, Failure> {
    Ok(Seen {
        name: reader.database().name.clone(),
        replica: Replica::of(reader).await?,
    })
}

impl Seen {
    /// Adds it to what a try has come to.
    pub fn on(&self, tried: Tried) -> Tried {
        match self.replica_sentence() {
            Some(sentence) => tried.and_saw("replica", &sentence),
            None => tried,
        }
    }

    /// That the database is a replica, if it is.
    pub fn replica_sentence(&self) -> Option<String> {
        let replica = self.replica?;
        Some(format!("{} {replica}", self.name))
    }
}
