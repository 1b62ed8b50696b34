//! How many requests went through, and what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::verdict::Verdict;

/// A count that goes on while it is read; each reading is of one moment.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// A reading of a [`Tally`].
///
/// What was sent is the sum of what became of it, and of what is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Requests that were signed and sent to the upstream.
    pub sent: u64,
    /// The sandbox answered.
    pub routed: u64,
    /// The edge refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// The edge could not reach the sandbox.
    pub sandbox_unreachable: u64,
    /// Something answered that is no drill edge. Such an answer is not handed on.
    pub unmarked: u64,
    /// The upstream could not be reached, or broke off before it answered.
    pub failed: u64,
    /// The client went away before there was an answer.
    pub unanswered: u64,
    /// Requests that the proxy answered itself and did not send: those for a tunnel, and those
    /// that it could not sign.
    pub unsent: u64,
}

/// A request that is under way. Dropped, it counts as [`Verdict::Unanswered`].
#[derive(Debug)]
pub(crate) struct UnderWay {
    tally: Arc<Tally>,
    verdict: Verdict,
}

impl Tally {
    /// The counts of this moment.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// Counts a request as sent.
    pub(crate) fn send(self: &Arc<Self>) -> UnderWay {
        self.lock().sent += 1;
        UnderWay {
            tally: Arc::clone(self),
            verdict: Verdict::Unanswered,
        }
    }

    /// Counts a request that is not sent.
    pub(super) fn keep_back(&self) {
        self.lock().unsent += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Ends with this verdict.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.tally.lock().of(&self.verdict) += 1;
    }
}

impl Counts {
    fn of(&mut self, verdict: &Verdict) -> &mut u64 {
        match verdict {
            Verdict::Routed => &mut self.routed,
            Verdict::SandboxUnreachable => &mut self.sandbox_unreachable,
            Verdict::Refused(code) => self.refused.entry(code.clone()).or_default(),
            Verdict::Unmarked => &mut self.unmarked,
            Verdict::Failed => &mut self.failed,
            Verdict::Unanswered => &mut self.unanswered,
        }
    }
}

/// One line; what did not happen is left out, but for the requests and the sandbox's answers.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent: {} routed", self.sent, self.routed)?;
        let refused = self
            .refused
            .iter()
            .map(|(code, count)| (code.as_str(), *count));
        let others = [
            ("sandbox-unreachable", self.sandbox_unreachable),
            ("unmarked", self.unmarked),
            ("failed", self.failed),
            ("unanswered", self.unanswered),
        ];
        for (what, count) in refused.chain(others).filter(|(_, count)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        if self.unsent > 0 {
            write!(f, "; {} not sent", self.unsent)?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Tally, Verdict};

    fn counted(verdicts: impl IntoIterator<Item = Verdict>) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        for verdict in verdicts {
            tally.send().end(verdict);
        }
        tally
    }

    #[test]
    fn a_request_counts_once_as_sent_and_once_as_what_became_of_it() {
        let refused = |code: &str| Verdict::Refused(code.to_owned());
        let tally = counted([
            Verdict::Routed,
            Verdict::Routed,
            refused("expired"),
            refused("drill-over"),
            refused("expired"),
            Verdict::SandboxUnreachable,
            Verdict::Unmarked,
            Verdict::Failed,
        ]);
        tally.keep_back();
        drop(tally.send());
        assert_eq!(
            serde_json::to_value(tally.counts()).unwrap(),
            json!({
                "sent": 9,
                "routed": 2,
                "refused": {"drill-over": 1, "expired": 2},
                "sandboxUnreachable": 1,
                "unmarked": 1,
                "failed": 1,
                "unanswered": 1,
                "unsent": 1,
            })
        );
        assert_eq!(
            tally.to_string(),
            "9 sent: 2 routed, 1 drill-over, 2 expired, 1 sandbox-unreachable, 1 unmarked, \
             1 failed, 1 unanswered; 1 not sent"
        );
    }

    #[test]
    fn a_request_that_is_under_way_counts_as_sent_only() {
        let tally = counted([]);
        let under_way = tally.send();
        assert_eq!(tally.to_string(), "1 sent: 0 routed");
        under_way.end(Verdict::Routed);
        assert_eq!(tally.to_string(), "1 sent: 1 routed");
    }
}
