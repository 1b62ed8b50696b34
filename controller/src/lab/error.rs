//! What can go wrong while a lab runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::xds::Resource;

/// A failure of the lab itself, never of a request that it carried.
#[derive(Debug)]
pub enum Error {
    /// No Envoy binary at the place that was looked at.
    NoEnvoy {
        /// Where it was looked for.
        looked: String,
    },
    /// A file, a socket or a process refused.
    Io {
        /// What was being done.
        doing: String,
        /// The reason given by the operating system.
        source: io::Error,
    },
    /// Envoy ended by itself while it should have run.
    EnvoyEnded {
        /// Its exit status.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// Something did not happen within its time limit.
    TimedOut {
        /// What was waited for.
        waited_for: String,
        /// The limit.
        limit: Duration,
        /// The last lines of Envoy's log, or what else helps; empty if nothing does.
        detail: String,
    },
    /// Envoy answered an admin request with something else than was asked for.
    Admin {
        /// The path that was asked.
        path: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// Envoy refused a configuration and keeps the one that it had.
    Rejected {
        /// Which kind of resource.
        resource: Resource,
        /// Envoy's own words.
        reason: String,
    },
    /// A database did not come up, or refused something.
    Database(String),
    /// A request got no answer that could be read.
    Request {
        /// Where it was sent.
        address: SocketAddr,
        /// Why it failed.
        reason: String,
    },
}

impl Error {
    /// An I/O error with what was being done.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEnvoy { looked } => write!(
                f,
                "no envoy binary: looked at {looked}; run 'make tools', or name the binary in \
                 DRILLGATE_ENVOY"
            ),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::EnvoyEnded { status, log } => {
                write!(
                    f,
                    "envoy ended by itself ({status}); the end of its log:\n{log}"
                )
            }
            Self::TimedOut {
                waited_for,
                limit,
                detail,
            } => {
                write!(f, "{waited_for}: not within {limit:?}")?;
                if detail.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; {detail}")
                }
            }
            Self::Admin { path, reason } => {
                write!(
                    f,
                    "unexpected answer of envoy's admin interface to {path}: {reason}"
                )
            }
            Self::Rejected { resource, reason } => {
                write!(f, "envoy rejected the {resource} configuration: {reason}")
            }
            Self::Database(reason) => f.write_str(reason),
            Self::Request { address, reason } => {
                write!(f, "no answer from {address}: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
