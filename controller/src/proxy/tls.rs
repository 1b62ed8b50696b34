//! Which certificates the proxy takes from its upstream.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::error::Error;
use super::upstream::Upstream;
use crate::tls;

/// Whose certificates an `https://` upstream may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Of whom this machine trusts: `SSL_CERT_FILE`, or the system's certificates.
    System,
    /// Of the authorities in this PEM file only.
    File(PathBuf),
    /// Anyone's, for labs: whoever sits in between reads the requests and answers them.
    Anyone,
}

impl Trust {
    /// The configuration of a client of `upstream`; nothing if that speaks no TLS.
    ///
    /// # Errors
    /// [`Error::CaFile`] and [`Error::Tls`].
    pub(crate) fn towards(&self, upstream: &Upstream) -> Result<Option<ClientConfig>, Error> {
        upstream.tls().then(|| self.client()).transpose()
    }

    /// A client's configuration, without protocols to choose from.
    ///
    /// # Errors
    /// [`Error::CaFile`] and [`Error::Tls`].
    pub(super) fn client(&self) -> Result<ClientConfig, Error> {
        let builder = tls::client().map_err(|error| Error::Tls(error.to_string()))?;
        let roots = match self {
            Trust::System => tls::system_roots().map_err(Error::Tls)?,
            Trust::File(path) => {
                roots(path).map_err(|reason| Error::CaFile(path.clone(), reason))?
            }
            Trust::Anyone => {
                let anyone = Arc::new(Anyone(default_provider()));
                let builder = builder.dangerous().with_custom_certificate_verifier(anyone);
                return Ok(builder.with_no_client_auth());
            }
        };
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(roots)
}

/// Takes any certificate; its owner must still have the key to it.
#[derive(Debug)]
struct Anyone(CryptoProvider);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
