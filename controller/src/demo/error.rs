//! Why the demo cannot be played.

use std::fmt;
use std::path::PathBuf;

use crate::{lab, proxy};

/// Why the demo cannot be played. That a step differs is no error, but a report.
#[derive(Debug)]
pub enum Error {
    /// There is no wasm module at this place.
    NoModule(PathBuf),
    /// The drill's key, UUID or route key cannot be made: the operating system has no random
    /// numbers to give.
    NoIdentity(String),
    /// A part of the lab did not start, or did not take a change.
    Lab(lab::Error),
    /// Nobody can ask the edge.
    Proxy(proxy::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoModule(path) => write!(
                f,
                "no wasm module at {}: build it with `make module`, or name it with --module",
                path.display()
            ),
            Error::NoIdentity(reason) => {
                write!(f, "cannot make the drill's key and UUID: {reason}")
            }
            Error::Lab(error) => error.fmt(f),
            Error::Proxy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Lab(error) => error.source(),
            _ => None,
        }
    }
}

impl From<proxy::Error> for Error {
    fn from(error: proxy::Error) -> Error {
        Error::Proxy(error)
    }
}

impl From<lab::Error> for Error {
    fn from(error: lab::Error) -> Error {
        Error::Lab(error)
    }
}
