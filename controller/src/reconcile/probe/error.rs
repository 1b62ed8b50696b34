//! Why a probe came to nothing.

use std::fmt;
use std::time::Duration;

/// Why it is not known what a gateway runs with. No variant holds the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeError {
    /// The gateway's name stands for no address.
    Unresolved {
        /// The name and port.
        address: String,
        /// The resolver's reason.
        reason: String,
    },
    /// The host or the token cannot be sent in a header, or the host is no TLS server name.
    Unaskable {
        /// What is wrong.
        reason: String,
    },
    /// No connection.
    Unreachable {
        /// The reason of the operating system.
        reason: String,
    },
    /// No TLS session: most likely the certificate is none for the host, or nobody vouches for it.
    Tls {
        /// The reason.
        reason: String,
    },
    /// The connection broke before there was an answer.
    BrokenOff {
        /// The reason.
        reason: String,
    },
    /// Not within the limit.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The filter refused the token.
    Refused {
        /// The status.
        status: u16,
        /// The filter's code, such as `unknown-key`.
        code: String,
    },
    /// The gate's policy is not at this gateway yet: the probe was not sent, since production would
    /// see it.
    Unprotected {
        /// The status of what the policy would have refused with 403.
        status: u16,
    },
    /// Something answered, and it was not the filter.
    NoFilter {
        /// The status.
        status: u16,
    },
    /// The filter's answer cannot be read.
    Garbled {
        /// What is wrong with it.
        reason: String,
    },
}

impl ProbeError {
    /// Whether something answered, though not as the filter would.
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Unprotected { .. }
                | Self::NoFilter { .. }
                | Self::Garbled { .. }
        )
    }

    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "Unresolved",
            Self::Unaskable { .. } => "Unaskable",
            Self::Unreachable { .. } => "Unreachable",
            Self::Tls { .. } => "Tls",
            Self::BrokenOff { .. } => "BrokenOff",
            Self::TimedOut { .. } => "TimedOut",
            Self::Refused { .. } => "Refused",
            Self::Unprotected { .. } => "Unprotected",
            Self::NoFilter { .. } => "NoFilter",
            Self::Garbled { .. } => "Garbled",
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved { address, reason } => {
                write!(f, "{address} stands for no address: {reason}")
            }
            Self::Unaskable { reason } => write!(f, "the probe cannot be sent: {reason}"),
            Self::Unreachable { reason } => write!(f, "the gateway cannot be reached: {reason}"),
            Self::Tls { reason } => write!(f, "no TLS with the gateway: {reason}"),
            Self::BrokenOff { reason } => write!(f, "no answer: {reason}"),
            Self::TimedOut { limit } => write!(f, "no answer within {limit:?}"),
            Self::Refused { status, code } => {
                write!(f, "the filter refused the probe with {status}, {code}")
            }
            Self::Unprotected { status } => write!(
                f,
                "the gate's policy is not there yet: a request for a drill's host without the header \
                 got status {status} in place of 403, so the probe was not sent"
            ),
            // The guard refuses what has the header and was not steered.
            Self::NoFilter { status: 403 } => f.write_str(
                "the filter is not loaded: not the filter refused the probe (status 403), but \
                 most likely the guard",
            ),
            Self::NoFilter { status } => write!(
                f,
                "production answered (status {status}): the filter is not loaded"
            ),
            Self::Garbled { reason } => write!(f, "the filter's answer cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for ProbeError {}
