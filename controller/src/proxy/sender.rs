//! The way to the edge.

use std::error::Error as Cause;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri, Version};
use hyper::body::{Body, Bytes, Incoming};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use super::upstream::Upstream;

/// How much of headers a message by HTTP/2 may have: more than Envoy's own limit.
pub(super) const MAX_HEADERS: u32 = 64 * 1024;

/// Sends requests to the upstream over connections that are kept, one pool for each version of
/// HTTP and each host.
#[derive(Debug)]
pub(super) struct Sender<B> {
    http1: Client<Connector, B>,
    http2: Client<Connector, B>,
}

impl<B> Sender<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Cause + Send + Sync>>> + Send + Unpin + 'static,
{
    /// `tls` is for an `https` upstream; `limit` is that of connecting, TLS included.
    pub(super) fn new(
        upstream: &Upstream,
        tls: Option<&ClientConfig>,
        limit: Duration,
    ) -> Sender<B> {
        let connector = |protocol| Connector::new(upstream, tls, protocol, limit);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        let http1 = builder.build(connector(b"http/1.1"));
        builder
            .http2_only(true)
            .http2_max_header_list_size(MAX_HEADERS);
        let http2 = builder.build(connector(b"h2"));
        Sender { http1, http2 }
    }

    /// Sends `request` by its version of HTTP; its URL says for which host it is.
    ///
    /// A request is sent again only if the upstream cannot have seen any of it.
    pub(super) async fn send(&self, request: Request<B>) -> Result<Response<Incoming>, Error> {
        let client = match request.version() {
            Version::HTTP_2 => &self.http2,
            _ => &self.http1,
        };
        client.request(request).await
    }
}

/// A connection for HTTP/1.1 to the upstream; `host` is the TLS server's name. It may take as long
/// as `limit`.
///
/// # Errors
/// If there is none in time.
pub(crate) async fn connect(
    upstream: &Upstream,
    tls: Option<&ClientConfig>,
    host: &str,
    limit: Duration,
) -> io::Result<Box<dyn Stream>> {
    let connector = Connector::new(upstream, tls, b"http/1.1", limit);
    let host = host.parse().map_err(io::Error::other)?;
    connector.connect(host).await
}

/// Connects to the upstream, whatever host a request is for; that host is the TLS server's name.
#[derive(Debug, Clone)]
struct Connector {
    upstream: Arc<Upstream>,
    protocol: &'static [u8],
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
}

impl Connector {
    fn new(
        upstream: &Upstream,
        tls: Option<&ClientConfig>,
        protocol: &'static [u8],
        limit: Duration,
    ) -> Connector {
        Connector {
            upstream: Arc::new(upstream.clone()),
            protocol,
            tls: tls.map(|tls| {
                let mut tls = tls.clone();
                tls.alpn_protocols = vec![protocol.to_vec()];
                Arc::new(tls)
            }),
            limit,
        }
    }

    async fn connect(self, host: Uri) -> io::Result<Box<dyn Stream>> {
        let limit = self.limit;
        let connected = timeout(limit, self.connect_in_time(host)).await;
        connected.unwrap_or_else(|_| {
            let reason = format!("no connection within {} s", limit.as_secs_f32());
            Err(io::Error::new(io::ErrorKind::TimedOut, reason))
        })
    }

    async fn connect_in_time(self, host: Uri) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.upstream.address()).await?;
        // Small messages of a stream must not wait for one another.
        stream.set_nodelay(true)?;
        let Some(tls) = self.tls else {
            return Ok(Box::new(stream));
        };
        let host = host.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned());
        let name =
            name.map_err(|_| io::Error::other(format!("{host:?} is no TLS server's name")))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        // HTTP/1.1 is also what servers speak that know nothing of ALPN.
        if agreed != Some(self.protocol) && (agreed.is_some() || self.protocol == b"h2") {
            return Err(io::Error::other("it does not speak HTTP/2 over TLS (ALPN)"));
        }
        Ok(Box::new(stream))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Box<dyn Stream>>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: Uri) -> Self::Future {
        let connecting = self.clone().connect(host);
        Box::pin(async { Ok(TokioIo::new(connecting.await?)) })
    }
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection for Box<dyn Stream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
