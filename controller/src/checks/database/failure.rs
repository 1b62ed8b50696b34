//! Why a database has not answered, as a DBA would say it.

use std::fmt;
use std::io::ErrorKind;

use sqlx::error::DatabaseError;

use crate::api::Database;

/// Why a database has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::checks) struct Failure {
    /// What kind of failure it is, where that matters.
    pub reason: Reason,
    sentence: String,
}

/// The kinds of failures that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checks) enum Reason {
    /// A table, view or column that is not there.
    NotThere,
    /// The user may not do that.
    NoRight,
    /// Anything else.
    Other,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> String {
        failure.sentence
    }
}

impl Failure {
    /// A failure of no kind that matters.
    pub fn other(sentence: impl Into<String>) -> Failure {
        Failure {
            reason: Reason::Other,
            sentence: sentence.into(),
        }
    }

    /// What sqlx says of `database`. No error of it holds the password: connections are made from
    /// parts, never from a URL.
    pub fn of(database: &Database, error: &sqlx::Error) -> Failure {
        let name = &database.name;
        let place = format!("{}:{}", database.host, database.port());
        match error {
            sqlx::Error::Database(error) => Failure::told(name, error.as_ref()),
            // What rustls has against a certificate comes as this kind of I/O error.
            sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                untrusted(name, &place, error)
            }
            sqlx::Error::Io(error) => Failure::other(format!(
                "database {name} cannot be reached at {place}: {error}"
            )),
            sqlx::Error::Tls(error) => untrusted(name, &place, error),
            other => Failure::other(format!("database {name}: {other}")),
        }
    }

    fn told(name: &str, error: &dyn DatabaseError) -> Failure {
        let said = error.message();
        let code = error.code().unwrap_or_default();
        let number = error
            .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
            .map(sqlx::mysql::MySqlDatabaseError::number);
        let (reason, mend) = meaning(&code, number);
        let mend = mend.map(|mend| format!(": {mend}")).unwrap_or_default();
        Failure {
            reason,
            sentence: format!("database {name} says {said:?}{mend}"),
        }
    }
}

fn untrusted(name: &str, place: &str, error: impl fmt::Display) -> Failure {
    Failure::other(format!(
        "database {name} at {place} has no TLS that is trusted: {error}: name its authority in tls.ca and the host as its certificate does, or say with tls.mode how much is demanded"
    ))
}

/// What an SQLSTATE, or MySQL's own number, means, and what mends it.
fn meaning(code: &str, number: Option<u16>) -> (Reason, Option<&'static str>) {
    match (code, number) {
        ("42P01" | "3F000" | "42703", _) | (_, Some(1146 | 1054 | 1109)) => (
            Reason::NotThere,
            Some("it was not restored, or the user looks into another schema"),
        ),
        ("42501", _) | (_, Some(1044 | 1142 | 1143 | 1227 | 1370)) => (
            Reason::NoRight,
            Some("give the user the right (GRANT SELECT ON the table TO the user)"),
        ),
        ("25006", _) | (_, Some(1792)) => {
            (Reason::Other, Some("checks may read, and nothing else"))
        }
        ("57014", _) | (_, Some(1969 | 3024)) => (
            Reason::Other,
            Some(
                "the query took longer than the check's timeout: raise it, or make the query smaller",
            ),
        ),
        ("28P01" | "28000", _) | (_, Some(1045 | 1698)) => (
            Reason::NoRight,
            Some("see that user and password are this server's"),
        ),
        ("3D000", _) | (_, Some(1049)) => {
            (Reason::Other, Some("nothing was restored under this name"))
        }
        _ => (Reason::Other, None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reason, meaning};

    #[test]
    fn both_engines_codes_are_told_apart() {
        for (code, number, reason) in [
            ("42P01", None, Reason::NotThere),
            ("42S02", Some(1146), Reason::NotThere),
            ("42501", None, Reason::NoRight),
            ("42000", Some(1142), Reason::NoRight),
            ("42000", Some(1064), Reason::Other),
        ] {
            assert_eq!(meaning(code, number).0, reason, "{code} {number:?}");
        }
    }
}
