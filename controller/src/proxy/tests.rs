//! A proxy in front of an upstream that speaks TLS. (The rest is shown on a real edge.)

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertifiedKey, KeyPair};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::{Proxy, Settings, Signer, Trust};
use crate::keyfile::Jwk;
use crate::lab::{Protocol, Request as Sent, Response as Answered};

const HOST: &str = "orders.example.com";
const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// For what happens soon, on a machine that is busy.
const LONG: Duration = Duration::from_secs(60);

fn certified() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap()
}

/// The certificate in a file, as `--ca-file` takes it.
fn in_file(certified: &CertifiedKey<KeyPair>) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certified.cert.pem()).unwrap();
    file
}

/// A TLS server that answers as the edge does, and tells by what and for whom it was asked. It
/// agrees to these protocols.
struct Gateway {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Gateway {
    async fn start(certified: &CertifiedKey<KeyPair>, protocols: &[&str]) -> Gateway {
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let chain = vec![certified.cert.der().clone()];
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that trusts nobody ends the handshake.
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let name = stream
                    .get_ref()
                    .1
                    .server_name()
                    .unwrap_or_default()
                    .to_owned();
                let service = service_fn(move |request| answer(request, name.clone()));
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ended = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Gateway {
            address,
            _tasks: tasks,
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    name: String,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request
        .headers()
        .get("host")
        .map(|host| host.to_str().unwrap());
    let host = host.or(request.uri().authority().map(|it| it.as_str()));
    let body = format!("{:?} {name} {}", request.version(), host.unwrap());
    let marked = Response::builder().header("x-drill-verdict", "routed");
    Ok(marked.body(Full::from(body)).unwrap())
}

/// A proxy in front of it, whose clients ask for `host`; it ends with the test.
async fn proxy(upstream: SocketAddr, host: &str, trust: Trust) -> (SocketAddr, JoinSet<()>) {
    proxy_within(LONG, upstream, host, trust).await
}

/// The same, which connects within `limit` or not at all.
async fn proxy_within(
    limit: Duration,
    upstream: SocketAddr,
    host: &str,
    trust: Trust,
) -> (SocketAddr, JoinSet<()>) {
    let jwk = Jwk::hs256("k1".parse().unwrap(), &[7; 32]).unwrap();
    let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
    let signer = Signer::new(jwk, drill, "orders-dr".parse().unwrap(), 300, "a").unwrap();
    let upstream = format!("https://{upstream}").parse().unwrap();
    let mut settings = Settings::new(upstream, Arc::new(signer), || 1_790_000_000);
    settings.hosts = vec![host.to_owned()];
    settings.trust = trust;
    settings.connect_timeout = limit;
    let proxy = Proxy::bind(settings).await.unwrap();
    let address = proxy.address();
    let mut tasks = JoinSet::new();
    tasks.spawn(proxy.run(std::future::pending()));
    (address, tasks)
}

async fn get(proxy: SocketAddr, protocol: Protocol) -> Answered {
    let request = Sent::get(proxy.to_string(), "/").by(protocol);
    request.send(proxy).await.unwrap()
}

#[track_caller]
fn failed(answer: &Answered, reason: &str) {
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("x-drill-verdict"), Some("edge-unreachable"));
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains(reason), "{body}");
}

#[tokio::test]
async fn the_upstream_is_asked_for_the_drills_host_by_the_clients_version_of_http() {
    let certified = certified();
    let file = in_file(&certified);
    let gateway = Gateway::start(&certified, &["h2", "http/1.1"]).await;
    for trust in [Trust::File(file.path().to_owned()), Trust::Anyone] {
        let host = format!("{HOST}:8443");
        let (proxy, _tasks) = proxy(gateway.address, &host, trust).await;
        for (protocol, version) in PROTOCOLS.into_iter().zip(["HTTP/1.1", "HTTP/2.0"]) {
            let answer = get(proxy, protocol).await;
            let body = String::from_utf8_lossy(&answer.body);
            assert_eq!(body, format!("{version} {HOST} {host}"));
        }
    }
}

#[tokio::test]
async fn an_upstream_that_nobody_vouches_for_gets_no_request() {
    let gateway = Gateway::start(&certified(), &["h2", "http/1.1"]).await;
    let stranger = in_file(&certified());
    let trust = Trust::File(stranger.path().to_owned());
    let (proxy, _tasks) = proxy(gateway.address, HOST, trust).await;
    for protocol in PROTOCOLS {
        failed(&get(proxy, protocol).await, "invalid peer certificate");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_none() {
    let certified = certified();
    let file = in_file(&certified);
    let gateway = Gateway::start(&certified, &["h2", "http/1.1"]).await;
    let trust = Trust::File(file.path().to_owned());
    let (proxy, _tasks) = proxy(gateway.address, "shop.example.com", trust).await;
    failed(&get(proxy, Protocol::Http1).await, "not valid for name");
}

#[tokio::test]
async fn an_upstream_without_http_2_is_told_so() {
    let certified = certified();
    for protocols in [&["http/1.1"][..], &[]] {
        let gateway = Gateway::start(&certified, protocols).await;
        let (proxy, _tasks) = proxy(gateway.address, HOST, Trust::Anyone).await;
        assert_eq!(get(proxy, Protocol::Http1).await.status, 200);
        let answer = get(proxy, Protocol::Http2).await;
        failed(
            &answer,
            if protocols.is_empty() {
                "does not speak HTTP/2"
            } else {
                ""
            },
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_silent_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (limit, upstream) = (Duration::from_millis(500), silent.local_addr().unwrap());
    let (proxy, _tasks) = proxy_within(limit, upstream, HOST, Trust::Anyone).await;
    failed(
        &get(proxy, Protocol::Http1).await,
        "no connection within 0.5 s",
    );
}
