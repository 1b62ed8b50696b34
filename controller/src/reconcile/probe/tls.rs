//! TLS with a gateway.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::error::ProbeError;
use crate::tls;

/// A client that trusts whom this machine trusts.
pub(super) async fn trusted_by_this_machine() -> Result<Arc<ClientConfig>, ProbeError> {
    // Read anew for each probe, like all that an administrator may exchange under our feet.
    let roots = spawn_blocking(tls::system_roots).await.map_err(failed)?;
    client_config(roots.map_err(failed)?)
}

pub(super) fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, ProbeError> {
    let builder = tls::client().map_err(failed)?;
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
