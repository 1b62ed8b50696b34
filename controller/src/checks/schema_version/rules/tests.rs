//! Each tool's rows, and what they mean.

use super::{State, by_parts, state};
use crate::api::MigrationTool;

/// Rows in a line each, cells between bars; an empty one is NULL.
fn read(tool: MigrationTool, rows: &[&str]) -> State {
    let cell = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let rows = rows.iter().map(|row| row.split('|').map(cell).collect());
    state(tool, rows.collect(), Some("orders")).unwrap()
}

fn newest(tool: MigrationTool, rows: &[&str]) -> String {
    let state = read(tool, rows);
    assert_eq!(state.trouble, Vec::<String>::new(), "{tool:?}");
    state.newest.unwrap_or_default()
}

#[test]
fn the_newest_version_is_found_by_each_tools_own_order() {
    use MigrationTool::*;
    for (tool, rows, wanted) in [
        (
            Flyway,
            &[
                "1|1|init|SQL|true",
                "2|1.10|more|SQL|true",
                "3|1.9|late|SQL|true",
                "4||views|SQL|true",
            ][..],
            "1.10",
        ),
        (
            Liquibase,
            &["2|b|ann|EXECUTED", "10|c|ann|MARK_RAN", "1|a|ann|RERAN"],
            "c",
        ),
        (Alembic, &["1975ea83b712"], "1975ea83b712"),
        (Alembic, &["b2", "a1"], "a1,b2"),
        (
            Rails,
            &["9", "20261101120000", "20250101000000"],
            "20261101120000",
        ),
        (
            Django,
            &[
                "1|auth|0012_x",
                "3|orders|0002_b",
                "2|orders|0001_a",
                "4|auth|0013_y",
            ],
            "orders.0002_b",
        ),
        (GolangMigrate, &["7|false"], "7"),
        (Sqlx, &["20260101|true", "20260201|1"], "20260201"),
        (
            Prisma,
            &["20260201_b|2026||", "20260101_a|2026||"],
            "20260201_b",
        ),
        (
            Knex,
            &["2|20260102_b.js", "1|20260101_a.js"],
            "20260102_b.js",
        ),
        (
            EFCore,
            &["20260101000000_Init", "20260201000000_More"],
            "20260201000000_More",
        ),
    ] {
        assert_eq!(newest(tool, rows), wanted, "{tool:?}");
        assert_eq!(newest(tool, &[]), "", "{tool:?}");
    }
}

#[test]
fn what_was_undone_is_not_applied_and_what_came_again_is() {
    let undone = ["1|1|a|SQL|true", "2|2|b|SQL|true", "3|2|b|UNDO_SQL|true"];
    assert_eq!(newest(MigrationTool::Flyway, &undone), "1");
    let again = [&undone[..], &["4|2|b|SQL|true"]].concat();
    assert_eq!(newest(MigrationTool::Flyway, &again), "2");
    let resolved = ["m1|2026|", "m2||2026", "m2|2026|"];
    assert_eq!(newest(MigrationTool::Prisma, &resolved), "m2");
}

#[test]
fn what_has_failed_or_was_left_half_way_is_trouble() {
    use MigrationTool::*;
    for (tool, rows) in [
        (Flyway, &["1|1|a|SQL|true", "2|2|b|SQL|false"][..]),
        (Flyway, &["1|1|a|SQL|1", "2|2|b|SQL|0"]),
        (Liquibase, &["1|a|ann|EXECUTED", "2|b|ann|FAILED"]),
        (GolangMigrate, &["7|true"]),
        (Sqlx, &["1|true", "2|false"]),
        (Prisma, &["m1|2026|", "m2||"]),
    ] {
        assert_eq!(read(tool, rows).trouble.len(), 1, "{tool:?} {rows:?}");
    }
}

#[test]
fn a_table_of_another_tool_is_no_surprise() {
    let rows = vec![vec![Some("20260101_a.js".to_owned())]];
    let error = state(MigrationTool::Rails, rows, None).unwrap_err();
    assert!(error.contains("another tool's"), "{error}");
}

#[test]
fn heads_are_the_same_in_any_order() {
    let state = read(MigrationTool::Alembic, &["b2", "a1"]);
    assert!(state.is_at("b2, a1") && state.is_at("a1,b2"));
    assert!(!state.is_at("a1") && !state.is_at("a1,c3"));
}

#[test]
fn flyways_versions_are_compared_by_their_numbers() {
    for (less, more) in [
        ("1.9", "1.10"),
        ("2", "10"),
        ("1", "1.0.1"),
        ("9", "20260101120000"),
    ] {
        assert!(by_parts(less, more).is_lt(), "{less} {more}");
    }
    assert!(by_parts("1.0", "1").is_eq() && by_parts("01_2", "1.2").is_eq());
}
