//! What the rows of a tool's table mean.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::api::MigrationTool;

/// How far a database is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The newest version; nothing if there is none.
    pub newest: Option<String>,
    /// What is not in order, a sentence for each.
    pub trouble: Vec<String>,
}

impl State {
    /// Whether `expected` is what there is. Several heads, as Alembic may have them, are joined by
    /// commas, in any order.
    pub(super) fn is_at(&self, expected: &str) -> bool {
        self.newest.as_deref().is_some_and(|newest| {
            newest == expected || heads(newest.split(',')) == heads(expected.split(','))
        })
    }
}

/// A row of a table.
type Row = Vec<Option<String>>;

/// What `rows` of the table of `tool` say, with its columns in the order in which the tool's query
/// has them. Of Django's apps, `app` is looked at.
///
/// # Errors
/// In words: what cannot be read.
pub(super) fn state(
    tool: MigrationTool,
    rows: Vec<Row>,
    app: Option<&str>,
) -> Result<State, String> {
    let rows = &rows[..];
    match tool {
        MigrationTool::Flyway => flyway(rows),
        MigrationTool::Liquibase => liquibase(rows),
        MigrationTool::Alembic => Ok(alembic(rows)),
        MigrationTool::Rails => newest_by_number(rows),
        MigrationTool::Django => django(rows, app.unwrap_or_default()),
        MigrationTool::GolangMigrate => Ok(golang_migrate(rows)),
        MigrationTool::Sqlx => sqlx(rows),
        MigrationTool::Prisma => Ok(prisma(rows)),
        MigrationTool::Knex => knex(rows),
        MigrationTool::EFCore => Ok(State {
            newest: rows.iter().map(|row| cell(row, 0).to_owned()).max(),
            trouble: Vec::new(),
        }),
    }
}

/// A version is applied if its last row is neither an undoing nor a mark of a deleted one. Which one
/// is the newest is a matter of the versions, not of the order in which they came (outOfOrder).
fn flyway(rows: &[Row]) -> Result<State, String> {
    let mut rows: Vec<(i64, &Row)> = with_numbers(rows)?;
    rows.sort_by_key(|(rank, _)| *rank);
    let mut state = State::default();
    let mut is_applied: BTreeMap<&str, bool> = BTreeMap::new();
    for (_, row) in rows {
        let (version, kind) = (cell(row, 1), cell(row, 3));
        if !is_true(cell(row, 4)) {
            let description = cell(row, 2);
            state.trouble.push(format!(
                "migration {version} ({description}) has failed (success is false): it may be half applied"
            ));
            continue;
        }
        // A repeatable one has no version.
        if !version.is_empty() {
            is_applied.insert(version, !kind.starts_with("UNDO") && kind != "DELETE");
        }
    }
    let applied = is_applied.into_iter().filter(|(_, is_applied)| *is_applied);
    let newest = applied
        .map(|(version, _)| version)
        .max_by(|a, b| by_parts(a, b));
    state.newest = newest.map(str::to_owned);
    Ok(state)
}

fn liquibase(rows: &[Row]) -> Result<State, String> {
    let mut state = State::default();
    let failed = rows.iter().filter(|row| cell(row, 3) == "FAILED");
    state.trouble.extend(
        failed.map(|row| format!("change set {} of {} has failed", cell(row, 1), cell(row, 2))),
    );
    let done = with_numbers(rows)?.into_iter();
    let newest = done.max_by_key(|(order, _)| *order);
    state.newest = newest.map(|(_, row)| cell(row, 1).to_owned());
    Ok(state)
}

fn alembic(rows: &[Row]) -> State {
    let heads = heads(rows.iter().map(|row| cell(row, 0)));
    State {
        newest: (!heads.is_empty()).then(|| heads.join(",")),
        trouble: Vec::new(),
    }
}

fn newest_by_number(rows: &[Row]) -> Result<State, String> {
    let newest = with_numbers(rows)?
        .into_iter()
        .max_by_key(|(version, _)| *version);
    Ok(State {
        newest: newest.map(|(_, row)| cell(row, 0).to_owned()),
        trouble: Vec::new(),
    })
}

fn django(rows: &[Row], app: &str) -> Result<State, String> {
    let of_app = with_numbers(rows)?.into_iter();
    let of_app = of_app.filter(|(_, row)| cell(row, 1) == app);
    let newest = of_app.max_by_key(|(id, _)| *id);
    Ok(State {
        newest: newest.map(|(_, row)| format!("{app}.{}", cell(row, 2))),
        trouble: Vec::new(),
    })
}

/// It has one row: where it is going while it is on the way, with `dirty`.
fn golang_migrate(rows: &[Row]) -> State {
    let version = rows.first().map(|row| cell(row, 0).to_owned());
    let dirty = rows.iter().filter(|row| is_true(cell(row, 1)));
    let trouble = dirty.map(|row| {
        let version = cell(row, 0);
        format!("migration {version} has ended half-way (dirty)")
    });
    State {
        trouble: trouble.collect(),
        newest: version,
    }
}

fn sqlx(rows: &[Row]) -> Result<State, String> {
    let failed = rows.iter().filter(|row| !is_true(cell(row, 1)));
    let trouble = failed.map(|row| {
        let version = cell(row, 0);
        format!("migration {version} has failed (success is false): it may be half applied")
    });
    Ok(State {
        trouble: trouble.collect(),
        ..newest_by_number(rows)?
    })
}

/// One that has failed stays, unfinished, until `migrate resolve` marks it as rolled back (and it
/// comes a second time) or as applied.
fn prisma(rows: &[Row]) -> State {
    let (mut state, mut finished) = (State::default(), Vec::new());
    for row in rows.iter().filter(|row| cell(row, 2).is_empty()) {
        let name = cell(row, 0);
        if cell(row, 1).is_empty() {
            state.trouble.push(format!(
                "migration {name} was begun and not finished (finished_at is empty): it may be half applied"
            ));
        } else {
            finished.push(name.to_owned());
        }
    }
    state.newest = finished.into_iter().max();
    state
}

fn knex(rows: &[Row]) -> Result<State, String> {
    let newest = with_numbers(rows)?.into_iter().max_by_key(|(id, _)| *id);
    Ok(State {
        newest: newest.map(|(_, row)| cell(row, 1).to_owned()),
        trouble: Vec::new(),
    })
}

/// The rows, each with the number in its first column.
fn with_numbers(rows: &[Row]) -> Result<Vec<(i64, &Row)>, String> {
    let numbered = rows.iter().map(|row| {
        let number = cell(row, 0);
        let parsed = number.parse();
        parsed
            .map(|parsed| (parsed, row))
            .map_err(|_| format!("{number:?} is no number: the table is another tool's"))
    });
    numbered.collect()
}

/// A cell's text; an empty one if it is NULL.
fn cell(row: &Row, index: usize) -> &str {
    row.get(index)
        .and_then(Option::as_deref)
        .unwrap_or_default()
}

/// Booleans, as PostgreSQL and MySQL write them. A BIT is a byte.
fn is_true(text: &str) -> bool {
    matches!(text, "true" | "t" | "1" | "\u{1}")
}

fn heads<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut heads: Vec<&str> = names.map(str::trim).collect();
    heads.sort_unstable();
    heads
}

/// Versions as Flyway orders them: numbers, with dots or underscores between, of any length.
fn by_parts(a: &str, b: &str) -> Ordering {
    fn parts(version: &str) -> Vec<&str> {
        let parts = version.split(['.', '_']);
        let mut parts: Vec<&str> = parts.map(|part| part.trim_start_matches('0')).collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        parts
    }
    let (a, b) = (parts(a), parts(b));
    let by_number = |a: &&str, b: &&str| a.len().cmp(&b.len()).then(a.cmp(b));
    for (left, right) in a.iter().zip(&b) {
        let order = by_number(left, right);
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests;
