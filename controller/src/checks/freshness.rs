//! How old the newest data is: the recovery point.

use std::time::Duration;

use k8s_openapi::jiff::civil::{Date, DateTime};
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::database::{Databases, Table};
use super::looks::{Look, seen_of};
use super::outcome::{Outcome, Tried};
use crate::api::{Engine, FreshnessCheck};

/// By how much clocks may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// Under which name the age is seen, in seconds.
const AGE: &str = "recoveryPointSeconds";

/// A moment, and whether the database said in which zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Newest {
    at: Timestamp,
    has_zone: bool,
}

/// Asks once.
pub(super) async fn ask(
    check: &FreshnessCheck,
    databases: &Databases<'_>,
    look: Look,
) -> Result<Tried, String> {
    let mut reader = databases.reader(&check.database, look.limit).await?;
    let seen = seen_of(&mut reader).await?;
    let query = query(check, reader.database().engine)?;
    let table = reader.ask(&look.filled_in(&query)).await?;
    let mut tried = seen.on(judged(
        newest(&table, reader.database().engine)?,
        look,
        databases.rpo,
    ));
    if let (Some(failure), Some(replica)) = (&mut tried.failure, seen.replica_sentence()) {
        failure.push_str(&format!(" ({replica})"));
    }
    Ok(tried)
}

/// The age of the newest data that the checks have seen, in seconds: the oldest of them counts,
/// since that is what was lost. Nothing if no check has seen any.
pub fn recovery_point(outcomes: &[Outcome]) -> Option<u64> {
    let ages = outcomes.iter().filter_map(|outcome| {
        let age = outcome.seen.get(AGE)?;
        age.parse().ok()
    });
    ages.max()
}

fn query(check: &FreshnessCheck, engine: Engine) -> Result<String, String> {
    if let Some(query) = &check.query {
        return Ok(query.clone());
    }
    match (&check.table, &check.column) {
        (Some(table), Some(column)) => Ok(format!(
            "SELECT MAX({}) FROM {}",
            engine.quoted(column),
            engine.quoted(table)
        )),
        _ => Err("name a query, or a table and its column".to_owned()),
    }
}

/// The moment in a table of one cell.
fn newest(table: &Table, engine: Engine) -> Result<Newest, String> {
    let text = table.cell()?;
    let text =
        text.ok_or("there is no timestamp: the table is empty, or has none in this column")?;
    let kind = table.types.first().map(String::as_str).unwrap_or_default();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Newest { at, has_zone: true });
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    let civil = civil.map_err(|_| {
        format!("{text:?} is no timestamp: let the query yield one (to_timestamp, FROM_UNIXTIME)")
    })?;
    let at = TimeZone::UTC
        .to_timestamp(civil)
        .map_err(|error| format!("{text:?} is no timestamp: {error}"))?;
    // MySQL keeps a TIMESTAMP in UTC, and shows it in the zone of the connection, which is UTC.
    // PostgreSQL's type of that name is one without a zone.
    let has_zone = engine == Engine::MySQL && kind == "TIMESTAMP";
    Ok(Newest { at, has_zone })
}

fn judged(newest: Newest, look: Look, rpo: Option<Duration>) -> Tried {
    let Newest { at, has_zone } = newest;
    let zone = if has_zone {
        ""
    } else {
        " (the database names no zone: taken as UTC)"
    };
    let tried = if at.duration_since(look.now) > CLOCKS {
        Tried::failed(format!(
            "the newest data is of {at}{zone}, which has not come yet: clock or zone is wrong, and no recovery point can be told"
        ))
    } else if at.duration_since(look.recovery_started) > CLOCKS {
        Tried::failed(format!(
            "the newest data is of {at}{zone}, after the recovery began at {}: it is not from the backup. Let the query leave out what was written since (column <= '{{recoveryStarted}}')",
            look.began()
        ))
    } else {
        aged(at, zone, look, rpo)
    };
    tried.and_saw("newest", &at.to_string())
}

fn aged(at: Timestamp, zone: &str, look: Look, rpo: Option<Duration>) -> Tried {
    let age = look.recovery_started.duration_since(at);
    let age = Duration::try_from(age).unwrap_or_default();
    let seconds = age.as_secs();
    let found = format!(
        "the newest data is of {at}{zone}, {seconds}s before the recovery began at {}",
        look.began()
    );
    let tried = match rpo {
        Some(rpo) if age > rpo => Tried::failed(format!(
            "{found}, and at most {}s are wanted: the backup is older than the objective, or not all of it was restored",
            rpo.as_secs()
        )),
        _ => Tried::passed(found),
    };
    tried.and_saw(AGE, &seconds.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;

    use super::{Newest, judged, newest, query};
    use crate::api::{Engine, FreshnessCheck};
    use crate::checks::database::Table;
    use crate::checks::looks::Look;

    const RPO: Option<Duration> = Some(Duration::from_secs(900));

    fn look() -> Look {
        Look {
            limit: Duration::from_secs(1),
            recovery_started: "2026-11-27T02:00:00Z".parse().unwrap(),
            now: "2026-11-27T02:30:00Z".parse().unwrap(),
        }
    }

    fn cell(kind: &str, text: &str) -> Table {
        Table {
            types: vec![kind.to_owned()],
            rows: vec![vec![Some(text.to_owned())]],
        }
    }

    fn at(text: &str) -> Newest {
        let at: Timestamp = text.parse().unwrap();
        Newest { at, has_zone: true }
    }

    #[test]
    fn timestamps_are_read_as_the_databases_write_them() {
        let hour_ago: Timestamp = "2026-11-27T01:00:00.25Z".parse().unwrap();
        for (engine, kind, text, has_zone) in [
            (
                Engine::PostgreSQL,
                "TIMESTAMPTZ",
                "2026-11-27 01:00:00.25+00",
                true,
            ),
            (
                Engine::PostgreSQL,
                "TIMESTAMPTZ",
                "2026-11-27 03:00:00.25+02",
                true,
            ),
            (
                Engine::PostgreSQL,
                "TIMESTAMP",
                "2026-11-27 01:00:00.25",
                false,
            ),
            (Engine::PostgreSQL, "TEXT", "2026-11-27T01:00:00.25Z", true),
            (
                Engine::MySQL,
                "TIMESTAMP",
                "2026-11-27 01:00:00.250000",
                true,
            ),
            (
                Engine::MySQL,
                "DATETIME",
                "2026-11-27 01:00:00.250000",
                false,
            ),
        ] {
            let at = hour_ago;
            let read = newest(&cell(kind, text), engine);
            assert_eq!(read, Ok(Newest { at, has_zone }), "{kind} {text}");
        }
        let day = newest(&cell("DATE", "2026-11-27"), Engine::MySQL).unwrap();
        assert_eq!(day.at.to_string(), "2026-11-27T00:00:00Z");
        for bad in ["infinity", "1764205200", ""] {
            assert!(
                newest(&cell("TEXT", bad), Engine::PostgreSQL).is_err(),
                "{bad}"
            );
        }
        let null = Table {
            rows: vec![vec![None]],
            ..Table::default()
        };
        assert!(newest(&null, Engine::MySQL).unwrap_err().contains("empty"));
    }

    #[test]
    fn the_age_is_counted_from_the_beginning_of_the_recovery() {
        let young = judged(at("2026-11-27T01:45:00Z"), look(), RPO);
        assert_eq!(young.failure, None);
        assert_eq!(young.seen["recoveryPointSeconds"], "900");
        let old = judged(at("2026-11-27T01:44:59Z"), look(), RPO);
        let failure = old.failure.unwrap();
        assert!(
            failure.contains("901s") && failure.contains("900s"),
            "{failure}"
        );
        assert_eq!(old.seen["recoveryPointSeconds"], "901");
        let unbound = judged(at("2020-01-01T00:00:00Z"), look(), None);
        assert_eq!(unbound.failure, None);
    }

    #[test]
    fn what_was_written_since_or_has_not_come_yet_tells_no_recovery_point() {
        let seconds_later = judged(at("2026-11-27T02:00:59Z"), look(), RPO);
        assert_eq!(seconds_later.seen["recoveryPointSeconds"], "0");
        for (text, said) in [
            ("2026-11-27T02:01:01Z", "after the recovery began"),
            ("2026-11-27T02:31:01Z", "has not come yet"),
        ] {
            let tried = judged(at(text), look(), RPO);
            assert!(tried.failure.as_ref().unwrap().contains(said), "{tried:?}");
            assert!(!tried.seen.contains_key("recoveryPointSeconds"));
        }
    }

    #[test]
    fn a_zone_that_the_database_does_not_name_is_told() {
        let naive = Newest {
            has_zone: false,
            ..at("2026-11-27T01:50:00Z")
        };
        assert!(judged(naive, look(), RPO).message.contains("taken as UTC"));
    }

    #[test]
    fn a_table_and_its_column_are_quoted_as_the_engine_wants_them() {
        let check: FreshnessCheck =
            serde_saphyr::from_str("{database: db, table: shop.Orders, column: at}").unwrap();
        let postgres = query(&check, Engine::PostgreSQL).unwrap();
        assert_eq!(postgres, r#"SELECT MAX("at") FROM "shop"."Orders""#);
        let mysql = query(&check, Engine::MySQL).unwrap();
        assert_eq!(mysql, "SELECT MAX(`at`) FROM `shop`.`Orders`");
    }
}
