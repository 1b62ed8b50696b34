//! The endpoints for whoever runs the controller.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 as long as no restart is needed, else 503 and the reason |
//! | `/readyz` | 200 on a leader with all that it needs and on a standby, else 503 and the reason |
//! | `/metrics` | [`Metrics`], in Prometheus' text format |
//! | `/filter.wasm` | the filter's [`Module`], if there is one; every replica has it |

mod health;
mod module;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::FutureExt;
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio::time::sleep;

pub use health::Health;
pub use module::Module;

use super::metrics::{CONTENT_TYPE, Metrics};

/// For requests that are under way when the server is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A server that listens already; [`Server::run`] answers.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Listens at `address`; port 0 stands for any free one.
    ///
    /// # Errors
    /// The reason of the operating system, with the address.
    pub async fn bind(
        address: SocketAddr,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        module: Option<Module>,
    ) -> io::Result<Self> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = bound.await.map_err(|error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen at {address}: {error}"))
        })?;
        let mut router = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .with_state(health)
            .merge(
                Router::new()
                    .route("/metrics", get(scrape))
                    .with_state(metrics),
            );
        if let Some(module) = module {
            let fetch = get(fetch).with_state(module);
            router = router.route("/filter.wasm", fetch);
        }
        Ok(Self {
            listener,
            address,
            router,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`, and then what is under way, for 2 s at most.
    ///
    /// # Errors
    /// The reason of the operating system, if it cannot go on.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let shutdown = shutdown.shared();
        let served =
            axum::serve(self.listener, self.router).with_graceful_shutdown(shutdown.clone());
        tokio::select! {
            served = async { served.await } => served,
            // Someone keeps a connection busy.
            () = async { shutdown.await; sleep(GRACE).await } => Ok(()),
        }
    }
}

async fn healthz(State(health): State<Arc<Health>>) -> Response {
    told(health.alive())
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    told(health.ready())
}

fn told(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn fetch(State(module): State<Module>) -> Response {
    ([(header::CONTENT_TYPE, "application/wasm")], module.bytes()).into_response()
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    match metrics.text(now.unwrap_or_default().as_secs()) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use http::StatusCode;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::{Health, Metrics, Module, Server};
    use crate::lab::{Request, Response};

    struct Running {
        address: SocketAddr,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        stop: oneshot::Sender<()>,
        task: JoinHandle<std::io::Result<()>>,
    }

    impl Running {
        async fn start(stalled_after: Duration) -> Self {
            Self::start_with(stalled_after, None).await
        }

        async fn start_with(stalled_after: Duration, module: Option<Module>) -> Self {
            let health = Arc::new(Health::new(stalled_after));
            let metrics = Arc::new(Metrics::default());
            let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = Server::bind(any_port, Arc::clone(&health), Arc::clone(&metrics), module);
            let server = server.await.unwrap();
            let address = server.address();
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
            Self {
                address,
                health,
                metrics,
                stop,
                task,
            }
        }

        async fn get(&self, path: &str) -> Response {
            Request::get("controller", path)
                .send(self.address)
                .await
                .unwrap()
        }

        #[track_caller]
        fn is(response: &Response, status: StatusCode, body: &str) {
            assert_eq!(response.status, status);
            assert_eq!(String::from_utf8_lossy(&response.body), body);
        }
    }

    #[tokio::test]
    async fn readiness_says_what_is_waited_for() {
        let server = Running::start(Duration::from_secs(60)).await;
        server.health.waits_for("the list of drills");
        let answer = server.get("/readyz").await;
        Running::is(
            &answer,
            StatusCode::SERVICE_UNAVAILABLE,
            "waits for the list of drills\n",
        );
        Running::is(&server.get("/healthz").await, StatusCode::OK, "ok\n");
        server.health.stands_by();
        Running::is(&server.get("/readyz").await, StatusCode::OK, "ok\n");
    }

    #[tokio::test]
    async fn the_module_is_served_as_it_was_read_if_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("filter.wasm");
        let bytes = b"\0asm\x01\0\0\0 and the rest \xff";
        std::fs::write(&path, bytes).unwrap();
        let module = Module::read(&path).unwrap();
        let server = Running::start_with(Duration::from_secs(60), Some(module)).await;
        std::fs::write(&path, "something else").unwrap();
        let answer = server.get("/filter.wasm").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(&*answer.body, bytes);
        let without = Running::start(Duration::from_secs(60)).await;
        let answer = without.get("/filter.wasm").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_loop_that_stands_still_is_unhealthy() {
        let server = Running::start(Duration::ZERO).await;
        server.health.leads(&["drills"]);
        let answer = server.get("/healthz").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            answer
                .body
                .starts_with(b"the loop drills has not gone round")
        );
        // Ready all the same: a restart is what it needs, not to be left out.
        Running::is(&server.get("/readyz").await, StatusCode::OK, "ok\n");
    }

    #[tokio::test]
    async fn metrics_are_as_of_the_scrape() {
        let server = Running::start(Duration::from_secs(60)).await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        server.metrics.set_next_expiry(Some(now + 100_000));
        let answer = server.get("/metrics").await;
        assert_eq!(answer.status, StatusCode::OK);
        let media_type = answer.header("content-type").unwrap();
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains("\ndrillgate_leader 0\n"), "{text}");
        let left = text
            .lines()
            .find_map(|line| line.strip_prefix("drillgate_drill_expiry_seconds "))
            .unwrap();
        assert!(
            (90_000..=100_000).contains(&left.parse().unwrap()),
            "{left}"
        );
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        let server = Running::start(Duration::from_secs(60)).await;
        assert_eq!(server.get("/").await.status, StatusCode::NOT_FOUND);
        let post = Request::get("controller", "/healthz").with(http::Method::POST, "");
        let answer = post.send(server.address).await.unwrap();
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn it_stops_when_told_even_while_a_request_never_ends() {
        let server = Running::start(Duration::from_secs(60)).await;
        let address = server.address;
        let mut endless = TcpStream::connect(address).await.unwrap();
        endless
            .write_all(b"GET /healthz HTTP/1.1\r\n")
            .await
            .unwrap();
        Running::is(&server.get("/healthz").await, StatusCode::OK, "ok\n");
        server.stop.send(()).unwrap();
        let stopped = timeout(Duration::from_secs(60), server.task).await;
        stopped.unwrap().unwrap().unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        drop(endless);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let server = Running::start(Duration::from_secs(60)).await;
        let again = Server::bind(
            server.address,
            Arc::clone(&server.health),
            Arc::clone(&server.metrics),
            None,
        );
        let error = again.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().contains(&server.address.to_string()),
            "{error}"
        );
    }
}
