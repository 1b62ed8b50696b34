//! A server with one Lease, over real HTTP: it keeps the API server's rules for
//! `resourceVersion`, and can be made to fail.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, Uri};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mood {
    #[default]
    Well,
    /// Answers 500 and does nothing.
    Failing,
    /// Does what it is asked and answers 500.
    Forgetful,
    /// Never answers.
    Hanging,
}

#[derive(Default)]
struct Stored {
    mood: Mood,
    lease: Option<Lease>,
    version: u64,
    writes: u64,
}

/// The server. It stops when dropped.
pub(super) struct Store {
    client: Client,
    stored: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Mutex<Stored>>;

impl Store {
    pub(super) async fn start() -> Self {
        let stored = Shared::default();
        let leases = "/apis/coordination.k8s.io/v1/namespaces/edge/leases";
        let router = Router::new()
            .route(leases, post(create))
            .route(&format!("{leases}/drillgate"), get(read).put(replace))
            .with_state(Arc::clone(&stored));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = Client::try_from(Config::new(url.parse::<Uri>().unwrap())).unwrap();
        Self {
            client,
            stored,
            server,
        }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn mood(&self, mood: Mood) {
        lock(&self.stored).mood = mood;
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        lock(&self.stored).lease.clone()
    }

    pub(super) fn spec(&self) -> LeaseSpec {
        self.lease().unwrap().spec.unwrap()
    }

    pub(super) fn writes(&self) -> u64 {
        lock(&self.stored).writes
    }

    pub(super) fn delete(&self) {
        lock(&self.stored).lease = None;
    }

    /// Writes as someone else who has seen the newest version.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Lease)) {
        let mut stored = lock(&self.stored);
        let mut lease = stored.lease.clone().unwrap_or_default();
        change(&mut lease);
        stored.keep(lease);
    }

    /// Waits until the server has taken `more` writes.
    pub(super) async fn after_writes(&self, more: u64) {
        let enough = self.writes() + more;
        while self.writes() < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stored {
    fn keep(&mut self, mut lease: Lease) -> Lease {
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }
}

async fn read(State(stored): State<Shared>) -> Response {
    answer(&stored, |stored| {
        stored.lease.clone().ok_or((404, "NotFound"))
    })
    .await
}

async fn create(State(stored): State<Shared>, Json(lease): Json<Lease>) -> Response {
    answer(&stored, |stored| match stored.lease {
        Some(_) => Err((409, "AlreadyExists")),
        None => {
            stored.writes += 1;
            Ok(stored.keep(lease))
        }
    })
    .await
}

async fn replace(State(stored): State<Shared>, Json(lease): Json<Lease>) -> Response {
    answer(&stored, |stored| {
        let stands = stored.lease.as_ref().ok_or((404, "NotFound"))?;
        if stands.metadata.resource_version != lease.metadata.resource_version {
            return Err((409, "Conflict"));
        }
        stored.writes += 1;
        Ok(stored.keep(lease))
    })
    .await
}

async fn answer(
    stored: &Shared,
    act: impl FnOnce(&mut Stored) -> Result<Lease, (u16, &'static str)>,
) -> Response {
    let mood = lock(stored).mood;
    if mood == Mood::Hanging {
        std::future::pending::<()>().await;
    }
    let done = match mood {
        Mood::Failing => Err((500, "InternalError")),
        _ => act(&mut lock(stored)),
    };
    let done = match mood {
        Mood::Forgetful => Err((500, "InternalError")),
        _ => done,
    };
    match done {
        Ok(lease) => Json(lease).into_response(),
        Err((code, reason)) => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure",
                "code": code, "reason": reason, "message": reason,
            });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        }
    }
}

fn lock(stored: &Shared) -> MutexGuard<'_, Stored> {
    stored.lock().unwrap()
}
