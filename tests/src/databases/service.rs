//! A small service with a database behind it.

use std::net::SocketAddr;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, AssertSqlSafe};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Server;

/// The service: `/version` tells the newest migration that Alembic knows of, `/notes/NOTE` an order
/// with that note, and `/receipts/CANARY` a receipt. It ends when dropped.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts one on `database` of `server`.
    ///
    /// # Panics
    /// If it cannot.
    pub async fn start(server: &Server, database: &str) -> Service {
        let router = Service::router(server, database).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serve");
        });
        Service { address, task }
    }

    /// What it serves.
    ///
    /// # Panics
    /// If there is no such database.
    pub async fn router(server: &Server, database: &str) -> Router {
        install_default_drivers();
        let url = server.url(database);
        let pool = AnyPoolOptions::new().max_connections(2);
        let pool = pool.connect(&url).await.expect("the service's database");
        Router::new()
            .route("/version", get(version))
            .route("/notes/{note}", get(note))
            .route("/receipts/{canary}", get(receipt))
            .with_state(pool)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer = Result<Json<Value>, StatusCode>;

async fn version(State(pool): State<AnyPool>) -> Answer {
    one(
        &pool,
        "SELECT version_num FROM alembic_version".to_owned(),
        "version",
    )
    .await
}

async fn note(State(pool): State<AnyPool>, Path(note): Path<String>) -> Answer {
    let note = plain(&note);
    one(
        &pool,
        format!("SELECT note FROM orders WHERE note = '{note}'"),
        "note",
    )
    .await
}

async fn receipt(State(pool): State<AnyPool>, Path(canary): Path<String>) -> Answer {
    let canary = plain(&canary);
    let query = format!("SELECT canary FROM drillgate_receipt WHERE canary = '{canary}'");
    one(&pool, query, "canary").await
}

async fn one(pool: &AnyPool, query: String, name: &str) -> Answer {
    let found = sqlx::query_scalar::<_, String>(AssertSqlSafe(query));
    match found.fetch_optional(pool).await {
        Ok(Some(value)) => Ok(Json(json!({ name: value }))),
        // Without the table there is no such thing either.
        Ok(None) | Err(sqlx::Error::Database(_)) => Err(StatusCode::NOT_FOUND),
        Err(error) => panic!("the service's database: {error}"),
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect()
}
