//! How a proxy serves requests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{CONNECTION, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Call;
use super::fault::{Fault, Held, Holding, Matching, Moment};

/// What the proxy's owner and its connections share.
pub(super) struct Shared {
    upstream: Client,
    cut: watch::Sender<bool>,
    rules: Mutex<Rules>,
}

#[derive(Default)]
struct Rules {
    calls: Vec<Call>,
    faults: Vec<(Fault, Matching)>,
    holding: Option<Holding>,
}

/// Why a connection ends without an answer.
#[derive(Debug)]
struct BrokenOff;

impl Shared {
    pub(super) fn new(upstream: Client) -> Self {
        Self {
            upstream,
            cut: watch::Sender::new(false),
            rules: Mutex::default(),
        }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.rules().calls.clone()
    }

    pub(super) fn add_fault(&self, fault: Fault, matching: Matching) {
        self.rules().faults.push((fault, matching));
    }

    pub(super) fn set_hold(&self, holding: Holding) {
        self.rules().holding = Some(holding);
    }

    pub(super) fn set_cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }

    pub(super) fn heal(&self) {
        self.rules().faults.clear();
        self.set_cut(false);
    }

    /// Answers one request; an error breaks its connection off.
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, BrokenOff> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| BrokenOff)?.to_bytes();
        let (fault, held) = self.rules().judge(Call::new(&head));
        match fault {
            Some(Fault::Status(status)) => return Ok(refusal(status)),
            Some(Fault::Delay(delay)) => sleep(delay).await,
            Some(Fault::BreakOff) => return Err(BrokenOff),
            Some(Fault::LoseAnswer) | None => {}
        }
        let (before, after) = match held {
            Some(held) if held.moment == Moment::Before => (Some(held), None),
            held => (None, held),
        };
        wait(before).await?;
        // These are for this connection; the other one has its own.
        for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        let request = Request::from_parts(head, Body::from(body.to_vec()));
        let answer = self.upstream.send(request).await;
        wait(after).await?;
        match (answer, fault) {
            (Ok(answer), None | Some(Fault::Delay(_))) => Ok(answer),
            _ => Err(BrokenOff),
        }
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    /// Remembers a request and says what is to become of it.
    fn judge(&mut self, call: Call) -> (Option<Fault>, Option<Held>) {
        let fault = self.faults.iter().find(|(_, matching)| matching(&call));
        let fault = fault.map(|(fault, _)| *fault);
        let held = match self.holding.take().map(|holding| holding.count(&call)) {
            Some(Ok(held)) => Some(held),
            Some(Err(holding)) => {
                self.holding = Some(holding);
                None
            }
            None => None,
        };
        self.calls.push(call);
        (fault, held)
    }
}

/// Serves all connections until it is dropped; then they end.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve_connection(stream, Arc::clone(&shared)));
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let mut cut = shared.cut.subscribe();
    let serving = http1::Builder::new().serve_connection(
        TokioIo::new(stream),
        service_fn(|request| shared.handle(request)),
    );
    tokio::select! {
        biased;
        _cut = cut.wait_for(|cut| *cut) => {}
        _ended = serving => {}
    }
}

async fn wait(held: Option<Held>) -> Result<(), BrokenOff> {
    match held {
        Some(held) => held.wait().await.ok_or(BrokenOff),
        None => Ok(()),
    }
}

/// An answer as the API server gives it when it fails.
fn refusal(status: StatusCode) -> Response<Body> {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "reason": match status {
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            StatusCode::INTERNAL_SERVER_ERROR => "InternalError",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            _ => "",
        },
        "message": "the proxy was told to fail",
        "code": status.as_u16(),
    });
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("broken off on purpose")
    }
}

impl std::error::Error for BrokenOff {}
