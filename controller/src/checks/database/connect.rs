//! How a connection is made.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, MySqlConnection, PgConnection};
use tokio::time::timeout;

use super::failure::Failure;
use super::source::{self, Secrets};
use crate::api::{Database, Engine, TlsMode};

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(8);

/// A connection, as the engine has it.
#[derive(Debug)]
pub(super) enum Connection {
    /// To PostgreSQL.
    PostgreSql(PgConnection),
    /// To MySQL or MariaDB.
    MySql(MySqlConnection),
}

/// Whom a server is told that we are.
struct Credentials {
    user: String,
    password: Option<String>,
    ca: Option<String>,
}

/// Opens a connection to `database`.
///
/// # Errors
/// In words: why it does not let us in.
pub(super) async fn open(
    database: &Database,
    secrets: Option<&Secrets>,
) -> Result<Connection, Failure> {
    let credentials = credentials(database, secrets).await?;
    let opening = async {
        Ok(match database.engine {
            Engine::PostgreSQL => {
                Connection::PostgreSql(postgres(database, credentials).connect().await?)
            }
            Engine::MySQL => Connection::MySql(mysql(database, credentials).connect().await?),
        })
    };
    match timeout(CONNECT, opening).await {
        Ok(opened) => opened.map_err(|error: sqlx::Error| Failure::of(database, &error)),
        Err(_) => Err(Failure::other(format!(
            "database {} at {}:{} has not answered within {CONNECT:?}",
            database.name,
            database.host,
            database.port()
        ))),
    }
}

async fn credentials(
    database: &Database,
    secrets: Option<&Secrets>,
) -> Result<Credentials, Failure> {
    let of = |what: &'static str| {
        move |why: String| {
            Failure::other(format!("the {what} of database {}: {why}", database.name))
        }
    };
    let user = source::read(&database.user, secrets);
    let user = user.await.map_err(of("user"))?;
    let mut credentials = Credentials {
        user,
        password: None,
        ca: None,
    };
    if let Some(password) = &database.password {
        if password.value.is_some() {
            return Err(of("password")("no value is taken here".to_owned()));
        }
        let read = source::read(password, secrets).await;
        credentials.password = Some(read.map_err(of("password"))?);
    }
    if let Some(ca) = &database.tls.ca {
        let read = source::read(ca, secrets).await;
        credentials.ca = Some(read.map_err(of("certificate authority"))?);
    }
    Ok(credentials)
}

fn postgres(database: &Database, credentials: Credentials) -> PgConnectOptions {
    // Nothing of a `.pgpass` or of PGPASSWORD: it could be another server's.
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&database.host)
        .port(database.port())
        .database(&database.database)
        .username(&credentials.user)
        .password(credentials.password.as_deref().unwrap_or_default())
        .application_name("drillgate")
        // PgBouncer lets nobody in who asks for them, and they are the default.
        .extra_float_digits(None)
        .ssl_mode(match database.tls_mode() {
            TlsMode::Disable => PgSslMode::Disable,
            TlsMode::Prefer => PgSslMode::Prefer,
            TlsMode::Require => PgSslMode::Require,
            TlsMode::VerifyCA => PgSslMode::VerifyCa,
            TlsMode::VerifyFull => PgSslMode::VerifyFull,
        });
    if let Some(ca) = credentials.ca {
        options = options.ssl_root_cert_from_pem(ca.into_bytes());
    }
    options.disable_statement_logging()
}

fn mysql(database: &Database, credentials: Credentials) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .host(&database.host)
        .port(database.port())
        .database(&database.database)
        .username(&credentials.user)
        .ssl_mode(match database.tls_mode() {
            TlsMode::Disable => MySqlSslMode::Disabled,
            TlsMode::Prefer => MySqlSslMode::Preferred,
            TlsMode::Require => MySqlSslMode::Required,
            TlsMode::VerifyCA => MySqlSslMode::VerifyCa,
            TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
        });
    if let Some(password) = credentials.password {
        options = options.password(&password);
    }
    if let Some(ca) = credentials.ca {
        options = options.ssl_ca_from_pem(ca.into_bytes());
    }
    options.disable_statement_logging()
}
