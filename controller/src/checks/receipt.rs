//! A mark that is written into the sandbox's database, and that only the sandbox may show.
//!
//! It is the one thing that drillgate writes. Each try writes a mark of its own and takes it away;
//! what a try that was cut off has left is kept here, until [`Receipts::clear`] has removed it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use super::database::{Databases, Failure, Reader, Reason};
use super::looks::{Look, seen_of};
use super::outcome::Tried;
use super::through::{Way, asked};
use crate::api::{OwnReceipt, ReceiptCheck};

/// What stands for the mark in statements and paths.
pub(super) const CANARY: &str = "{canary}";

/// The table that is drillgate's own.
const TABLE: &str = "drillgate_receipt";

/// How long removing may take.
const CLEARING: Duration = Duration::from_secs(10);

/// How long one statement of it may take.
const CLEARING_STATEMENT: Duration = Duration::from_secs(5);

/// Marks that are in databases.
#[derive(Debug, Default)]
pub struct Receipts(Mutex<Vec<Written>>);

/// A mark that was written, or may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    database: String,
    /// What takes it away.
    undo: Vec<String>,
}

impl Receipts {
    /// Removes what is still there; gives a sentence for each mark that could not be removed. To be
    /// called after whatever was cut off: the future of a check, or of all checks.
    pub async fn clear(&self, databases: &Databases<'_>) -> Vec<String> {
        let mut left = Vec::new();
        for written in self.take() {
            let removed = timeout(CLEARING, remove(&written, databases)).await;
            let why = match removed {
                Ok(Ok(())) => continue,
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => format!("no answer within {CLEARING:?}"),
            };
            let undo = written.undo.join("; ");
            left.push(format!(
                "the receipt in database {} could not be removed: {why}: run there: {undo}",
                written.database
            ));
        }
        left
    }

    fn add(&self, written: Written) {
        self.lock().push(written);
    }

    fn take(&self) -> Vec<Written> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn remove(written: &Written, databases: &Databases<'_>) -> Result<(), Failure> {
    let writer = databases.writer(&written.database, CLEARING_STATEMENT);
    let mut writer = writer.await?;
    for statement in &written.undo {
        match writer.write(statement).await {
            // It was cut off before there was a table.
            Err(failure) if failure.reason == Reason::NotThere => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// Asks once. Whoever calls it clears the receipts afterwards.
pub(super) async fn ask(
    check: &ReceiptCheck,
    databases: &Databases<'_>,
    look: Look,
) -> Result<Tried, String> {
    let canary = format!("drillgate-{}", Uuid::new_v4().simple());
    let mut reader = databases.reader(&check.database, look.limit).await?;
    let seen = seen_of(&mut reader).await?;
    if let Some(replica) = seen.replica_sentence() {
        return Err(format!(
            "database {replica}: nothing can be written there, promote it first"
        ));
    }
    let statements = match &check.own {
        Some(own) => own_statements(own, &canary),
        None => table_statements(&mut reader, &canary, databases.drill).await?,
    };
    let mut writer = databases.writer(&check.database, look.limit).await?;
    // Before the first statement: one that is cut off may have been run.
    databases.receipts.add(Written {
        database: check.database.clone(),
        undo: statements.undo,
    });
    for statement in &statements.write {
        let written = writer.write(statement).await;
        written.map_err(|failure| unwritten(check, &failure))?;
    }
    // A question that does not find it here would not find it in production either.
    if !is_found(&mut reader, &statements.find).await? {
        return Err(format!(
            "the receipt was written into database {} and is not found there: see that own.insert and own.find are about the same row",
            check.database
        ));
    }
    let tried = answered(check, databases, &canary, &statements.find, look).await?;
    Ok(seen.on(tried.and_saw("receipt", &canary)))
}

/// What is said to the databases.
struct Statements {
    write: Vec<String>,
    find: String,
    undo: Vec<String>,
}

fn own_statements(own: &OwnReceipt, canary: &str) -> Statements {
    let with = |statement: &String| statement.replace(CANARY, canary);
    Statements {
        write: vec![with(&own.insert)],
        find: with(&own.find),
        undo: vec![with(&own.delete)],
    }
}

/// Statements about the table of drillgate's own. It is made if it is not there, and then removed
/// again; whoever made it beforehand, with rights for the service, keeps it.
async fn table_statements(
    reader: &mut Reader<'_>,
    canary: &str,
    drill: &str,
) -> Result<Statements, Failure> {
    let is_there = match reader.ask(&format!("SELECT 1 FROM {TABLE} LIMIT 1")).await {
        Ok(_) => true,
        Err(failure) if failure.reason == Reason::NotThere => false,
        Err(failure) => return Err(failure),
    };
    let id = Uuid::new_v4();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let drill: String = drill.chars().filter(is_plain).take(64).collect();
    let mut statements = Statements {
        write: vec![format!(
            "INSERT INTO {TABLE} (id, canary, drill_id, created_at) VALUES ('{id}', '{canary}', '{drill}', CURRENT_TIMESTAMP)"
        )],
        find: format!("SELECT 1 FROM {TABLE} WHERE canary = '{canary}'"),
        undo: vec![format!("DELETE FROM {TABLE} WHERE id = '{id}'")],
    };
    if !is_there {
        let make = format!(
            "CREATE TABLE {TABLE} (id CHAR(36) PRIMARY KEY, canary VARCHAR(64) NOT NULL, drill_id VARCHAR(64) NOT NULL, created_at TIMESTAMP NOT NULL)"
        );
        statements.write.insert(0, make);
        statements.undo.push(format!("DROP TABLE {TABLE}"));
    }
    Ok(statements)
}

fn unwritten(check: &ReceiptCheck, failure: &Failure) -> String {
    let database = &check.database;
    let mend = match (failure.reason, &check.own) {
        (Reason::NoRight, None) => format!(
            ": give the user of the sandbox the rights to make and write a table (PostgreSQL: GRANT CREATE ON SCHEMA public TO the user; MySQL: GRANT SELECT, INSERT, DELETE, CREATE, DROP ON the database's {TABLE} TO the user)"
        ),
        (Reason::NoRight, Some(_)) => {
            ": give the user of the sandbox the rights that own.insert and own.delete need (GRANT INSERT, DELETE ON the table TO the user)".to_owned()
        }
        _ => String::new(),
    };
    format!("the receipt cannot be written into database {database}: {failure}{mend}")
}

async fn is_found(reader: &mut Reader<'_>, find: &str) -> Result<bool, Failure> {
    Ok(!reader.ask(find).await?.rows.is_empty())
}

/// Asks for the mark on the ways where it has to be, and where it must not.
async fn answered(
    check: &ReceiptCheck,
    databases: &Databases<'_>,
    canary: &str,
    find: &str,
    look: Look,
) -> Result<Tried, String> {
    let path = check.ask.path.replace(CANARY, canary);
    let shows = |answer: Vec<String>| answer.iter().any(|text| text.contains(canary));
    let database = &check.database;
    // First of all: if it is there, nothing else matters.
    if let Some(production) = &check.production
        && is_in_production(production, databases, find, look).await?
    {
        return Err(format!(
            "the receipt that was written into sandbox {database} is in production's database {production}: the sandbox writes into production, or is it. Take its credentials away"
        ));
    }
    let host = &check.ask.host;
    if check.ordinary_path && shows(asked(databases.edge, Way::Ordinary, &check.ask, &path).await?)
    {
        return Err(format!(
            "production's service at {host} shows the receipt that was written into sandbox {database}: production reads the sandbox's database, or the sandbox is production"
        ));
    }
    if !shows(asked(databases.edge, Way::Drill, &check.ask, &path).await?) {
        return Err(format!(
            "the receipt that was written into sandbox {database} is not in the answer of {host}{path} through the drill's route: the service behind it reads another database"
        ));
    }
    Ok(Tried::passed(format!(
        "the service behind the route shows the receipt of {database}{}",
        not_elsewhere(check)
    )))
}

/// The receipt's own table is not there in most productions: then it is not in it.
async fn is_in_production(
    production: &str,
    databases: &Databases<'_>,
    find: &str,
    look: Look,
) -> Result<bool, Failure> {
    let mut reader = databases.production_reader(production, look.limit).await?;
    match is_found(&mut reader, find).await {
        Err(failure) if failure.reason == Reason::NotThere && find.contains(TABLE) => Ok(false),
        found => found,
    }
}

fn not_elsewhere(check: &ReceiptCheck) -> String {
    match (&check.production, check.ordinary_path) {
        (Some(production), true) => {
            format!(", and neither {production} nor production's service does")
        }
        (Some(production), false) => format!(", and {production} does not have it"),
        (None, true) => ", and production's service does not".to_owned(),
        (None, false) => " (production was not asked: name it in production)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{not_elsewhere, own_statements};
    use crate::api::ReceiptCheck;

    fn check(more: &str) -> ReceiptCheck {
        let text = format!("{{database: copy, ask: {{host: a.example, path: /}}{more}}}");
        serde_saphyr::from_str(&text).unwrap()
    }

    #[test]
    fn the_mark_is_put_into_each_statement() {
        let own = check(
            ", own: {insert: \"I '{canary}'\", delete: \"D '{canary}'\", find: \"S '{canary}'\"}",
        );
        let said = own_statements(own.own.as_ref().unwrap(), "mark");
        assert_eq!(said.write, ["I 'mark'"]);
        assert_eq!(said.find, "S 'mark'");
        assert_eq!(said.undo, ["D 'mark'"]);
    }

    #[test]
    fn a_receipt_that_was_not_looked_for_in_production_says_so() {
        assert!(not_elsewhere(&check("")).contains("was not asked"));
        assert!(not_elsewhere(&check(", production: prod")).contains("prod does not"));
        assert!(!not_elsewhere(&check(", ordinaryPath: true")).contains("not asked"));
    }
}
