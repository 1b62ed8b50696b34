//! What became of a drill request.

use drill_context::Reason;

/// Why the filter refuses a request: the token's own faults, and those of the request
/// around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The drill context is refused.
    Context(Reason),
    /// The client named a drill host itself. Only the filter may.
    SpoofedAuthority,
    /// The authority is missing or is no host name that could be steered.
    BadAuthority,
    /// The drill is not about this host.
    UncoveredHost,
    /// The filter has no configuration, or the proxy did not do what it was asked. The fault
    /// is ours, and the request is not let through for that.
    EdgeError,
}

impl Refusal {
    /// The stable code: a [`Reason`]'s own, or `spoofed-authority`, `bad-authority`,
    /// `uncovered-host`, `edge-error`.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::Context(reason) => reason.code(),
            Refusal::SpoofedAuthority => "spoofed-authority",
            Refusal::BadAuthority => "bad-authority",
            Refusal::UncoveredHost => "uncovered-host",
            Refusal::EdgeError => "edge-error",
        }
    }

    /// One sentence for a person: what is wrong and what mends it.
    pub const fn explanation(self) -> &'static str {
        match self {
            Refusal::Context(reason) => reason.explanation(),
            Refusal::SpoofedAuthority => {
                "name the service's own host: a drill host is chosen by the gateway"
            }
            Refusal::BadAuthority => "the Host header must be a DNS name, with or without a port",
            Refusal::UncoveredHost => "the drill does not cover this host",
            Refusal::EdgeError => "the gateway's drill filter cannot decide: see the gateway's log",
        }
    }

    /// The HTTP status of the refusal: 403, or 503 where the fault is ours.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::EdgeError => 503,
            _ => 403,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        Refusal::Context(reason)
    }
}

/// What became of a drill request. The code is the value of `x-drill-verdict`, the name of
/// the counter, and one of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The sandbox answered.
    Routed,
    /// Steered, but the sandbox could not be reached or did not answer in time.
    SandboxUnreachable,
    /// Steered, but the client went away before there was an answer.
    Unanswered,
    /// A probe, answered by the filter.
    Probe,
    /// Refused by the filter.
    Refused(Refusal),
}

impl Verdict {
    /// Every verdict: the label set of the counters.
    pub fn all() -> impl Iterator<Item = Verdict> {
        [
            Verdict::Routed,
            Verdict::SandboxUnreachable,
            Verdict::Unanswered,
            Verdict::Probe,
            Verdict::Refused(Refusal::SpoofedAuthority),
            Verdict::Refused(Refusal::BadAuthority),
            Verdict::Refused(Refusal::UncoveredHost),
            Verdict::Refused(Refusal::EdgeError),
        ]
        .into_iter()
        .chain(Reason::ALL.map(|reason| Verdict::Refused(Refusal::Context(reason))))
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Verdict::Routed => "routed",
            Verdict::SandboxUnreachable => "sandbox-unreachable",
            Verdict::Unanswered => "unanswered",
            Verdict::Probe => "probe",
            Verdict::Refused(refusal) => refusal.code(),
        }
    }

    /// The code without the reason: `refused` for every refusal.
    pub const fn class(self) -> &'static str {
        match self {
            Verdict::Refused(_) => "refused",
            other => other.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn codes_are_distinct() {
        let mut codes: Vec<_> = Verdict::all().map(Verdict::code).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn the_documentation_lists_every_code_with_its_status() {
        let document = include_str!("../../docs/filter.md");
        for verdict in Verdict::all() {
            let status = match verdict {
                Verdict::Routed => "the sandbox's".to_owned(),
                Verdict::SandboxUnreachable => "503".to_owned(),
                Verdict::Probe => "200".to_owned(),
                Verdict::Refused(refusal) => refusal.status().to_string(),
                // The client is gone: no one gets it.
                Verdict::Unanswered => continue,
            };
            let row = format!("\n| `{}` | {status} |", verdict.code());
            assert!(document.contains(&row), "{row}");
        }
        assert!(document.contains("`unanswered`"));
    }
}
