//! Up to which migration a database is, by the table of the tool that made it.
//!
//! | to learn about | read |
//! |---|---|
//! | the tools' tables, and what is asked of them | `tools.rs` |
//! | what the rows of a table mean | `rules.rs` |

mod rules;
mod tools;

use super::database::{Databases, Failure, Reader, Reason};
use super::looks::{Look, seen_of};
use super::outcome::Tried;
use super::through::{Way, asked};
use crate::api::{EdgeQuestion, MigrationTool, SchemaVersionCheck};
use rules::State;
use tools::Tool;

/// Asks once.
pub(super) async fn ask(
    check: &SchemaVersionCheck,
    databases: &Databases<'_>,
    look: Look,
) -> Result<Tried, String> {
    let mut reader = databases.reader(&check.database, look.limit).await?;
    let seen = seen_of(&mut reader).await?;
    let state = state(check, &mut reader).await?;
    let tried = judged(check, &state);
    if tried.failure.is_some() {
        return Ok(seen.on(tried));
    }
    let tried = match &check.through {
        Some(question) => through(check, question, databases, tried).await?,
        None => tried,
    };
    Ok(seen.on(tried))
}

/// Reads the tool's table, and that of its lock.
async fn state(check: &SchemaVersionCheck, reader: &mut Reader<'_>) -> Result<State, String> {
    let tool = Tool::of(check.tool);
    let engine = reader.database().engine;
    let table = tool.table(engine, check.table.as_deref());
    let query = tool.query(engine, &table);
    let rows = match reader.ask_migrations(&query).await {
        Ok(found) => found.rows,
        Err(failure) if failure.reason == Reason::NotThere => {
            return Err(format!(
                "{failure}. Without its table {table}, {:?} has never run here",
                check.tool
            ));
        }
        Err(failure) => return Err(failure.into()),
    };
    let app = check.expected.split_once('.').map(|(app, _)| app);
    let mut state = rules::state(check.tool, rows, app)?;
    if let Some(query) = tool.lock_query(engine, &table) {
        state
            .trouble
            .extend(lock(&query, check.tool, reader).await?);
    }
    Ok(state)
}

/// What the tool's lock says; nothing if it is not held, or there is no table for it.
async fn lock(
    query: &str,
    tool: MigrationTool,
    reader: &mut Reader<'_>,
) -> Result<Option<String>, Failure> {
    match reader.ask(query).await {
        Ok(held) if held.rows.is_empty() => Ok(None),
        Ok(_) => Ok(Some(format!(
            "{tool:?}'s lock is held: the dump was made while migrations ran, or they were cut off"
        ))),
        Err(failure) if failure.reason == Reason::NotThere => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn judged(check: &SchemaVersionCheck, state: &State) -> Tried {
    let SchemaVersionCheck {
        database,
        tool,
        expected,
        ..
    } = check;
    let newest = state.newest.as_deref();
    let tried = if !state.trouble.is_empty() {
        Tried::failed(format!(
            "database {database} is not in order: {}",
            state.trouble.join("; ")
        ))
    } else if state.is_at(expected) {
        Tried::passed(format!("database {database} is at {expected} ({tool:?})"))
    } else {
        let found = newest.map_or("has no migration at all".to_owned(), |newest| {
            format!("is at {newest}")
        });
        Tried::failed(format!(
            "database {database} {found}, and {expected} is expected ({tool:?}): the dump is of another release, or migrations have not run"
        ))
    };
    tried.and_saw("version", newest.unwrap_or("(none)"))
}

/// Asks the service behind the route for the version that it sees.
async fn through(
    check: &SchemaVersionCheck,
    question: &EdgeQuestion,
    databases: &Databases<'_>,
    tried: Tried,
) -> Result<Tried, String> {
    let EdgeQuestion { host, path, json } = question;
    let answer = asked(databases.edge, Way::Drill, question, path).await?;
    let expected = &check.expected;
    match &answer[..] {
        [version] if version == expected => {
            let message = format!("{}, and so says {host} through the route", tried.message);
            Ok(Tried { message, ..tried }.and_saw("through", version))
        }
        [version] => Ok(Tried::failed(format!(
            "database {} is at {expected}, and {host}{path} through the drill's route says {version:?}: the service behind it reads another database",
            check.database
        ))
        .and_saw("through", version)),
        other => Err(format!(
            "{host}{path} through the drill's route has {} values at {json}, and one is wanted",
            other.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::judged;
    use super::rules::State;
    use crate::api::SchemaVersionCheck;

    fn check() -> SchemaVersionCheck {
        serde_saphyr::from_str("{database: copy, tool: Rails, expected: '20261101'}").unwrap()
    }

    fn state(newest: Option<&str>, trouble: &[&str]) -> State {
        State {
            newest: newest.map(str::to_owned),
            trouble: trouble.iter().map(|&what| what.to_owned()).collect(),
        }
    }

    #[test]
    fn another_version_is_told_with_the_one_that_was_expected() {
        assert_eq!(
            judged(&check(), &state(Some("20261101"), &[])).failure,
            None
        );
        let old = judged(&check(), &state(Some("20250101"), &[]));
        let failure = old.failure.unwrap();
        assert!(
            failure.contains("is at 20250101, and 20261101 is expected"),
            "{failure}"
        );
        let none = judged(&check(), &state(None, &[])).failure.unwrap();
        assert!(none.contains("no migration at all"), "{none}");
    }

    #[test]
    fn trouble_fails_the_right_version_too() {
        let half = judged(&check(), &state(Some("20261101"), &["20261102 has failed"]));
        assert!(half.failure.unwrap().contains("20261102 has failed"));
    }
}
