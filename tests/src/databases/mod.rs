//! Real PostgreSQL and MariaDB servers, and a service with one of them behind it.
//!
//! A suite has a production server and a sandbox server of each engine, which its tests share: each
//! test makes databases of its own there ([`Pair`]).

mod client;
mod edge;
mod initial;
mod pair;
mod server;
mod service;
mod shop;

pub use self::edge::Route;
pub use self::pair::{Pair, make_users};
pub use self::server::{PASSWORD, Server};
pub use self::service::Service;
pub use self::shop::{alembic, orders};
pub use crate::control_plane::tools::{DATABASES_VARIABLE, database_tool as database_program};

/// The engines that the suite runs on.
pub const ENGINES: [Kind; 2] = [Kind::PostgreSql, Kind::MariaDb];

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL 15.
    PostgreSql,
    /// MariaDB 10.11.
    MariaDb,
}

impl Kind {
    /// As a Drill names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::PostgreSql => "PostgreSQL",
            Kind::MariaDb => "MySQL",
        }
    }
}
