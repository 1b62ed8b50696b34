//! What a query yields, as text, on both engines.

use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, ColumnIndex, Database, Decode, Executor, IntoArguments, Row, SqlSafeStr,
    Statement, TypeInfo,
};

use crate::api::Engine;

/// How much a query may yield.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    rows: usize,
    /// Of all its text.
    bytes: usize,
}

impl Bounds {
    /// Of a query that somebody has written: it can count, or pick.
    pub const WRITTEN: Bounds = Bounds {
        rows: 1000,
        bytes: 1024 * 1024,
    };
    /// Of a migration tool's table, where each row is a migration and all of them count.
    pub const MIGRATIONS: Bounds = Bounds {
        rows: 100_000,
        bytes: 16 * 1024 * 1024,
    };
}

/// The longest text of one cell, in characters. The server cuts what is longer.
const MAX_CELL: usize = 64 * 1024;

/// What a query has yielded, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::checks) struct Table {
    /// The types of the columns, as the engine calls them.
    pub types: Vec<String>,
    /// The rows; nothing is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// The one cell of a table that has one; nothing if it is NULL.
    ///
    /// # Errors
    /// In words: that it has more, or none.
    pub fn cell(&self) -> Result<Option<&str>, String> {
        match &self.rows[..] {
            [row] => match &row[..] {
                [cell] => Ok(cell.as_deref()),
                more => Err(format!(
                    "the query yields {} columns, and one is wanted",
                    more.len()
                )),
            },
            [] => Err("the query yields no row, and one is wanted".to_owned()),
            more => Err(format!(
                "the query yields {} rows, and one is wanted",
                more.len()
            )),
        }
    }
}

/// Why a query yields nothing.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The database, or the way to it.
    Sql(sqlx::Error),
    /// What is wrong with the query, in words.
    Sentence(String),
}

impl From<sqlx::Error> for Unanswered {
    fn from(error: sqlx::Error) -> Unanswered {
        Unanswered::Sql(error)
    }
}

/// Runs `query`. It is prepared twice: as it is, for its columns, and then inside a statement that
/// makes texts of them and ends after the most rows, so that the server sends no more than that.
///
/// # Errors
/// What the database says, or that the query yields too much.
pub(super) async fn rows<DB>(
    link: &mut DB::Connection,
    engine: Engine,
    query: &str,
    bounds: Bounds,
) -> Result<Table, Unanswered>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    usize: ColumnIndex<DB::Row>,
    for<'r> String: Decode<'r, DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let query = query.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let plain = AssertSqlSafe(query.to_owned()).into_sql_str();
    let prepared = link.prepare(plain).await?;
    let types = prepared.columns().iter().map(|column| column.type_info());
    let types: Vec<String> = types.map(|info| info.name().to_owned()).collect();
    if types.is_empty() {
        let why = "the query yields no columns: write a SELECT";
        return Err(Unanswered::Sentence(why.to_owned()));
    }
    let bounded = sqlx::query(AssertSqlSafe(bounded(
        engine,
        query,
        types.len(),
        bounds.rows,
    )));
    let mut table = Table {
        types,
        rows: Vec::new(),
    };
    let mut size = 0;
    let mut stream = bounded.fetch(link);
    while let Some(row) = stream.try_next().await? {
        let row = texts(&row)?;
        size += row.iter().flatten().map(String::len).sum::<usize>();
        table.rows.push(row);
        check_bounds(&table, size, bounds)?;
    }
    Ok(table)
}

fn texts<R>(row: &R) -> Result<Vec<Option<String>>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database>,
{
    let cells = 0..row.len();
    cells.map(|index| row.try_get_unchecked(index)).collect()
}

fn check_bounds(table: &Table, size: usize, bounds: Bounds) -> Result<(), Unanswered> {
    let Bounds { rows, bytes } = bounds;
    let newest = table.rows.last().into_iter().flatten().flatten();
    let why = if table.rows.len() > rows {
        format!("the query yields more than {rows} rows: let it count or pick")
    } else if size > bytes {
        format!("the query yields more than {bytes} bytes: let it yield less")
    } else if newest
        .into_iter()
        .any(|cell| cell.chars().count() > MAX_CELL)
    {
        format!("a cell is longer than {MAX_CELL} characters: let the query cut it")
    } else {
        return Ok(());
    };
    Err(Unanswered::Sentence(why))
}

/// `query` with texts of bounded length in place of its columns, and a bounded number of rows. (The
/// line break ends a comment at its end.)
fn bounded(engine: Engine, query: &str, columns: usize, rows: usize) -> String {
    let names: Vec<String> = (1..=columns).map(|number| format!("c{number}")).collect();
    let longest = MAX_CELL + 1;
    let text = |name: &String| match engine {
        Engine::PostgreSQL => format!("left({name}::text, {longest})"),
        Engine::MySQL => format!("LEFT(CAST({name} AS CHAR), {longest})"),
    };
    let texts: Vec<String> = names.iter().map(text).collect();
    format!(
        "WITH q ({}) AS ({query}\n) SELECT {} FROM q LIMIT {}",
        names.join(", "),
        texts.join(", "),
        rows + 1
    )
}

#[cfg(test)]
mod tests {
    use super::{Bounds, MAX_CELL, Table, Unanswered, bounded, check_bounds};
    use crate::api::Engine;

    fn table(rows: &[&[Option<&str>]]) -> Table {
        let rows = rows.iter().map(|row| {
            let cells = row.iter().map(|cell| cell.map(str::to_owned));
            cells.collect()
        });
        Table {
            types: Vec::new(),
            rows: rows.collect(),
        }
    }

    #[test]
    fn a_query_is_put_where_it_cannot_be_more_than_a_query() {
        let query = "select a, a from t -- all";
        assert_eq!(
            bounded(Engine::PostgreSQL, query, 2, 1000),
            "WITH q (c1, c2) AS (select a, a from t -- all\n) \
             SELECT left(c1::text, 65537), left(c2::text, 65537) FROM q LIMIT 1001"
        );
        let mysql = bounded(Engine::MySQL, query, 1, 1000);
        assert!(mysql.contains("LEFT(CAST(c1 AS CHAR), 65537)"), "{mysql}");
    }

    #[test]
    fn one_cell_is_one_row_of_one_column() {
        assert_eq!(table(&[&[Some("7")]]).cell(), Ok(Some("7")));
        assert_eq!(table(&[&[None]]).cell(), Ok(None));
        for (more, said) in [
            (table(&[]), "no row"),
            (table(&[&[None, None]]), "2 columns"),
            (table(&[&[None], &[None]]), "2 rows"),
        ] {
            assert!(more.cell().unwrap_err().contains(said));
        }
    }

    #[test]
    fn too_much_is_told_and_not_cut() {
        let bounds = Bounds::WRITTEN;
        let refused = |table: &Table, size| match check_bounds(table, size, bounds) {
            Err(Unanswered::Sentence(why)) => why,
            other => format!("{other:?}"),
        };
        let many = table(&vec![&[None][..]; bounds.rows + 1]);
        assert!(refused(&many, 0).contains("more than 1000 rows"));
        assert!(refused(&table(&[]), bounds.bytes + 1).contains("bytes"));
        let long = "x".repeat(MAX_CELL + 1);
        assert!(refused(&table(&[&[Some(&long)]]), 0).contains("characters"));
    }
}
