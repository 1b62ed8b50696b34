//! A small HTTP client that sends what it is told, odd headers and foreign authorities included.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::Error;
use super::seen::Seen;
use crate::causes::with_causes;

/// How a client speaks from the first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 in the clear, with prior knowledge.
    Http2,
}

/// A request, independent of the connection that it goes over.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: String,
    /// The `Host` header, or `:authority` in HTTP/2.
    pub authority: String,
    /// Headers in the order they are sent; a name may be repeated.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
    /// Which protocol it goes by.
    pub protocol: Protocol,
    /// The time limit from connecting to the last byte of the answer.
    pub limit: Duration,
}

impl Request {
    /// A GET by HTTP/1.1 with a limit of 60 s.
    pub fn get(authority: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            authority: authority.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            protocol: Protocol::default(),
            limit: Duration::from_secs(60),
        }
    }

    /// The same request with one header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// The same request by `protocol`.
    #[must_use]
    pub fn by(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The same request with `method` and `body`.
    #[must_use]
    pub fn with(mut self, method: Method, body: impl Into<Bytes>) -> Self {
        self.method = method;
        self.body = body.into();
        self
    }

    /// The same request with the time limit `limit`.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends it over a connection of its own.
    ///
    /// # Errors
    /// [`Error::Request`] if no whole answer came, [`Error::TimedOut`] if it came too late.
    pub async fn send(&self, address: SocketAddr) -> Result<Response, Error> {
        let exchange = async {
            let mut connection = Connection::open(address, self.protocol).await?;
            connection.send(self).await
        };
        timeout(self.limit, exchange)
            .await
            .unwrap_or_else(|_| Err(self.timed_out(address)))
    }

    fn timed_out(&self, address: SocketAddr) -> Error {
        Error::TimedOut {
            waited_for: format!("answer of {address} to {} {}", self.method, self.path),
            limit: self.limit,
            detail: String::new(),
        }
    }

    /// As hyper wants it: HTTP/1.1 takes the authority as a header, HTTP/2 as part of the URI.
    fn build(&self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let uri = match self.protocol {
            Protocol::Http1 => Uri::try_from(self.path.as_str())?,
            Protocol::Http2 => Uri::builder()
                .scheme("http")
                .authority(self.authority.as_str())
                .path_and_query(self.path.as_str())
                .build()?,
        };
        let mut headers = HeaderMap::new();
        if self.protocol == Protocol::Http1 {
            headers.insert(header::HOST, HeaderValue::from_str(&self.authority)?);
        }
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            headers.append(name, HeaderValue::from_bytes(value)?);
        }
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// A connection that is kept for several requests.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: Sender,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects to `address`.
    ///
    /// # Errors
    /// [`Error::Request`] if the connection is refused.
    pub async fn open(address: SocketAddr, protocol: Protocol) -> Result<Self, Error> {
        let failed = |error: &dyn std::error::Error| request_error(address, error);
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let stream = TokioIo::new(stream);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream)
                    .await
                    .map_err(|error| failed(&error))?;
                tokio::spawn(connection.with_upgrades());
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                    .await
                    .map_err(|error| failed(&error))?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Self { address, sender })
    }

    /// Sends `request` and waits for the head of the answer; the body is the caller's to read.
    /// The request's protocol must be the connection's; its time limit is not looked at.
    ///
    /// # Errors
    /// [`Error::Request`] if the request cannot be written or no head came.
    pub async fn start(&mut self, request: &Request) -> Result<http::Response<Incoming>, Error> {
        let failed = |error: &dyn std::error::Error| request_error(self.address, error);
        let built = request.build().map_err(|error| failed(&error))?;
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(|error| failed(&error))?;
                sender.send_request(built).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(|error| failed(&error))?;
                sender.send_request(built).await
            }
        };
        sent.map_err(|error| failed(&error))
    }

    /// Sends `request` and reads the whole answer, within the request's time limit.
    ///
    /// # Errors
    /// [`Error::Request`] if no whole answer came, [`Error::TimedOut`] if it came too late.
    pub async fn send(&mut self, request: &Request) -> Result<Response, Error> {
        let address = self.address;
        let exchange = async {
            let (head, body) = self.start(request).await?.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| request_error(address, &error))?;
            Ok(Response {
                status: head.status,
                headers: head.headers,
                trailers: body.trailers().cloned(),
                body: body.to_bytes(),
            })
        };
        timeout(request.limit, exchange)
            .await
            .unwrap_or_else(|_| Err(request.timed_out(address)))
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The first value of the header `name`, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What an [`Upstream`](super::Upstream) says that it saw; nothing if none answered.
    pub fn seen(&self) -> Option<Seen> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn request_error(address: SocketAddr, error: &dyn std::error::Error) -> Error {
    let reason = with_causes(error);
    Error::Request { address, reason }
}
