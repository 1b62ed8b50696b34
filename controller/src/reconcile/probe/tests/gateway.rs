//! What a probe may meet: servers on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::reconcile::probe::{Answer, ProbeError, Running, Target, probe};

pub(super) const TOKEN: &str = "to.k.en";
pub(super) const HOST_NAME: &str = "orders.example.com";
pub(super) const DOMAIN: &str = "drill.internal";

/// For what answers: a test that waits for it is broken.
pub(super) const LONG: Duration = Duration::from_secs(60);
pub(super) const SHORT: Duration = Duration::from_millis(200);

/// What listens at one address. It ends with the test.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Gateway {
    /// Answers each request with the header, behind the gate's policy.
    pub(super) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Request) -> Response + Clone + Send + Sync + 'static,
    {
        let listener = listen(Ipv4Addr::LOCALHOST, 0).await;
        Self::over(listener, answer)
    }

    /// The same for requests that come in by `listener`.
    pub(super) fn over<F>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(&Request) -> Response + Clone + Send + Sync + 'static,
    {
        Self::all_over(listener, move |request| {
            match request.headers().contains_key("x-drill-context") {
                true => answer(request),
                false => policy(request),
            }
        })
    }

    /// Answers each request: there is no policy.
    pub(super) async fn unprotected<F>(answer: F) -> Self
    where
        F: Fn(&Request) -> Response + Clone + Send + Sync + 'static,
    {
        let listener = listen(Ipv4Addr::LOCALHOST, 0).await;
        Self::all_over(listener, answer)
    }

    fn all_over<F>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(&Request) -> Response + Clone + Send + Sync + 'static,
    {
        let address = listener.local_addr().unwrap();
        let answer = async move |request: Request| answer(&request);
        let router = Router::new().fallback(answer);
        Self::with_task(address, async move {
            axum::serve(listener, router).await.unwrap();
        })
    }

    /// Treats each connection so.
    pub(super) async fn raw<F>(treat: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let listener = listen(Ipv4Addr::LOCALHOST, 0).await;
        Self::with_task(listener.local_addr().unwrap(), async move {
            loop {
                treat(listener.accept().await.unwrap().0).await;
            }
        })
    }

    fn with_task(address: SocketAddr, task: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(task);
        Self {
            address,
            _tasks: tasks,
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            address: self.address.to_string(),
            host: HOST_NAME.to_owned(),
            domain: DOMAIN.to_owned(),
            tls: false,
        }
    }

    /// What it says to a probe.
    pub(super) async fn asked(&self, limit: Duration) -> Result<Running, ProbeError> {
        one(
            probe(&self.target(), TOKEN, limit).await.unwrap(),
            self.address,
        )
    }
}

pub(super) async fn listen(address: Ipv4Addr, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).await.unwrap()
}

#[track_caller]
pub(super) fn one(answers: Vec<Answer>, address: SocketAddr) -> Result<Running, ProbeError> {
    let [(from, answer)] = <[Answer; 1]>::try_from(answers).unwrap();
    assert_eq!(from, address);
    answer
}

pub(super) fn with(status: u16, verdict: &str, body: impl Into<Body>) -> Response {
    let response = Response::builder().status(status);
    let response = response.header("x-drill-verdict", verdict);
    response.body(body.into()).unwrap()
}

pub(super) fn body() -> Value {
    json!({"generation": 7, "version": "0.1.0", "activeDrills": 1, "drill": "active"})
}

/// Answers as the filter does, and only to the very request of a probe.
pub(super) fn filter(request: &Request) -> Response {
    let header = |name: &str| {
        let values: Vec<_> = request.headers().get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name}");
        values[0].to_str().unwrap().to_owned()
    };
    assert_eq!(request.method(), "GET");
    assert_eq!(request.uri(), "/");
    assert_eq!(header("host"), HOST_NAME);
    assert_eq!(header("x-drill-context"), TOKEN);
    with(200, "probe", body().to_string())
}

/// Refuses what asks for a drill's host without the header, as the gate's policy does.
fn policy(request: &Request) -> Response {
    let host = request.headers()["host"].to_str().unwrap();
    assert!(host.ends_with(&format!(".{DOMAIN}")), "{host}");
    let refused = Response::builder().status(403);
    refused.body("RBAC: access denied".into()).unwrap()
}

/// The same on a connection as it is.
pub(super) async fn refuse(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) {
    let mut request = [0; 1024];
    let read = stream.read(&mut request).await.unwrap();
    assert!(request[..read].starts_with(b"GET / HTTP/1.1\r\n"));
    let head = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(head).await.unwrap();
}

pub(super) fn running() -> Running {
    Running {
        generation: 7,
        version: "0.1.0".to_owned(),
        active_drills: 1,
        drill: Some("active".to_owned()),
    }
}

/// A gateway that speaks TLS with this certificate.
pub(super) async fn tls_gateway(certificate: &CertifiedKey<KeyPair>) -> Gateway {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Gateway::raw(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            // A client that does not trust us ends it here.
            let Ok(mut stream) = accepting.await else {
                return;
            };
            refuse(&mut stream).await;
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET / HTTP/1.1\r\n"));
            let body = body().to_string();
            let head = "HTTP/1.1 200 OK\r\nx-drill-verdict: probe\r\nconnection: close\r\n\r\n";
            stream
                .write_all(format!("{head}{body}").as_bytes())
                .await
                .unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await
}
