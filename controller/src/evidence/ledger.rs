//! Where the requests of a drill went, from what each side has counted.

use super::record::{Count, Ledger};
use crate::proxy::Counts;

/// What the sender saw of the edge's answers.
const BY_VERDICT: &str = "answers that bear the edge's verdict";

/// The ledger of a drill whose requests were sent by those who kept `tallies`; what the sandbox and
/// production have counted, they say themselves.
///
/// What was sent without a tally, by a program that takes the header and not the proxy, is in none
/// of them.
pub fn ledger(tallies: &[Counts], sandbox: Count, production: Count) -> Ledger {
    let sum = |of: fn(&Counts) -> u64| {
        let numbers = tallies.iter().map(of);
        numbers.fold(0, u64::saturating_add)
    };
    let known = |number, source: &str| {
        if tallies.is_empty() {
            return unknown("no request went through drillgate's own client or proxy");
        }
        Count {
            number: Some(number),
            source: source.to_owned(),
        }
    };
    Ledger {
        sent: known(
            sum(|tally| tally.sent),
            "drillgate's client and proxy; what a command signs by itself is not in it",
        ),
        routed: known(sum(|tally| tally.routed), BY_VERDICT),
        refused: known(sum(|tally| tally.refused.values().sum()), BY_VERDICT),
        failed: known(sum(|tally| tally.sandbox_unreachable), BY_VERDICT),
        unanswered: known(
            sum(|tally| tally.unmarked + tally.failed + tally.unanswered),
            "no answer came, or one without the edge's verdict",
        ),
        sandbox,
        production,
    }
}

/// A number that nobody was asked for.
pub fn unknown(why: &str) -> Count {
    Count {
        number: None,
        source: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ledger, unknown};
    use crate::evidence::record::Count;
    use crate::proxy::Counts;

    fn counts(sent: u64, routed: u64, refused: &[(&str, u64)]) -> Counts {
        let refused = refused.iter();
        Counts {
            sent,
            routed,
            refused: refused
                .map(|(code, count)| ((*code).to_owned(), *count))
                .collect(),
            ..Counts::default()
        }
    }

    fn production(number: u64) -> Count {
        Count {
            number: Some(number),
            source: "its log".to_owned(),
        }
    }

    #[test]
    fn it_closes_over_all_who_sent() {
        let controls = counts(8, 0, &[("expired", 1), ("malformed", 7)]);
        let mut proxy = counts(10, 6, &[]);
        (proxy.sandbox_unreachable, proxy.unmarked, proxy.failed) = (2, 1, 1);
        let ledger = ledger(&[controls, proxy], unknown("not asked"), production(0));
        assert_eq!(ledger.sent.number, Some(18));
        assert_eq!(ledger.refused.number, Some(8));
        assert_eq!(ledger.unanswered.number, Some(2));
        assert_eq!(ledger.is_balanced(), Some(true));
        assert_eq!(ledger.sandbox.number, None);
    }

    #[test]
    fn without_anyone_who_counts_nothing_is_known() {
        let ledger = ledger(&[], unknown("not asked"), unknown("not asked"));
        assert_eq!(ledger.sent.number, None);
        assert_eq!(ledger.is_balanced(), None);
    }

    #[test]
    fn one_that_does_not_close_is_found() {
        let ledger = ledger(&[counts(3, 2, &[])], unknown(""), production(0));
        assert_eq!(ledger.is_balanced(), Some(false));
    }
}
