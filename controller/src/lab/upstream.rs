//! Real HTTP servers that stand for production and for a sandbox.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Json, Router};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::edge::CONTEXT_HEADER;
use super::error::Error;
use super::seen::Seen;

/// How many requests an upstream remembers.
const REMEMBERED: usize = 1000;

/// What an upstream does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Answers 200 with what it saw, or what an extra router answers.
    #[default]
    Answer,
    /// Answers with this status and no body.
    Status(StatusCode),
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and breaks off: closes an HTTP/1.1 connection, resets an HTTP/2 stream.
    Reset,
}

/// A server of HTTP/1.1 and h2c on one loopback port.
///
/// Its behaviour can be changed while it runs; requests that already wait keep the old one. It
/// stops when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::sync::Mutex<Server>,
}

#[derive(Debug)]
enum Server {
    Up(JoinHandle<()>),
    /// Bound but not listening: connections are refused, and no one else can take the port.
    Down(Option<TcpSocket>),
}

#[derive(Debug)]
struct Shared {
    name: String,
    router: Router,
    total: AtomicU64,
    drill: AtomicU64,
    settings: Mutex<Settings>,
    seen: Mutex<VecDeque<Seen>>,
}

#[derive(Debug, Clone, Default)]
struct Settings {
    behaviour: Behaviour,
    forged: Vec<(HeaderName, HeaderValue)>,
}

impl Upstream {
    /// Starts an upstream that answers by `name`.
    ///
    /// # Errors
    /// [`Error::Io`] if no port can be bound.
    pub fn start(name: &str) -> Result<Self, Error> {
        Self::with_router(name, Router::new())
    }

    /// Starts an upstream with routes of its own, such as a gRPC service; it answers all other
    /// paths as [`Upstream::start`] does.
    ///
    /// # Errors
    /// [`Error::Io`] if no port can be bound.
    pub fn with_router(name: &str, router: Router) -> Result<Self, Error> {
        let socket = bind(([127, 0, 0, 1], 0).into())?;
        let address = socket
            .local_addr()
            .map_err(Error::io("read the port of an upstream"))?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            router: router.fallback(answer),
            total: AtomicU64::new(0),
            drill: AtomicU64::new(0),
            settings: Mutex::default(),
            seen: Mutex::default(),
        });
        let server = Server::Up(serve(socket, Arc::clone(&shared))?);
        Ok(Self {
            address,
            shared,
            server: tokio::sync::Mutex::new(server),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests arrived, answered or not.
    pub fn total(&self) -> u64 {
        self.shared.total.load(Ordering::SeqCst)
    }

    /// How many of them carried `x-drill-context`.
    pub fn drill_requests(&self) -> u64 {
        self.shared.drill.load(Ordering::SeqCst)
    }

    /// The heads of the last requests, oldest first; 1,000 at most.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.seen).iter().cloned().collect()
    }

    /// Sets what happens to requests from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.shared.settings).behaviour = behaviour;
    }

    /// Adds these headers to every answer from now on, in place of its own of the same name.
    pub fn forge(&self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) {
        lock(&self.shared.settings).forged = headers.into_iter().collect();
    }

    /// Stops listening and drops all connections: from now on they are refused.
    ///
    /// # Errors
    /// [`Error::Io`] if the port cannot be held for [`Upstream::revive`].
    pub async fn down(&self) -> Result<(), Error> {
        let mut server = self.server.lock().await;
        if let Server::Up(task) = &mut *server {
            task.abort();
            let _aborted = task.await;
            *server = Server::Down(None);
            *server = Server::Down(Some(bind_again(self.address).await?));
        }
        Ok(())
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// [`Error::Io`] if the port was lost.
    pub async fn revive(&self) -> Result<(), Error> {
        let mut server = self.server.lock().await;
        if let Server::Down(held) = &mut *server {
            let socket = held.take().map_or_else(|| bind(self.address), Ok)?;
            *server = Server::Up(serve(socket, Arc::clone(&self.shared))?);
        }
        Ok(())
    }
}

/// Binds a port that has just been closed. A program that is being started somewhere in this process
/// holds a copy of the old socket until it runs: a moment later the port is free.
async fn bind_again(address: SocketAddr) -> Result<TcpSocket, Error> {
    const TRIES: u32 = 200;
    for _ in 1..TRIES {
        match bind(address) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
        sleep(Duration::from_millis(10)).await;
    }
    bind(address)
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Server::Up(task) = self.server.get_mut() {
            task.abort();
        }
    }
}

impl Shared {
    /// Counts, remembers and answers one request; an error breaks the connection off.
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, BrokenOff> {
        let (head, body) = request.into_parts();
        let seen = Seen::new(&self.name, &head);
        self.total.fetch_add(1, Ordering::SeqCst);
        if head.headers.contains_key(CONTEXT_HEADER) {
            self.drill.fetch_add(1, Ordering::SeqCst);
        }
        self.remember(seen.clone());

        let Settings { behaviour, forged } = lock(&self.settings).clone();
        let mut response = match behaviour {
            Behaviour::Answer => {
                let mut request = Request::from_parts(head, body);
                request.extensions_mut().insert(seen);
                let Ok(response) = TowerToHyperService::new(self.router.clone())
                    .call(request)
                    .await;
                response
            }
            Behaviour::Status(status) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                response
            }
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Reset => return Err(BrokenOff),
        };
        for (name, value) in forged {
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    }

    fn remember(&self, request: Seen) {
        let mut seen = lock(&self.seen);
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(request);
    }
}

/// Why a connection ends with [`Behaviour::Reset`].
#[derive(Debug)]
struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the upstream breaks off as it was told")
    }
}

impl std::error::Error for BrokenOff {}

/// Tells the client what was seen of its request.
async fn answer(Extension(mut seen): Extension<Seen>, body: Body) -> Json<Seen> {
    seen.body = body.collect().await.map_or(0, |body| body.to_bytes().len());
    Json(seen)
}

/// A socket on `address`, not listening yet.
fn bind(address: SocketAddr) -> Result<TcpSocket, Error> {
    let bound = || {
        let socket = TcpSocket::new_v4()?;
        // The port may still have old connections in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(Error::io(format!("bind {address} for an upstream")))
}

/// Serves connections until aborted; aborting drops the listener and all connections.
fn serve(socket: TcpSocket, shared: Arc<Shared>) -> Result<JoinHandle<()>, Error> {
    let listener = socket
        .listen(1024)
        .map_err(Error::io("listen as an upstream"))?;
    Ok(tokio::spawn(accept(listener, shared)))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                // Out of file descriptors, most likely; some may come free.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.handle(request).await }
    });
    // How a connection ends is the client's to notice.
    let _ended = auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}

/// The data behind `mutex`; a panic elsewhere leaves it as usable as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
