//! A connection to a gateway whose policy has just refused what it has to, on that connection.
//!
//! What bears the header of a drill must not end at production, even where the edge is broken or
//! still on its way. So whoever sends it to a gateway that may be either asks first, on the same
//! connection, for what the gate's policy refuses without the header.

use http::{Request, Response, StatusCode, response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::causes::with_causes;

/// The longest refusal of a policy that is read, in bytes: Envoy's has a few.
const MAX_REFUSAL: usize = 16 * 1024;

/// Such a connection. It ends when dropped.
pub(crate) struct Guarded {
    sender: SendRequest<Empty<Bytes>>,
    /// Drives it.
    _connection: JoinSet<hyper::Result<()>>,
}

/// Why a connection is none on which the header may be sent.
#[derive(Debug)]
pub(crate) enum Unguarded {
    /// It broke, for this reason.
    Broken(String),
    /// The policy did not refuse; this came back.
    Unprotected(Box<response::Parts>),
}

impl Guarded {
    /// Asks on `stream` by `without_header`: a request for a host of drills, without the header.
    pub(crate) async fn open(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        without_header: Request<Empty<Bytes>>,
    ) -> Result<Guarded, Unguarded> {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            handshake.map_err(|error| Unguarded::Broken(with_causes(&error)))?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let mut guarded = Guarded {
            sender,
            _connection: driver,
        };
        let answer = guarded.send(without_header).await;
        let (head, body) = answer.map_err(Unguarded::Broken)?.into_parts();
        if head.status != StatusCode::FORBIDDEN {
            return Err(Unguarded::Unprotected(Box::new(head)));
        }
        drain(body, MAX_REFUSAL).await.map_err(Unguarded::Broken)?;
        Ok(guarded)
    }

    /// Sends a request; the error says why there is no answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, String> {
        let broken = |error: hyper::Error| with_causes(&error);
        self.sender.ready().await.map_err(broken)?;
        self.sender.send_request(request).await.map_err(broken)
    }
}

/// Reads what is left of an answer: it stands in the way of the next. The error says why it cannot
/// be read, or that it is longer than `longest` bytes.
pub(crate) async fn drain(body: Incoming, longest: usize) -> Result<(), String> {
    let read = Limited::new(body, longest).collect().await;
    read.map(|_| ())
        .map_err(|error| with_causes(error.as_ref()))
}
