//! What an attacker sends, and what must be said of it: a table, by class, with the reason for
//! each refusal. Rows that are accepted show that strictness ends where it should.

// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

#[path = "hostile/keys.rs"]
mod keys;
#[path = "hostile/signatures.rs"]
mod signatures;
#[path = "hostile/table.rs"]
mod table;

use std::collections::HashSet;

use drill_context::{Claims, Limits, Reason, single_value, verify};
use table::Row;

const NOW: i64 = 1_790_000_000;

/// In the program itself: on wasm there are no files.
const TABLES: [&str; 5] = [
    include_str!("hostile/values.txt"),
    include_str!("hostile/headers.txt"),
    include_str!("hostile/json.txt"),
    include_str!("hostile/claims.txt"),
    include_str!("hostile/times.txt"),
];

fn rows() -> Vec<Row> {
    let tables = TABLES.into_iter().flat_map(table::read);
    tables.chain(signatures::rows()).collect()
}

fn accept(row: &Row) -> Result<Claims, Reason> {
    let value = single_value(row.fields.iter().map(Vec::as_slice))?;
    let claims = verify(value, &keys::keyring())?.claims()?;
    Limits::default().check(&claims, NOW)?;
    Ok(claims)
}

#[test]
fn each_hostile_input_gets_its_reason() {
    let mut wrong = Vec::new();
    for row in rows() {
        let verdict = match accept(&row) {
            Ok(_) => "accepted",
            Err(reason) => reason.code(),
        };
        if verdict != row.verdict {
            let expected = row.verdict;
            wrong.push(format!(
                "{}: {}: {verdict}, not {expected}",
                row.class, row.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_has_every_reason_that_a_token_can_be_refused_for() {
    let rows = rows();
    assert!(rows.len() >= 150, "{}", rows.len());
    let names: HashSet<_> = rows.iter().map(|row| (&row.class, &row.name)).collect();
    assert_eq!(names.len(), rows.len(), "two rows of one name");

    // These three need the gate's active list: filter/src/decision.rs.
    let of_the_gate = [
        Reason::UnknownDrill,
        Reason::WrongEnvironment,
        Reason::DrillOver,
    ];
    let verdicts: HashSet<_> = rows.iter().map(|row| row.verdict.as_str()).collect();
    for reason in Reason::ALL {
        let shown = verdicts.contains(reason.code());
        assert_eq!(shown, !of_the_gate.contains(&reason), "{reason}");
    }
    assert!(verdicts.contains("accepted"));
}

#[test]
fn what_is_accepted_says_what_was_signed() {
    for row in rows().iter().filter(|row| row.verdict == "accepted") {
        let claims = accept(row).unwrap();
        let shown = format!("{}: {}", row.class, row.name);
        if row.class != "sub" {
            assert_eq!(claims.drill.to_string(), table::DRILL, "{shown}");
        }
        if row.name != "63 characters" {
            assert_eq!(claims.environment.as_str(), "orders-dr", "{shown}");
        }
        assert!(
            (NOW - 3600..=NOW + 30).contains(&claims.issued_at),
            "{shown}"
        );
    }
}
