//! Whom our TLS clients trust.

use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{self, ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// Whom this machine trusts: `SSL_CERT_FILE`, or the system's certificates.
///
/// # Errors
/// Why there is nobody.
pub(crate) fn system_roots() -> Result<RootCertStore, String> {
    let found = load_native_certs();
    let mut roots = RootCertStore::empty();
    let (trusted, _unreadable) = roots.add_parsable_certificates(found.certs);
    if trusted == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let reasons = reasons.join(", ");
        return Err(format!("this machine trusts no certificate: {reasons}"));
    }
    Ok(roots)
}

/// The beginning of a client's configuration.
///
/// # Errors
/// [`rustls::Error`] where the cryptography has no safe version of TLS.
pub(crate) fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    builder.with_safe_default_protocol_versions()
}
