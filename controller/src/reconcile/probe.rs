//! Asks gateways which configuration their filter runs with.
//!
//! A probe is a request with a signed probe token, which the filter answers by itself
//! (`docs/filter.md`). Where no filter is loaded something else answers, and that is told apart.
//!
//! A probe carries the header of a drill, and production must not see one: on a connection whose
//! listener does not have the gate's policy yet, as while a gate is being installed, it would be
//! served by production. So the gateway is first asked, on the same connection, for what the policy
//! refuses without the header. Only where that is refused the probe is sent.

mod error;
mod tls;

use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drill_context::HEADER_NAME;
use futures::future::join_all;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use crate::causes::with_causes;
use crate::guarded::{Guarded, Unguarded};

pub use error::ProbeError;

/// The response header that names the verdict, and the verdict of a probe.
const VERDICT_HEADER: &str = "x-drill-verdict";
const PROBE: &str = "probe";

/// An answer of the filter has a hundred bytes.
const MAX_BODY: usize = 16 * 1024;

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host and port where the gateway listens. Each address that the host stands for is asked.
    pub address: String,
    /// The host that the request names; for TLS, also the name in the gateway's certificate.
    pub host: String,
    /// The drill domain of the gate: its policy refuses a host under it without the header.
    pub domain: String,
    /// Whether the gateway speaks TLS there, with a certificate that this machine trusts.
    pub tls: bool,
}

/// What a filter runs with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// The generation of its configuration.
    pub generation: u64,
    /// Its version.
    pub version: String,
    /// How many drills are active for it now.
    pub active_drills: u64,
    /// `active` if the drill that the token names is, else the code with which its requests are
    /// refused. Older filters do not tell.
    pub drill: Option<String>,
}

/// What one gateway said.
pub type Answer = (SocketAddr, Result<Running, ProbeError>);

/// Asks every address of `target` at once, each within `limit`; in the order of the addresses.
///
/// # Errors
/// [`ProbeError::Unresolved`] or [`ProbeError::TimedOut`] if there is no address to ask, and
/// [`ProbeError::Tls`] if this machine has no certificates to trust.
pub async fn probe(
    target: &Target,
    token: &str,
    limit: Duration,
) -> Result<Vec<Answer>, ProbeError> {
    let tls = if target.tls {
        Some(tls::trusted_by_this_machine().await?)
    } else {
        None
    };
    let addresses = addresses(target, limit).await?;
    Ok(ask_all(addresses, target, token, limit, tls.as_ref()).await)
}

async fn ask_all(
    addresses: BTreeSet<SocketAddr>,
    target: &Target,
    token: &str,
    limit: Duration,
    tls: Option<&Arc<ClientConfig>>,
) -> Vec<Answer> {
    let answers = addresses.into_iter().map(async |address| {
        let answer = timeout(limit, ask(address, target, token, tls)).await;
        let answer = answer.unwrap_or(Err(ProbeError::TimedOut { limit }));
        (address, answer)
    });
    join_all(answers).await
}

/// Each address once.
async fn addresses(target: &Target, limit: Duration) -> Result<BTreeSet<SocketAddr>, ProbeError> {
    let unresolved = |reason: String| ProbeError::Unresolved {
        address: target.address.clone(),
        reason,
    };
    let found = timeout(limit, lookup_host(&target.address))
        .await
        .map_err(|_elapsed| ProbeError::TimedOut { limit })?
        .map_err(|error| unresolved(error.to_string()))?
        .collect::<BTreeSet<_>>();
    if found.is_empty() {
        return Err(unresolved("the resolver knows none".to_owned()));
    }
    Ok(found)
}

async fn ask(
    address: SocketAddr,
    target: &Target,
    token: &str,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Running, ProbeError> {
    let requests = [guarded(target)?, request(target, token)?];
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| ProbeError::Unreachable {
            reason: error.to_string(),
        })?;
    match tls {
        Some(tls) => {
            exchange(
                tls::client(Arc::clone(tls), &target.host, stream).await?,
                requests,
            )
            .await
        }
        None => exchange(stream, requests).await,
    }
}

/// A request for a host that no drill has, without the header: the gate's policy refuses it.
fn guarded(target: &Target) -> Result<Request<Empty<Bytes>>, ProbeError> {
    asking_for(&format!("drillgate-probe.{}", target.domain))
}

fn request(target: &Target, token: &str) -> Result<Request<Empty<Bytes>>, ProbeError> {
    let mut token = value("token", token)?;
    token.set_sensitive(true);
    let mut request = asking_for(&target.host)?;
    request.headers_mut().insert(HEADER_NAME, token);
    Ok(request)
}

fn asking_for(host: &str) -> Result<Request<Empty<Bytes>>, ProbeError> {
    // The URI of a request by default is `/`.
    let mut request = Request::new(Empty::new());
    request.headers_mut().insert(HOST, value("host", host)?);
    Ok(request)
}

fn value(what: &str, text: &str) -> Result<HeaderValue, ProbeError> {
    HeaderValue::from_str(text).map_err(|_| ProbeError::Unaskable {
        reason: format!("the {what} cannot stand in a header"),
    })
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    [guarded, probe]: [Request<Empty<Bytes>>; 2],
) -> Result<Running, ProbeError> {
    let connection = Guarded::open(stream, guarded).await;
    let mut connection = connection.map_err(|error| match error {
        Unguarded::Broken(reason) => ProbeError::BrokenOff { reason },
        Unguarded::Unprotected(head) => ProbeError::Unprotected {
            status: head.status.as_u16(),
        },
    })?;
    let answer = connection.send(probe).await;
    judge(answer.map_err(|reason| ProbeError::BrokenOff { reason })?).await
}

/// What the answer says, and who gave it.
async fn judge(response: Response<Incoming>) -> Result<Running, ProbeError> {
    let status = response.status();
    match verdict(response.headers()) {
        Some(PROBE) if status == StatusCode::OK => read(response.into_body()).await,
        Some(code)
            if code != PROBE
                && matches!(
                    status,
                    StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE
                ) =>
        {
            Err(ProbeError::Refused {
                status: status.as_u16(),
                code: code.to_owned(),
            })
        }
        _ => Err(ProbeError::NoFilter {
            status: status.as_u16(),
        }),
    }
}

/// The verdict, if it has the form of one: it ends up in logs and conditions.
fn verdict(headers: &HeaderMap) -> Option<&str> {
    let code = headers.get(VERDICT_HEADER)?.to_str().ok()?;
    let formed = code.len() <= 64 && code.bytes().all(|it| it.is_ascii_lowercase() || it == b'-');
    (formed && !code.is_empty()).then_some(code)
}

async fn read(body: Incoming) -> Result<Running, ProbeError> {
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let reason = format!("longer than {MAX_BODY} bytes");
            return Err(ProbeError::Garbled { reason });
        }
        Err(error) => return Err(broken_off(error.as_ref())),
    };
    // Not in the parser's words, which repeat what was read.
    serde_json::from_slice(&body).map_err(|error| ProbeError::Garbled {
        reason: format!("not the JSON of a probe at column {}", error.column()),
    })
}

fn broken_off(error: &dyn Error) -> ProbeError {
    let reason = with_causes(error);
    ProbeError::BrokenOff { reason }
}

#[cfg(test)]
mod tests;
