//! Production's orders in a PostgreSQL, their copy that is restored from a dump, and the service in
//! front of each.

use axum::extract::{Path as InPath, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;

use crate::demo::Error;
use crate::demo::stage::no_identity;
use crate::lab::postgres::{Postgres, Programs, USER};
use crate::lab::{self, Upstream};

/// Production's database.
pub(super) const ORIGINAL: &str = "orders";
/// The restored one, on the same server.
pub(super) const COPY: &str = "orders_restored";

/// The schema as migration 0002 of Alembic leaves it, and three orders, the newest a minute old.
const ORDERS: &str = "
    CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
    INSERT INTO alembic_version VALUES ('0002');
    CREATE TABLE orders (id INT PRIMARY KEY, sku TEXT NOT NULL, created_at TIMESTAMPTZ NOT NULL);
    INSERT INTO orders VALUES
        (40, 'kettle', now() - interval '2 hours'),
        (41, 'teapot', now() - interval '1 hour'),
        (42, 'samovar', now() - interval '1 minute');";

/// How many orders there are.
pub(super) const COUNT: i64 = 3;

/// The databases, and a service in front of each.
#[derive(Debug)]
pub struct Shop {
    pub(super) production: Upstream,
    pub(super) sandbox: Upstream,
    server: Postgres,
    secret: String,
    folder: TempDir,
}

impl Shop {
    /// Production with its orders; the copy is empty, and its service waits for the restore.
    pub(super) async fn open(programs: &Programs) -> Result<Shop, Error> {
        let secret = crate::route_key::generate().map_err(no_identity)?;
        let folder = tempfile::Builder::new().prefix("drillgate-demo-").tempdir();
        let folder = folder.map_err(|error| failed(&error))?;
        std::fs::write(folder.path().join("password"), &secret).map_err(|error| failed(&error))?;
        let server = Postgres::start(programs, &secret).await?;
        for database in [ORIGINAL, COPY] {
            let create = format!("CREATE DATABASE {database}");
            server.run(USER, &create).await?;
        }
        server.run(ORIGINAL, ORDERS).await?;
        let router = |database| service(&server, database, &secret);
        Ok(Shop {
            production: Upstream::with_router("production", router(ORIGINAL))?,
            sandbox: Upstream::with_router("sandbox", router(COPY))?,
            server,
            secret,
            folder,
        })
    }

    /// Another service, in front of this database.
    pub(super) fn service(&self, database: &str) -> Result<Upstream, Error> {
        let router = service(&self.server, database, &self.secret);
        Ok(Upstream::with_router("sandbox", router)?)
    }

    /// Dumps production's database and restores it into the copy; gives the dump's size in bytes.
    pub(super) async fn restore(&self) -> Result<usize, Error> {
        let dump = self.server.dump(ORIGINAL).await?;
        self.server.restore(COPY, &dump).await?;
        Ok(dump.len())
    }

    /// Which PostgreSQL it is.
    pub(super) async fn version(&self) -> Result<String, Error> {
        Ok(self.server.version().await?)
    }

    /// A database, as a Drill has it.
    pub(super) fn database(&self, name: &str, role: &str, database: &str) -> Value {
        json!({
            "name": name, "role": role, "engine": "PostgreSQL",
            "host": "127.0.0.1", "port": self.server.port(), "database": database,
            "user": {"value": USER}, "password": {"file": self.password()},
        })
    }

    fn password(&self) -> String {
        self.folder.path().join("password").display().to_string()
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::Lab(lab::Error::Database(format!(
        "no file for the database's password: {error}"
    )))
}

/// The service with `database` behind it: what version its schema has, orders, and receipts.
fn service(server: &Postgres, database: &str, password: &str) -> Router {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(USER)
        .password(password)
        .database(database);
    // Connects when it is first asked.
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect_lazy_with(options);
    Router::new()
        .route("/version", get(version))
        .route("/stock/{order}", get(order))
        .route("/receipts/{canary}", get(receipt))
        .with_state(pool)
}

type Answer = Result<Json<Value>, StatusCode>;

async fn version(State(pool): State<PgPool>) -> Answer {
    let found = one(&pool, "SELECT version_num FROM alembic_version", None);
    Ok(Json(json!({"schema": found.await?})))
}

async fn order(State(pool): State<PgPool>, InPath(order): InPath<String>) -> Answer {
    let found = one(
        &pool,
        "SELECT sku FROM orders WHERE id::text = $1",
        Some(&order),
    );
    Ok(Json(json!({"id": order, "sku": found.await?})))
}

async fn receipt(State(pool): State<PgPool>, InPath(canary): InPath<String>) -> Answer {
    let query = "SELECT canary FROM drillgate_receipt WHERE canary = $1";
    Ok(Json(
        json!({"canary": one(&pool, query, Some(&canary)).await?}),
    ))
}

/// One cell. What is not there, its table perhaps, is a 404.
async fn one(
    pool: &PgPool,
    query: &'static str,
    value: Option<&str>,
) -> Result<String, StatusCode> {
    let mut query = sqlx::query_scalar::<_, String>(AssertSqlSafe(query));
    if let Some(value) = value {
        query = query.bind(value.to_owned());
    }
    match query.fetch_optional(pool).await {
        Ok(Some(cell)) => Ok(cell),
        Ok(None) | Err(sqlx::Error::Database(_)) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
