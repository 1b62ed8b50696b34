//! The databases that a drill looks into.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::{DNS_LABEL, is_default};

/// Where a value comes from is said once.
const ONE_SOURCE: &str = "[has(self.value), has(self.env), has(self.file), has(self.secretRef)].filter(x, x).size() == 1";

/// A secret has no place in the object itself.
const NO_VALUE: &str = "!has(self.password) || !has(self.password.value)";

/// A database that checks look into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(NO_VALUE).message("password.value is not allowed, it would stand in the object: use env, file or secretRef")
)]
pub struct Database {
    /// What checks call it: a DNS label.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,

    /// Whose it is. Production is only ever read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,

    /// What it speaks. MariaDB is MySQL here.
    pub engine: Engine,

    /// The server's host name or IP address.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[A-Za-z0-9._:-]+$"))]
    pub host: String,

    /// The server's port; the engine's usual one (5432, 3306) if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub port: Option<u16>,

    /// The database's name on the server.
    #[schemars(length(min = 1, max = 63))]
    pub database: String,

    /// The user. For the checks that only look, one that may do nothing but read.
    pub user: Source,

    /// The user's password: by env, file or secretRef. None if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Source>,

    /// How the connection is protected.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: DatabaseTls,
}

impl Database {
    /// The port that is asked.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.engine {
            Engine::PostgreSQL => 5432,
            Engine::MySQL => 3306,
        })
    }

    /// How the connection is protected: what is written, or VerifyFull; Prefer on this machine.
    pub fn tls_mode(&self) -> TlsMode {
        let address = self.host.parse::<std::net::IpAddr>();
        let is_loopback = address.map_or(self.host == "localhost", |ip| ip.is_loopback());
        let default = if is_loopback {
            TlsMode::Prefer
        } else {
            TlsMode::VerifyFull
        };
        self.tls.mode.unwrap_or(default)
    }
}

/// Whose a database is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Role {
    /// The restored copy.
    #[default]
    Sandbox,
    /// The original. It is only ever read, and no sandbox may be the same database.
    Production,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Sandbox => "sandbox",
            Role::Production => "production",
        })
    }
}

/// What a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Engine {
    /// PostgreSQL, from version 12 on.
    PostgreSQL,
    /// MySQL from version 8.0 on, or MariaDB from 10.5 on.
    MySQL,
}

impl Engine {
    /// A name of a table or a column, with its schema or without, as it stands in a query.
    pub fn quoted(self, name: &str) -> String {
        let quote = match self {
            Engine::PostgreSQL => "\"",
            Engine::MySQL => "`",
        };
        let parts = name.split('.').map(|part| {
            let inner = part.replace(quote, &quote.repeat(2));
            format!("{quote}{inner}{quote}")
        });
        parts.collect::<Vec<_>>().join(".")
    }
}

/// Where a value comes from: exactly one of these. It is read when it is needed, and not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_SOURCE).message("has exactly one of: value, env, file, secretRef")
)]
pub struct Source {
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub value: Option<String>,

    /// A variable of drillgate's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$")
    )]
    pub env: Option<String>,

    /// A file on the machine where drillgate runs. A line break at its end is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub file: Option<String>,

    /// A Secret in the drill's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretEntry>,
}

/// An entry of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretEntry {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The name of the entry.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// How the connection to a database is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DatabaseTls {
    /// How much is demanded. If absent VerifyFull, and for a host that is this machine Prefer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,

    /// The certificates, in PEM, that the server's must come from; the machine's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Source>,
}

/// How much is demanded of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// In the clear.
    Disable,
    /// TLS if the server has it, whoever it is.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS, with a certificate from one of ca.
    VerifyCA,
    /// The same, and the certificate is for this host.
    VerifyFull,
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use kube::core::cel::Validator;
    use serde_json::{Value, json};

    use super::TlsMode;
    use crate::api::Drill;

    const EXAMPLE: &str = include_str!("../../../examples/kubernetes/drill-databases.yaml");

    fn verdict(drill: &Value) -> String {
        let crd = serde_json::to_value(Drill::crd()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        match Validator::new().validate(schema, drill, None) {
            Ok(()) => "accepted".to_owned(),
            Err(errors) => errors.to_string(),
        }
    }

    fn example() -> Value {
        serde_saphyr::from_str(EXAMPLE).unwrap()
    }

    /// What the rules say to the example with something else at `pointer`.
    fn changed(pointer: &str, value: Value) -> String {
        let mut drill = example();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        drill.pointer_mut(parent).unwrap()[name] = value;
        verdict(&drill)
    }

    #[test]
    fn the_example_is_accepted_and_the_document_shows_it() {
        assert_eq!(verdict(&example()), "accepted");
        let drill: Drill = serde_json::from_value(example()).unwrap();
        let kinds = drill.spec.checks.iter().map(|check| check.kind());
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            ["schemaVersion", "sql", "sql", "freshness", "receipt"]
        );
        let document = include_str!("../../../docs/databases.md");
        let (_, objects) = EXAMPLE.split_once("apiVersion").unwrap();
        assert!(document.contains(objects));
    }

    #[test]
    fn a_value_has_one_source_and_a_password_none_in_the_object() {
        let both = json!({"value": "a", "env": "B"});
        assert!(changed("/spec/databases/0/user", both).contains("exactly one of: value, env"));
        let password = json!({"value": "a"});
        let said = changed("/spec/databases/0/password", password);
        assert!(said.contains("password.value is not allowed"), "{said}");
    }

    #[test]
    fn what_a_check_must_say_is_demanded() {
        for (pointer, value, said) in [
            (
                "/spec/checks/1/sql/expect",
                json!({}),
                "exactly one of: value, rows, baseline",
            ),
            (
                "/spec/checks/1/sql/expect/rows",
                json!({}),
                "atLeast, atMost or both",
            ),
            (
                "/spec/checks/1/sql/expect/rows",
                json!({"atLeast": 2, "atMost": 1}),
                "atLeast is more than atMost",
            ),
            (
                "/spec/checks/2/sql/expect/baseline/number",
                json!(7),
                "exactly one of: number, file",
            ),
            (
                "/spec/checks/0/schemaVersion/tool",
                json!("Django"),
                "the app and its migration",
            ),
            (
                "/spec/checks/3/freshness/query",
                json!("SELECT 1"),
                "either query, or table",
            ),
            (
                "/spec/checks/4/receipt/own/find",
                json!("SELECT 1"),
                "name {canary}",
            ),
            (
                "/spec/checks/1/command",
                json!({"argv": ["true"]}),
                "exactly one of: sql",
            ),
        ] {
            let verdict = changed(pointer, value);
            assert!(verdict.contains(said), "{pointer}: {verdict}");
        }
    }

    #[test]
    fn a_connection_is_verified_unless_it_stays_on_this_machine() {
        let drill: Drill = serde_json::from_value(example()).unwrap();
        let mut database = drill.spec.databases.into_iter().next().unwrap();
        assert_eq!(database.tls_mode(), TlsMode::VerifyFull);
        for host in ["127.0.0.1", "localhost", "::1"] {
            database.host = host.to_owned();
            assert_eq!(database.tls_mode(), TlsMode::Prefer, "{host}");
        }
        database.tls.mode = Some(TlsMode::Require);
        assert_eq!(database.tls_mode(), TlsMode::Require);
    }
}
