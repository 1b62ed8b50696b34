//! What a drill proves: its checks, and what is asked of it as a whole.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;
use super::database_checks::{FreshnessCheck, ReceiptCheck, SchemaVersionCheck, SqlCheck};
use super::grpc::GrpcCheck;
use super::http::HttpStep;
use super::parts::{DNS_LABEL, is_default};

/// A check is of one kind.
const ONE_KIND: &str = "[has(self.http), has(self.grpc), has(self.sql), has(self.schemaVersion), has(self.receipt), has(self.freshness), has(self.command)].filter(x, x).size() == 1";

/// One question that the drill answers, by a request through the edge, by a look into a database,
/// or by a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_KIND).message("a check has exactly one of: http, grpc, sql, schemaVersion, receipt, freshness, command"))]
pub struct Check {
    /// What it is called, in results and reports: a DNS label.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,

    /// What follows if it fails. Required: the drill has failed. Informative: it is told, and no
    /// more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub severity: Severity,

    /// How long one try may take.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,

    /// When a try that failed is followed by another.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: Retry,

    /// Requests through the edge, one after the other. Each carries a context of its own, and an
    /// answer counts only if the edge marks it as the sandbox's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub http: Option<Vec<HttpStep>>,

    /// A gRPC service, asked through the edge: for its health, or by a call of one of its methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcCheck>,

    /// A query. Checks that look into databases are run by `drillgate run` only: the controller
    /// holds no database's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlCheck>,

    /// Up to which migration the database is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<SchemaVersionCheck>,

    /// A mark that is written into the sandbox's database, and that only the sandbox may show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptCheck>,

    /// How old the newest data is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<FreshnessCheck>,

    /// A program, which ends with 0 if all is well. From `drillgate run` only: the controller runs
    /// no programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandCheck>,
}

impl Check {
    /// The kinds, as their fields are called.
    pub const KINDS: [&str; 7] = [
        "http",
        "grpc",
        "sql",
        "schemaVersion",
        "receipt",
        "freshness",
        "command",
    ];

    /// Of which kinds it is: of one, if it makes sense.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let is_there = [
            self.http.is_some(),
            self.grpc.is_some(),
            self.sql.is_some(),
            self.schema_version.is_some(),
            self.receipt.is_some(),
            self.freshness.is_some(),
            self.command.is_some(),
        ];
        let kinds = Check::KINDS.into_iter().zip(is_there);
        kinds.filter_map(|(kind, is_there)| is_there.then_some(kind))
    }

    /// Its kind, as the field is called.
    pub fn kind(&self) -> &'static str {
        self.kinds().next().unwrap_or("command")
    }

    /// Whether it asks through the edge, and nobody else.
    pub fn asks_the_edge(&self) -> bool {
        self.http.is_some() || self.grpc.is_some()
    }

    /// Whether it needs the address of the edge.
    pub fn needs_the_edge(&self) -> bool {
        let version = self.schema_version.as_ref();
        let is_compared = version.is_some_and(|version| version.through.is_some());
        self.asks_the_edge() || self.receipt.is_some() || is_compared
    }

    /// Whether it looks into a database.
    pub fn looks_into_a_database(&self) -> bool {
        let of_databases = ["sql", "schemaVersion", "receipt", "freshness"];
        of_databases.contains(&self.kind())
    }
}

/// What follows if a check fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// The drill has failed.
    #[default]
    Required,
    /// It is told, and no more.
    Informative,
}

/// When a try that failed is followed by another. The pause doubles from one try to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// For how long, from the first try. There is one try only if absent.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Duration>,

    /// The first pause.
    pub interval: Duration,

    /// The longest pause.
    pub max_interval: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            lasts: None,
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(10),
        }
    }
}

/// A program that checks something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandCheck {
    /// The program and its arguments. No shell reads them: write `sh`, `-c` for one.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 4096)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub argv: Vec<String>,

    /// A report that it leaves. One with failures in it fails the check, whatever the program ends
    /// with, and so does one that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<CommandReport>,
}

/// A test report, of one form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.junit) != has(self.tap)").message("a report is either junit or tap")
)]
pub struct CommandReport {
    /// A file with JUnit's XML, which the program writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub junit: Option<String>,

    /// Where the Test Anything Protocol comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<TapSource>,
}

/// Where the Test Anything Protocol comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TapSource {
    /// The program's standard output.
    Stdout,
}

/// What the drill as a whole is held to, as a business continuity plan says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Objectives {
    /// Recovery time objective: how much time may pass from the beginning of the recovery until all
    /// required checks have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<Duration>,

    /// Recovery point objective: how much older than the beginning of the recovery the newest
    /// restored data may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Duration>,
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}
