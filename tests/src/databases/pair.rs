//! Production and its sandbox: two servers, and a database of the same name on each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::server::PASSWORD;
use super::{Kind, Server};

/// Production and its sandbox.
#[derive(Debug)]
pub struct Pair {
    /// The original's server.
    pub production: &'static Server,
    /// The copy's.
    pub sandbox: &'static Server,
    /// What the database is called on both.
    pub database: String,
}

impl Pair {
    /// An empty database on both servers of the suite, and users there: `reader`, who only reads,
    /// and `writer`, who may do all in it, both with [`PASSWORD`].
    ///
    /// # Panics
    /// If a server does not come up.
    pub fn new(kind: Kind) -> Pair {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (production, sandbox) = servers(kind);
        let database = format!("orders{}", COUNT.fetch_add(1, Ordering::Relaxed));
        for server in [production, sandbox] {
            make(server, &database);
        }
        Pair {
            production,
            sandbox,
            database,
        }
    }

    /// Dumps production's database and restores it into the sandbox's.
    ///
    /// # Panics
    /// If that fails.
    pub fn restore(&self) {
        self.restore_from(&self.production.dump(&self.database));
    }

    /// Restores a dump into the sandbox's database.
    ///
    /// # Panics
    /// If that fails.
    pub fn restore_from(&self, dump: &[u8]) {
        self.sandbox.restore(&self.database, dump);
        grant(self.sandbox, &self.database);
    }

    /// Runs statements in production's database, and lets the users have what they made.
    ///
    /// # Panics
    /// If one fails.
    pub fn in_production(&self, statements: &str) -> String {
        let printed = self.production.admin(&self.database, statements);
        grant(self.production, &self.database);
        printed
    }

    /// Runs statements in the sandbox's database.
    ///
    /// # Panics
    /// If one fails.
    pub fn in_sandbox(&self, statements: &str) -> String {
        let printed = self.sandbox.admin(&self.database, statements);
        grant(self.sandbox, &self.database);
        printed
    }

    /// Both as a Drill has them: `copy`, with this user, and `original`, with the reader. The
    /// password comes from a file at this path.
    pub fn spec(&self, user: &str, password: &str) -> Value {
        json!([
            entry(
                "copy",
                "Sandbox",
                self.sandbox,
                &self.database,
                user,
                password
            ),
            entry(
                "original",
                "Production",
                self.production,
                &self.database,
                "reader",
                password
            ),
        ])
    }
}

/// A database as a Drill has it.
pub(super) fn entry(
    name: &str,
    role: &str,
    server: &Server,
    database: &str,
    user: &str,
    password: &str,
) -> Value {
    json!({
        "name": name,
        "role": role,
        "engine": server.kind.name(),
        "host": "127.0.0.1",
        "port": server.port,
        "database": database,
        "user": {"value": user},
        "password": {"file": password},
    })
}

/// The suite's servers of an engine. They end with the suite.
fn servers(kind: Kind) -> (&'static Server, &'static Server) {
    static POSTGRES: OnceLock<(Server, Server)> = OnceLock::new();
    static MARIADB: OnceLock<(Server, Server)> = OnceLock::new();
    let servers = match kind {
        Kind::PostgreSql => &POSTGRES,
        Kind::MariaDb => &MARIADB,
    };
    let (production, sandbox) = servers.get_or_init(|| {
        let servers = (Server::start(kind), Server::start(kind));
        make_users(&servers.0);
        make_users(&servers.1);
        servers
    });
    (production, sandbox)
}

/// Makes the users `reader` and `writer`, with [`PASSWORD`].
///
/// # Panics
/// If they are there.
pub fn make_users(server: &Server) {
    let users = ["reader", "writer"];
    let statements = users.map(|user| match server.kind {
        Kind::PostgreSql => format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}';"),
        Kind::MariaDb => format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"),
    });
    server.admin(first_database(server.kind), &statements.concat());
}

fn make(server: &Server, database: &str) {
    let statement = format!("CREATE DATABASE {database};");
    server.admin(first_database(server.kind), &statement);
    grant(server, database);
}

fn grant(server: &Server, database: &str) {
    let statements = match server.kind {
        Kind::PostgreSql => {
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT ALL ON ALL TABLES IN SCHEMA public TO writer; GRANT ALL ON SCHEMA public TO writer;".to_owned()
        }
        Kind::MariaDb => format!(
            "GRANT SELECT ON {database}.* TO reader@'127.0.0.1'; GRANT ALL ON {database}.* TO writer@'127.0.0.1';"
        ),
    };
    server.admin(database, &statements);
}

pub(super) fn first_database(kind: Kind) -> &'static str {
    match kind {
        Kind::PostgreSql => "postgres",
        Kind::MariaDb => "mysql",
    }
}
