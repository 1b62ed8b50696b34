//! A client of our own, on the same way to the edge that the proxy takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Authority;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};

use super::error::Error;
use super::outgoing::outgoing;
use super::sender::Sender;
use super::server::Settings;
use super::signer::Signer;
use super::tally::Tally;
use super::upstream::Upstream;
use super::verdict::{Verdict, judge};
use crate::causes::with_causes;

/// How much of a body is read. What is longer is cut, and says so.
pub const MAX_BODY: usize = 1024 * 1024;

/// Sends requests of our own to the edge, each signed anew.
#[derive(Debug)]
pub struct Client {
    upstream: Upstream,
    sender: Sender<Full<Bytes>>,
    signer: Arc<Signer>,
    clock: fn() -> i64,
    tally: Arc<Tally>,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// Who answered.
    pub verdict: Verdict,
    /// Status and headers.
    pub head: response::Parts,
    /// The body, up to [`MAX_BODY`].
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// What came behind the body.
    pub trailers: HeaderMap,
    /// How long it took until the body was there.
    pub took: Duration,
    /// The context that the request was signed with: nobody should be shown it.
    pub context: HeaderValue,
}

/// What came back to a request without a context.
#[derive(Debug)]
pub struct Plain {
    /// Its status.
    pub status: StatusCode,
    /// The body, up to [`MAX_BODY`].
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl Client {
    /// A client for the edge of these settings. Nobody connects before the first request.
    ///
    /// # Errors
    /// [`Error::CaFile`] and [`Error::Tls`].
    pub fn new(settings: &Settings) -> Result<Client, Error> {
        let tls = settings.trust.towards(&settings.upstream)?;
        Ok(Client {
            sender: Sender::new(&settings.upstream, tls.as_ref(), settings.connect_timeout),
            upstream: settings.upstream.clone(),
            signer: Arc::clone(&settings.signer),
            clock: settings.clock,
            tally: Arc::default(),
        })
    }

    /// What became of its requests.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Where it sends to.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Sends `request`, by its version of HTTP, to the edge as one for `host`, and reads the answer.
    ///
    /// # Errors
    /// In words: why there is no answer.
    pub async fn ask(&self, host: Authority, request: Request<Bytes>) -> Result<Answered, String> {
        let context = self.signer.header((self.clock)());
        let context = context.map_err(|error| error.to_string())?;
        let (head, body) = request.into_parts();
        let head = outgoing(&head, self.upstream.scheme(), host, context.clone())
            .map_err(|error| format!("the request makes no sense: {error}"))?;
        let under_way = self.tally.send();
        let begun = Instant::now();
        let sent = Request::from_parts(head, Full::new(body));
        let answer = match self.send(sent).await {
            Ok(answer) => answer,
            Err(why) => {
                under_way.end(Verdict::Failed);
                return Err(why);
            }
        };
        let (head, body) = answer.into_parts();
        let verdict = judge(&head);
        under_way.end(verdict.clone());
        let read = read(Response::new(body)).await;
        let (body, is_whole, trailers) =
            read.map_err(|reason| format!("the answer broke off: {reason}"))?;
        Ok(Answered {
            verdict,
            head,
            body,
            is_whole,
            trailers,
            took: begun.elapsed(),
            context,
        })
    }

    /// Asks `host` for `path` as any user does, without a context: production is meant to answer.
    /// It is no drill request, and is not counted as one.
    ///
    /// # Errors
    /// In words: why there is no answer, or that it is a drill's.
    pub async fn get_as_any_user(
        &self,
        host: Authority,
        path: PathAndQuery,
    ) -> Result<Plain, String> {
        let uri = Uri::builder()
            .scheme(self.upstream.scheme().clone())
            .authority(host)
            .path_and_query(path);
        let request = uri
            .build()
            .and_then(|uri| Request::get(uri).body(Full::default()));
        let request = request.map_err(|error| format!("the request makes no sense: {error}"))?;
        let (head, body) = self.send(request).await?.into_parts();
        let verdict = judge(&head);
        if verdict != Verdict::Unmarked {
            return Err(format!(
                "the edge has taken a request without the header for a drill's ({})",
                head.status.as_u16()
            ));
        }
        let read = read(Response::new(body)).await;
        let (body, is_whole, _) =
            read.map_err(|reason| format!("the answer broke off: {reason}"))?;
        Ok(Plain {
            status: head.status,
            body,
            is_whole,
        })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        self.sender.send(request).await.map_err(|error| {
            format!(
                "the edge at {} cannot be asked: {}",
                self.upstream,
                with_causes(&error)
            )
        })
    }
}

/// The body up to the bound, whether that is all of it, and what comes behind it.
async fn read(answer: Response<Incoming>) -> Result<(Bytes, bool, HeaderMap), String> {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| with_causes(&error))?;
        match frame.into_data() {
            Ok(data) => {
                let room = MAX_BODY.saturating_sub(bytes.len());
                bytes.extend(data.iter().take(room));
                if data.len() > room {
                    return Ok((bytes.into(), false, trailers));
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok((bytes.into(), true, trailers))
}
