//! The checks that look into databases.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::{DNS_LABEL, DNS_NAME, is_default};

/// A name of a table or a column, with its schema or without.
const SQL_NAME: &str = "^[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)?$";

const ONE_EXPECTATION: &str =
    "[has(self.value), has(self.rows), has(self.baseline)].filter(x, x).size() == 1";

/// A query, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlCheck {
    /// The database, by its name in `databases`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub database: String,

    /// One SELECT (or WITH and SELECT). It runs in a transaction that may only read, and yields at
    /// most 1000 rows and 1 MiB. `{recoveryStarted}` stands for when the recovery began, in UTC.
    #[schemars(length(min = 1, max = 8192))]
    pub query: String,

    /// What must come of it.
    pub expect: SqlExpectation,
}

/// What must come of a query: exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_EXPECTATION).message("has exactly one of: value, rows, baseline")
)]
pub struct SqlExpectation {
    /// The query yields one row of one column, and this is its text, as the database writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,

    /// How many rows it yields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowBounds>,

    /// The query yields one number, and it is near to one that is known from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// How many rows there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.atLeast) || has(self.atMost)").message("has atLeast, atMost or both"),
    validation = Rule::new("!has(self.atLeast) || !has(self.atMost) || self.atLeast <= self.atMost").message("atLeast is more than atMost")
)]
pub struct RowBounds {
    /// The fewest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 1000))]
    pub at_least: Option<u32>,

    /// The most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 1000))]
    pub at_most: Option<u32>,
}

/// A number that is known from elsewhere: counted in production when the dump was made, say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.number) != has(self.file)").message("has exactly one of: number, file")
)]
pub struct Baseline {
    /// The number, a whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
    pub number: Option<i64>,

    /// A file that holds the number and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub file: Option<String>,

    /// How far from it the query's number may be, in percent of it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(with = "i32", range(min = 0, max = 100))]
    pub tolerance_percent: u8,
}

/// Up to which migration the database is, by the table of the tool that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.tool != 'Django' || self.expected.matches('^[^.]+[.].+$')").message("for Django, expected is the app and its migration: orders.0007_index")
)]
pub struct SchemaVersionCheck {
    /// The database, by its name in `databases`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub database: String,

    /// The tool that changes the schema.
    pub tool: MigrationTool,

    /// The tool's table, with its schema or without; the one that it uses by itself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 127), regex(pattern = SQL_NAME))]
    pub table: Option<String>,

    /// The newest version, as the tool writes it in its table. Django: app.migration. Alembic with
    /// several heads: all of them, joined by commas.
    #[schemars(length(min = 1, max = 512))]
    pub expected: String,

    /// Where the service behind the route tells the version that it sees, which must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<EdgeQuestion>,
}

/// The tools whose tables are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MigrationTool {
    /// `flyway_schema_history`.
    Flyway,
    /// `databasechangelog` and its lock; the version is the id of the change set.
    Liquibase,
    /// `alembic_version`.
    Alembic,
    /// `schema_migrations`.
    Rails,
    /// `django_migrations`.
    Django,
    /// `schema_migrations`, with its mark of a migration that ended half-way.
    GolangMigrate,
    /// `_sqlx_migrations`.
    Sqlx,
    /// `_prisma_migrations`.
    Prisma,
    /// `knex_migrations` and its lock; the version is the file's name.
    Knex,
    /// `__EFMigrationsHistory`.
    EFCore,
}

/// A question to the service behind the drill's route, whose answer is JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EdgeQuestion {
    /// A host of the drill.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: String,

    /// The path, and the query if it has one. In a receipt `{canary}` stands for its mark.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^/[^\\s#]*$"))]
    pub path: String,

    /// Where in the answer, as a JSONPath (RFC 9535): `$.version`.
    #[serde(default = "whole_answer")]
    #[schemars(length(min = 1, max = 512), regex(pattern = "^\\$"))]
    pub json: String,
}

/// A mark that is written into the sandbox's database, and that only the sandbox may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptCheck {
    /// The sandbox's database, by its name in `databases`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub database: String,

    /// How it is written where the service shows it. If absent it goes into a table of its own,
    /// `drillgate_receipt`, which is made for it and removed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnReceipt>,

    /// What the service behind the route is asked: the mark must be in its answer.
    pub ask: EdgeQuestion,

    /// Production's database, by its name in `databases`: the mark must not be found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub production: Option<String>,

    /// Whether the same question is put to production as well, without the header, as any user's
    /// request: the mark must not be in its answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ordinary_path: bool,
}

/// Statements that write the mark, find it and remove it. `{canary}` stands for it in each: letters,
/// digits and hyphens, to be written between quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.insert.contains('{canary}') && self.delete.contains('{canary}') && self.find.contains('{canary}')").message("each statement has to name {canary}")
)]
pub struct OwnReceipt {
    /// An INSERT of one row.
    #[schemars(length(min = 1, max = 8192))]
    pub insert: String,

    /// The DELETE of that row.
    #[schemars(length(min = 1, max = 8192))]
    pub delete: String,

    /// A SELECT that yields a row if it is there. Asked of production, too.
    #[schemars(length(min = 1, max = 8192))]
    pub find: String,
}

/// How old the newest data is, against `objectives.rpo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.query) ? !has(self.table) && !has(self.column) : has(self.table) && has(self.column)").message("has either query, or table and column")
)]
pub struct FreshnessCheck {
    /// The database, by its name in `databases`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub database: String,

    /// A SELECT of the newest timestamp. `{recoveryStarted}` stands for when the recovery began, in
    /// UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub query: Option<String>,

    /// The table whose newest row counts, with its schema or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 127), regex(pattern = SQL_NAME))]
    pub table: Option<String>,

    /// The column that says when a row was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = SQL_NAME))]
    pub column: Option<String>,
}

fn whole_answer() -> String {
    "$".to_owned()
}
