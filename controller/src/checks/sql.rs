//! A query, and what must come of it.

use std::io::Read;

use super::database::{Databases, Table};
use super::looks::{Look, seen_of};
use super::outcome::Tried;
use crate::api::{Baseline, RowBounds, SqlCheck, SqlExpectation};

/// The longest file that holds a number, in bytes.
const MAX_NUMBER: u64 = 256;

/// Asks once.
pub(super) async fn ask(
    check: &SqlCheck,
    databases: &Databases<'_>,
    look: Look,
) -> Result<Tried, String> {
    let mut reader = databases.reader(&check.database, look.limit).await?;
    let seen = seen_of(&mut reader).await?;
    let table = reader.ask(&look.filled_in(&check.query)).await?;
    Ok(seen.on(judged(&check.expect, &table)?))
}

fn judged(expect: &SqlExpectation, table: &Table) -> Result<Tried, String> {
    if let Some(wanted) = &expect.value {
        return Ok(value(wanted, table.cell()?));
    }
    if let Some(bounds) = &expect.rows {
        return Ok(rows(bounds, table.rows.len()));
    }
    match &expect.baseline {
        Some(known) => baseline(known, table.cell()?),
        None => Err("expect says nothing: name value, rows or baseline".to_owned()),
    }
}

fn value(wanted: &str, found: Option<&str>) -> Tried {
    let shown = found.map_or("NULL".to_owned(), |found| format!("{found:?}"));
    let tried = if found == Some(wanted) {
        Tried::passed(format!("the query yields {wanted:?}"))
    } else {
        Tried::failed(format!(
            "the query yields {shown}, and {wanted:?} is wanted"
        ))
    };
    tried.and_saw("value", found.unwrap_or("NULL"))
}

fn rows(bounds: &RowBounds, found: usize) -> Tried {
    let few = bounds.at_least.filter(|least| found < *least as usize);
    let many = bounds.at_most.filter(|most| found > *most as usize);
    let tried = match (few, many) {
        (Some(least), _) => Tried::failed(format!(
            "the query yields {found} rows, and at least {least} are wanted"
        )),
        (None, Some(most)) => Tried::failed(format!(
            "the query yields {found} rows, and at most {most} are wanted"
        )),
        (None, None) => Tried::passed(format!("the query yields {found} rows")),
    };
    tried.and_saw("rows", &found.to_string())
}

fn baseline(known: &Baseline, found: Option<&str>) -> Result<Tried, String> {
    let found = found.ok_or("the query yields NULL, and a number is wanted")?;
    let number = number(found)
        .ok_or_else(|| format!("the query yields {found:?}, and a number is wanted"))?;
    let baseline = match (known.number, &known.file) {
        // Exact: the schema takes none beyond 2^53.
        (Some(number), _) => number as f64,
        (None, Some(path)) => read_number(path)?,
        (None, None) => return Err("baseline has neither number nor file".to_owned()),
    };
    let distance = (number - baseline).abs();
    let allowed = baseline.abs() * f64::from(known.tolerance_percent) / 100.0;
    let tolerance = known.tolerance_percent;
    let tried = if distance <= allowed {
        Tried::passed(format!("the query yields {found}, and {baseline} is known"))
    } else {
        Tried::failed(format!(
            "the query yields {found}, which is more than {tolerance}% away from {baseline}"
        ))
    };
    let tried = tried.and_saw("value", found);
    Ok(tried.and_saw("baseline", &baseline.to_string()))
}

/// A number; nothing of infinity and of what is none.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

fn read_number(path: &str) -> Result<f64, String> {
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MAX_NUMBER).read_to_string(&mut text));
    read.map_err(|error| format!("the baseline {path} cannot be read: {error}"))?;
    number(&text).ok_or_else(|| format!("the baseline {path} holds no number"))
}

#[cfg(test)]
mod tests {
    use super::{judged, read_number};
    use crate::api::SqlExpectation;
    use crate::checks::database::Table;

    fn expect(text: &str) -> SqlExpectation {
        serde_saphyr::from_str(text).unwrap()
    }

    fn cells(cells: &[&str]) -> Table {
        let rows = cells.iter().map(|cell| vec![Some((*cell).to_owned())]);
        Table {
            types: Vec::new(),
            rows: rows.collect(),
        }
    }

    #[test]
    fn a_value_is_compared_as_text_and_null_is_none() {
        let wanted = expect("value: '7'");
        assert_eq!(judged(&wanted, &cells(&["7"])).unwrap().failure, None);
        let other = judged(&wanted, &cells(&["7.0"])).unwrap().failure.unwrap();
        assert_eq!(other, r#"the query yields "7.0", and "7" is wanted"#);
        let null = Table {
            rows: vec![vec![None]],
            ..Table::default()
        };
        let null = judged(&wanted, &null).unwrap().failure.unwrap();
        assert!(null.contains("yields NULL"), "{null}");
    }

    #[test]
    fn rows_are_counted_against_both_bounds() {
        let wanted = expect("rows: {atLeast: 1, atMost: 2}");
        let said = |count: usize| judged(&wanted, &cells(&vec!["x"; count])).unwrap().failure;
        assert!(said(0).unwrap().contains("at least 1"));
        assert_eq!((said(1), said(2)), (None, None));
        assert!(said(3).unwrap().contains("at most 2"));
    }

    #[test]
    fn a_number_may_be_so_far_from_the_baseline_and_no_further() {
        let wanted = expect("baseline: {number: 200, tolerancePercent: 5}");
        for good in ["190", "200", "210.0"] {
            assert_eq!(judged(&wanted, &cells(&[good])).unwrap().failure, None);
        }
        let far = judged(&wanted, &cells(&["189"])).unwrap().failure.unwrap();
        assert!(
            far.contains("189") && far.contains("5%") && far.contains("200"),
            "{far}"
        );
        for bad in ["NaN", "many", "inf"] {
            assert!(judged(&wanted, &cells(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_baseline_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("count");
        let shown = path.display().to_string();
        assert!(read_number(&shown).unwrap_err().contains(&shown));
        std::fs::write(&path, "1200\n").unwrap();
        assert_eq!(read_number(&shown), Ok(1200.0));
        std::fs::write(&path, "").unwrap();
        assert!(read_number(&shown).unwrap_err().contains("no number"));
    }
}
