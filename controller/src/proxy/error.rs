//! Why there is no proxy, or no signed value.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use drill_context::KeyId;

/// What keeps the proxy from starting, or a value from being signed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The key verifies and does not sign.
    CannotSign(KeyId),
    /// A value must count for a second at least.
    Lifetime,
    /// No token's name begins so.
    Prefix(String),
    /// The clock shows a time that no value can carry.
    Clock(i64),
    /// No URL of an upstream.
    Upstream(String),
    /// No host name.
    Host(String),
    /// The system refused to listen there.
    Listen(SocketAddr, io::Error),
    /// The file of certificates cannot be used.
    CaFile(PathBuf, String),
    /// There is no TLS on this machine.
    Tls(String),
    /// The file for the signed value cannot be written.
    ContextFile(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::CannotSign(kid) => write!(f, "{kid} verifies and does not sign"),
            Error::Lifetime => f.write_str("a value must count for at least one second"),
            Error::Prefix(prefix) => write!(
                f,
                "{prefix:?} cannot begin a token's name: at most 108 visible ASCII characters without quotation mark or backslash"
            ),
            Error::Clock(now) => write!(
                f,
                "the clock shows {now} seconds of the epoch, outside of the years 1970 to 9999: set it"
            ),
            Error::Upstream(text) => write!(
                f,
                "{text:?} is no upstream: name scheme, host and port, such as https://gateway.example.com or http://127.0.0.1:8080"
            ),
            Error::Host(text) => write!(
                f,
                "{text:?} is no host: name it as clients do, such as orders.example.com"
            ),
            Error::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Error::CaFile(path, reason) => {
                write!(
                    f,
                    "certificates {} cannot be used: {reason}",
                    path.display()
                )
            }
            Error::Tls(reason) => write!(f, "no TLS: {reason}"),
            Error::ContextFile(path, error) => {
                write!(
                    f,
                    "context file {} cannot be written: {error}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for Error {}
