//! TLS with a gateway.

use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::error::ProbeError;

/// A client that trusts whom this machine trusts: `SSL_CERT_FILE`, or the system's certificates.
pub(super) async fn trusted_by_this_machine() -> Result<Arc<ClientConfig>, ProbeError> {
    // Read anew for each probe, like all that an administrator may exchange under our feet.
    let found = spawn_blocking(load_native_certs).await.map_err(failed)?;
    let mut roots = RootCertStore::empty();
    let (trusted, _unreadable) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let reasons = reasons.join(", ");
        return Err(failed(format!(
            "this machine trusts no certificate: {reasons}"
        )));
    }
    client_config(roots)
}

pub(super) fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, ProbeError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A session over `stream`, with a server that shows to be `host`.
pub(super) async fn client(
    config: Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, ProbeError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ProbeError::Unaskable {
        reason: "the host is no name for a TLS server".to_owned(),
    })?;
    let session = TlsConnector::from(config).connect(name, stream).await;
    session.map_err(failed)
}

fn failed(reason: impl ToString) -> ProbeError {
    ProbeError::Tls {
        reason: reason.to_string(),
    }
}
