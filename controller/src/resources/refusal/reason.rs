//! The reasons, as conditions carry them. They are never renamed.

use crate::resources::conditions::{ACCEPTED, HOSTS_ACCEPTED, KEYS_RESOLVED};

/// Why a gate, a drill or a schedule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A Gateway that the gate names does not exist.
    GatewayNotFound,
    /// Pods serve a Gateway without the gate's filter.
    SelectorMismatch,
    /// The gate's policy would deny every connection to a server for TCP.
    PortsMissing,
    /// A protected namespace holds the gateway itself, or stands for the whole mesh.
    ProtectedNamespaceUnusable,
    /// A protected namespace has no sidecars that could read headers.
    ProtectedNamespaceAmbient,
    /// An owned host lies under the drill domain.
    OwnedHostUnderDomain,
    /// No server of a Gateway accepts the drill hosts.
    HostsNotAccepted,
    /// A Secret does not exist.
    SecretNotFound,
    /// A Secret has no such entry.
    SecretEntryNotFound,
    /// A key file names another key.
    KeyNameMismatch,
    /// An HS256 secret is shorter than its hash.
    KeyTooShort,
    /// A key of a type or algorithm that is not used here.
    KeyUnsupported,
    /// A text that is no key file.
    KeyInvalid,
    /// The gate of a drill does not exist.
    GateNotFound,
    /// The drill would last too long, or no time at all.
    TtlOutOfRange,
    /// A host lies under the drill domain.
    HostUnderDomain,
    /// A host is too long for a drill host to be made from it.
    HostTooLong,
    /// A host in owned mode that the gate does not list.
    HostNotOwned,
    /// The mode is not for gates of this kind.
    ModeUnsupported,
    /// Another drill is about the same host.
    HostInUse,
    /// A VirtualService that is not ours claims an owned host.
    HostClaimed,
    /// An owned route does not say where production is, or another one does.
    ProductionMisplaced,
    /// The sandbox is in a protected namespace.
    SandboxProtected,
    /// The sandbox is production.
    SandboxIsProduction,
    /// A check of a drill makes no sense.
    CheckInvalid,
    /// The times of a schedule cannot be read.
    ScheduleInvalid,
    /// The times of a schedule never come.
    ScheduleNeverDue,
    /// A time zone that is not known.
    TimeZoneUnknown,
}

impl Reason {
    /// The word that a condition carries.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::GatewayNotFound => "GatewayNotFound",
            Reason::SelectorMismatch => "SelectorMismatch",
            Reason::PortsMissing => "PortsMissing",
            Reason::ProtectedNamespaceUnusable => "ProtectedNamespaceUnusable",
            Reason::ProtectedNamespaceAmbient => "ProtectedNamespaceAmbient",
            Reason::OwnedHostUnderDomain => "OwnedHostUnderDomain",
            Reason::HostsNotAccepted => "HostsNotAccepted",
            Reason::SecretNotFound => "SecretNotFound",
            Reason::SecretEntryNotFound => "SecretEntryNotFound",
            Reason::KeyNameMismatch => "KeyNameMismatch",
            Reason::KeyTooShort => "KeyTooShort",
            Reason::KeyUnsupported => "KeyUnsupported",
            Reason::KeyInvalid => "KeyInvalid",
            Reason::GateNotFound => "GateNotFound",
            Reason::TtlOutOfRange => "TtlOutOfRange",
            Reason::HostUnderDomain => "HostUnderDomain",
            Reason::HostTooLong => "HostTooLong",
            Reason::HostNotOwned => "HostNotOwned",
            Reason::ModeUnsupported => "ModeUnsupported",
            Reason::HostInUse => "HostInUse",
            Reason::HostClaimed => "HostClaimed",
            Reason::ProductionMisplaced => "ProductionMisplaced",
            Reason::SandboxProtected => "SandboxProtected",
            Reason::SandboxIsProduction => "SandboxIsProduction",
            Reason::CheckInvalid => "CheckInvalid",
            Reason::ScheduleInvalid => "ScheduleInvalid",
            Reason::ScheduleNeverDue => "ScheduleNeverDue",
            Reason::TimeZoneUnknown => "TimeZoneUnknown",
        }
    }

    /// The condition of a gate that does not hold for this reason. A drill and a schedule know but
    /// `Accepted`.
    pub fn gate_condition(self) -> &'static str {
        match self {
            Reason::HostsNotAccepted => HOSTS_ACCEPTED,
            Reason::SecretNotFound
            | Reason::SecretEntryNotFound
            | Reason::KeyNameMismatch
            | Reason::KeyTooShort
            | Reason::KeyUnsupported
            | Reason::KeyInvalid => KEYS_RESOLVED,
            _ => ACCEPTED,
        }
    }
}
