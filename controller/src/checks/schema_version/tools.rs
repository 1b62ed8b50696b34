//! The tables in which migration tools keep what they have done.
//!
//! | tool | table | a version | newest is | not in order |
//! |---|---|---|---|---|
//! | Flyway | `flyway_schema_history` | `version` | the highest that was not undone | `success` false |
//! | Liquibase | `databasechangelog` | `id` | the last in `orderexecuted` | `exectype` FAILED, lock held |
//! | Alembic | `alembic_version` | `version_num` | every row: the heads | |
//! | Rails | `schema_migrations` | `version` | the highest, as a number | |
//! | Django | `django_migrations` | `app`.`name` | the app's last `id` | |
//! | golang-migrate | `schema_migrations` | `version` | the only row | `dirty` |
//! | sqlx | `_sqlx_migrations` | `version` | the highest | `success` false |
//! | Prisma | `_prisma_migrations` | `migration_name` | the last name that was finished | neither finished nor rolled back |
//! | Knex | `knex_migrations` | `name` | the last `id` | lock held |
//! | EF Core | `__EFMigrationsHistory` | `MigrationId` | the last in the order of its text | |

use crate::api::{Engine, MigrationTool};

/// How a tool keeps what it has done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    /// Its table's name, as it is on PostgreSQL.
    table: &'static str,
    /// The columns that its rule reads, in that order, as they are on PostgreSQL.
    columns: &'static [&'static str],
    /// The table of its lock, by what comes behind the name of the other table, and the column that
    /// is true while the lock is held.
    lock: Option<(&'static str, &'static str)>,
}

impl Tool {
    /// What is known of `tool`.
    pub(super) fn of(tool: MigrationTool) -> Tool {
        let (table, columns, lock): (_, &'static [&'static str], _) = match tool {
            MigrationTool::Flyway => (
                "flyway_schema_history",
                &[
                    "installed_rank",
                    "version",
                    "description",
                    "type",
                    "success",
                ],
                None,
            ),
            MigrationTool::Liquibase => (
                "databasechangelog",
                &["orderexecuted", "id", "author", "exectype"],
                Some(("lock", "locked")),
            ),
            MigrationTool::Alembic => ("alembic_version", &["version_num"], None),
            MigrationTool::Rails => ("schema_migrations", &["version"], None),
            MigrationTool::Django => ("django_migrations", &["id", "app", "name"], None),
            MigrationTool::GolangMigrate => ("schema_migrations", &["version", "dirty"], None),
            MigrationTool::Sqlx => ("_sqlx_migrations", &["version", "success"], None),
            MigrationTool::Prisma => (
                "_prisma_migrations",
                &["migration_name", "finished_at", "rolled_back_at"],
                None,
            ),
            MigrationTool::Knex => (
                "knex_migrations",
                &["id", "name"],
                Some(("_lock", "is_locked")),
            ),
            MigrationTool::EFCore => ("__EFMigrationsHistory", &["MigrationId"], None),
        };
        Tool {
            table,
            columns,
            lock,
        }
    }

    /// The table's name on `engine`, or the one that was `named`.
    pub(super) fn table(&self, engine: Engine, named: Option<&str>) -> String {
        match (named, self.table) {
            (Some(named), _) => named.to_owned(),
            // Liquibase writes it in capitals, which PostgreSQL folds and MySQL keeps.
            (None, "databasechangelog") if engine == Engine::MySQL => {
                self.table.to_ascii_uppercase()
            }
            (None, own) => own.to_owned(),
        }
    }

    /// The query for the columns of all rows.
    pub(super) fn query(&self, engine: Engine, table: &str) -> String {
        let columns = self.columns.iter().map(|column| engine.quoted(column));
        let columns: Vec<String> = columns.collect();
        format!(
            "SELECT {} FROM {}",
            columns.join(", "),
            engine.quoted(table)
        )
    }

    /// The query that yields a row if the lock is held; nothing if the tool has none.
    pub(super) fn lock_query(&self, engine: Engine, table: &str) -> Option<String> {
        let (suffix, column) = self.lock?;
        let is_upper = !table.chars().any(|c| c.is_ascii_lowercase());
        let lock = if is_upper {
            format!("{table}{}", suffix.to_ascii_uppercase())
        } else {
            format!("{table}{suffix}")
        };
        let column = engine.quoted(column);
        // A boolean, a bit or a number, as the tool and the engine have it.
        let held = match engine {
            Engine::PostgreSQL => format!("{column}::text IN ('true', '1')"),
            Engine::MySQL => format!("{column} + 0 = 1"),
        };
        let lock = engine.quoted(&lock);
        Some(format!("SELECT 1 FROM {lock} WHERE {held}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Tool;
    use crate::api::{Engine, MigrationTool};

    #[test]
    fn tables_are_called_as_the_tools_call_them_on_each_engine() {
        let liquibase = Tool::of(MigrationTool::Liquibase);
        let postgres = liquibase.table(Engine::PostgreSQL, None);
        let mysql = liquibase.table(Engine::MySQL, None);
        assert_eq!(postgres, "databasechangelog");
        assert_eq!(mysql, "DATABASECHANGELOG");
        assert_eq!(
            liquibase.lock_query(Engine::MySQL, &mysql).unwrap(),
            "SELECT 1 FROM `DATABASECHANGELOGLOCK` WHERE `locked` + 0 = 1"
        );
        assert_eq!(
            liquibase.lock_query(Engine::PostgreSQL, &postgres).unwrap(),
            r#"SELECT 1 FROM "databasechangeloglock" WHERE "locked"::text IN ('true', '1')"#
        );
    }

    #[test]
    fn names_in_capitals_and_with_schemas_are_quoted() {
        let ef = Tool::of(MigrationTool::EFCore);
        let table = ef.table(Engine::PostgreSQL, None);
        assert_eq!(
            ef.query(Engine::PostgreSQL, &table),
            r#"SELECT "MigrationId" FROM "__EFMigrationsHistory""#
        );
        let named = ef.table(Engine::PostgreSQL, Some("shop.history"));
        assert!(
            ef.query(Engine::PostgreSQL, &named)
                .ends_with(r#""shop"."history""#)
        );
    }
}
