//! A way to a server of HTTPS for clients that speak in the clear.

use std::net::SocketAddr;
use std::sync::Arc;

use drillgate::lab::Protocol;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;

use super::certificates::Certificates;

/// Takes connections on loopback, and makes a TLS session for each; it ends when dropped. A session
/// that does not come about, or not for the protocol, is a connection that closes.
#[derive(Debug)]
pub struct TlsBridge {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl TlsBridge {
    /// A way to `server`, whose sessions ask for `name` (SNI) and for `protocol` (ALPN).
    ///
    /// # Panics
    /// If no port can be bound, or `name` is no server's.
    pub async fn start(server: SocketAddr, name: &str, protocol: Protocol) -> Self {
        Self::start_trusting(server, name, protocol, Certificates::shared()).await
    }

    /// As [`TlsBridge::start`], where the server must have one of these certificates.
    ///
    /// # Panics
    /// As [`TlsBridge::start`].
    pub async fn start_trusting(
        server: SocketAddr,
        name: &str,
        protocol: Protocol,
        trusted: &Certificates,
    ) -> Self {
        let connector = TlsConnector::from(Arc::new(client(protocol, trusted)));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, server, name.clone(), connector.clone()));
            }
        });
        Self { address, task }
    }
}

impl Drop for TlsBridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn client(protocol: Protocol, trusted: &Certificates) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("versions of TLS");
    let mut client = builder
        .with_root_certificates(trusted.store())
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn(protocol).to_vec()];
    client
}

fn alpn(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Http1 => b"http/1.1",
        Protocol::Http2 => b"h2",
    }
}

/// How it ends is for the client to see.
async fn carry(
    mut stream: TcpStream,
    server: SocketAddr,
    name: ServerName<'static>,
    connector: TlsConnector,
) -> std::io::Result<()> {
    let wanted = connector.config().alpn_protocols.first().cloned();
    let mut session = connector
        .connect(name, TcpStream::connect(server).await?)
        .await?;
    if session.get_ref().1.alpn_protocol() == wanted.as_deref() {
        copy_bidirectional(&mut stream, &mut session).await?;
    }
    Ok(())
}
