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
mod tests;
