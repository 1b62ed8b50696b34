//! A real gRPC service and a real gRPC client: `grpc.health.v1.Health`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use drillgate::lab::CONTEXT_HEADER;
use tonic::transport::Endpoint;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthReporter;

/// How long a call may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The health service as a router for an [`Upstream`](drillgate::lab::Upstream). It knows one
/// service, called `name`, so an answer tells who gave it.
pub async fn health_router(name: &str) -> Router {
    reported_health_router(name).await.0
}

/// The same, with what changes the service's status.
pub async fn reported_health_router(name: &str) -> (Router, HealthReporter) {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(name, ServingStatus::Serving)
        .await;
    let router = Router::new().route_service("/grpc.health.v1.Health/{method}", service);
    (router, reporter)
}

/// Calls `grpc.health.v1.Health/Check` for `service` through `address`, as a client of
/// `authority`, with the value of `x-drill-context` if there is one.
///
/// # Panics
/// If the connection is refused, or `authority` or `context` cannot be sent at all.
pub async fn check_health(
    address: SocketAddr,
    authority: &str,
    context: Option<&str>,
    service: &str,
) -> Result<Response<HealthCheckResponse>, Status> {
    let endpoint = endpoint(address, authority).timeout(LIMIT);
    let channel = endpoint.connect().await.expect("connect");
    HealthClient::new(channel)
        .check(asked(context, service))
        .await
}

/// Calls `grpc.health.v1.Health/Watch` for `service` as [`check_health`] calls `Check`: a stream with
/// its status now, and with each one that it has from then on.
///
/// # Errors
/// The status, if the stream does not begin.
///
/// # Panics
/// As [`check_health`].
pub async fn watch_health(
    address: SocketAddr,
    authority: &str,
    context: Option<&str>,
    service: &str,
) -> Result<Streaming<HealthCheckResponse>, Status> {
    let channel = endpoint(address, authority).connect().await;
    let mut client = HealthClient::new(channel.expect("connect"));
    let answer = client.watch(asked(context, service)).await?;
    Ok(answer.into_inner())
}

fn asked(context: Option<&str>, service: &str) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    if let Some(context) = context {
        let value = context.parse().expect("a header value");
        request.metadata_mut().insert(CONTEXT_HEADER, value);
    }
    request
}

fn endpoint(address: SocketAddr, authority: &str) -> Endpoint {
    let origin = format!("http://{authority}").parse().expect("an authority");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.origin(origin)
}
