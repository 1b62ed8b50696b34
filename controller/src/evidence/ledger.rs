//! Where the requests of a drill went, from what each side has counted, and whether that closes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::Totals;
use crate::proxy::Counts;

/// What the sender saw of the edge's answers.
const BY_VERDICT: &str = "answers that bear the edge's verdict";

/// Where the requests of a drill went. A number that could not be found out is unknown, not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// Requests that were sent with the header.
    pub sent: Count,
    /// Those that the edge sent to the sandbox, and that were answered from there.
    pub routed: Count,
    /// Those that the edge refused.
    pub refused: Count,
    /// Those that the edge let through and that failed on the way to the sandbox.
    pub failed: Count,
    /// Those that were sent, and of whose answer nothing was seen.
    pub unanswered: Count,
    /// What the edge has recorded of the drill, whoever has sent it.
    pub edge: EdgeRecords,
    /// Requests that the sandbox says it has answered.
    pub sandbox: Count,
    /// Requests with the header that production has seen.
    pub production: Count,
}

/// A number of requests, and who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Count {
    /// How many; nothing if that is not known.
    pub number: Option<u64>,
    /// Where the number comes from, or why it is not known.
    pub source: String,
}

/// The edge's own audit records of the drill: of what a command has signed and sent by itself, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EdgeRecords {
    /// How many; nothing if they were not read.
    pub counts: Option<EdgeCounts>,
    /// Where they were read, or why they were not.
    pub source: String,
}

/// Audit records of one drill. Refused requests whose token did not hold belong to no drill, and are
/// in none of the numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EdgeCounts {
    /// The sandbox answered.
    pub routed: u64,
    /// The edge refused.
    pub refused: u64,
    /// Steered, and no answer of the sandbox came.
    pub failed: u64,
    /// The client went away first, or the verdict is one that this version does not know.
    pub unanswered: u64,
    /// Answered by something else than the drill's sandboxes: how many, by Envoy's cluster.
    pub elsewhere: BTreeMap<String, u64>,
}

/// What drillgate's clients and its proxy have counted, and what the others have.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// The tallies of whoever has sent requests.
    pub senders: Vec<Counts>,
    /// What the edge's log has.
    pub edge: EdgeRecords,
    /// What the sandbox has counted itself.
    pub sandbox: Count,
    /// What production has counted itself.
    pub production: Count,
}

impl Ledger {
    /// The ledger of a drill whose requests were counted by these.
    ///
    /// What was sent without a tally, by a program that takes the header and not the proxy, is in
    /// none of the senders' numbers; the edge's records have it.
    pub fn of(sides: Sides) -> Ledger {
        let senders = &sides.senders;
        let sum = |of: fn(&Counts) -> u64| {
            let numbers = senders.iter().map(of);
            numbers.fold(0, u64::saturating_add)
        };
        let known = |number, source: &str| match senders.is_empty() {
            true => Count::unknown("no request went through drillgate's own client or proxy"),
            false => Count::known(number, source),
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
            edge: sides.edge,
            sandbox: sides.sandbox,
            production: sides.production,
        }
    }

    /// Whether every request that was sent is accounted for; nothing if a number is not known.
    pub fn is_balanced(&self) -> Option<bool> {
        let numbers = [&self.routed, &self.refused, &self.failed, &self.unanswered];
        let numbers: Option<Vec<u64>> = numbers.iter().map(|count| count.number).collect();
        Some(numbers?.iter().sum::<u64>() == self.sent.number?)
    }

    pub(super) fn failures(&self) -> Vec<String> {
        let all = [
            self.leak(),
            self.gap(),
            self.stray(),
            self.silence(),
            self.detour(),
        ];
        all.into_iter().flatten().collect()
    }

    /// What production has seen of the drill.
    pub(super) fn leak(&self) -> Option<String> {
        let leaked = self.production.number.filter(|leaked| *leaked > 0)?;
        let source = &self.production.source;
        Some(format!(
            "production has seen {leaked} of the drill's requests ({source})"
        ))
    }

    /// Whether requests are unaccounted for.
    pub(super) fn gap(&self) -> Option<String> {
        (self.is_balanced() == Some(false)).then(|| {
            "the ledger does not close: requests sent are not those that were routed, refused, failed or left unanswered"
                .to_owned()
        })
    }

    /// Where else than to its sandboxes the edge has sent the drill.
    pub(super) fn stray(&self) -> Option<String> {
        let elsewhere = &self.edge.counts.as_ref()?.elsewhere;
        let each = elsewhere.iter();
        let each: Vec<String> = each
            .map(|(cluster, number)| format!("{number} to {cluster}"))
            .collect();
        (!each.is_empty()).then(|| {
            format!(
                "the edge has sent requests of the drill elsewhere than to its sandboxes: {}",
                each.join(", ")
            )
        })
    }

    /// Whether the edge's log lacks requests that bear its verdict.
    pub(super) fn silence(&self) -> Option<String> {
        let edge = self.edge.counts.as_ref()?;
        let (seen, recorded) = match (self.routed.number?, self.failed.number?) {
            (routed, _) if edge.routed < routed => (routed, edge.routed),
            (_, failed) if edge.failed < failed => (failed, edge.failed),
            _ => return None,
        };
        Some(format!(
            "{seen} answers bear a verdict of the edge that its log has {recorded} times ({}): the log is not whole, or somebody else has answered",
            self.edge.source
        ))
    }

    /// Whether somebody else than the sandbox has answered.
    pub(super) fn detour(&self) -> Option<String> {
        let (routed, sandbox) = (self.all_routed()?, self.sandbox.number?);
        (routed > sandbox).then(|| {
            format!(
                "{routed} requests were answered through the drill's route, and the sandbox has answered {sandbox} ({})",
                self.sandbox.source
            )
        })
    }

    /// By the edge's records, which have the requests of those, too, who keep no tally; or by the
    /// answers that were seen.
    pub(super) fn all_routed(&self) -> Option<u64> {
        let recorded = self.edge.counts.as_ref().map(|edge| edge.routed);
        recorded.max(self.routed.number)
    }

    /// Each number with its name, for reports.
    pub(super) fn rows(&self) -> Vec<(&'static str, Count)> {
        let mut rows = vec![
            ("Sent with the header", self.sent.clone()),
            ("Routed to the sandbox", self.routed.clone()),
            ("Refused by the edge", self.refused.clone()),
            ("Failed on the way", self.failed.clone()),
            ("Without an answer", self.unanswered.clone()),
        ];
        rows.extend(self.edge.rows());
        rows.extend([
            ("Answered by the sandbox", self.sandbox.clone()),
            ("Seen by production", self.production.clone()),
        ]);
        rows
    }
}

impl Count {
    /// A number, and who says so.
    pub fn known(number: u64, source: &str) -> Count {
        Count {
            number: Some(number),
            source: source.to_owned(),
        }
    }

    /// A number that nobody knows, and why.
    pub fn unknown(why: &str) -> Count {
        Count {
            number: None,
            source: why.to_owned(),
        }
    }
}

impl EdgeRecords {
    /// The records of a drill whose sandboxes these are, hosts as the drill names them.
    pub fn of(totals: &Totals, sandboxes: &[String], source: &str) -> EdgeRecords {
        let strange = totals.clusters.iter();
        let strange = strange.filter(|(cluster, _)| !leads_to(cluster, sandboxes));
        EdgeRecords {
            counts: Some(EdgeCounts {
                routed: totals.routed,
                refused: totals.all_refused(),
                failed: totals.sandbox_unreachable,
                unanswered: totals.unanswered.saturating_add(totals.other),
                elsewhere: strange
                    .map(|(cluster, number)| (cluster.clone(), *number))
                    .collect(),
            }),
            source: source.to_owned(),
        }
    }

    /// Records that nobody has read, and why.
    pub fn unknown(why: &str) -> EdgeRecords {
        EdgeRecords {
            counts: None,
            source: why.to_owned(),
        }
    }

    fn rows(&self) -> Vec<(&'static str, Count)> {
        let Some(counts) = &self.counts else {
            return vec![("Recorded by the edge", Count::unknown(&self.source))];
        };
        let known = |number| Count::known(number, &self.source);
        vec![
            ("Recorded by the edge: routed", known(counts.routed)),
            ("Recorded by the edge: refused", known(counts.refused)),
            ("Recorded by the edge: failed", known(counts.failed)),
            ("Recorded by the edge: no answer", known(counts.unanswered)),
        ]
    }
}

/// Whether a cluster of Envoy's leads to one of these hosts. Istio calls its own
/// `outbound|8080||orders.orders-dr.svc.cluster.local`; of a cluster with another name nothing is
/// known.
fn leads_to(cluster: &str, hosts: &[String]) -> bool {
    let Some(istios) = cluster.strip_prefix("outbound|") else {
        return true;
    };
    let host = istios.split('|').nth(2);
    host.is_none_or(|host| hosts.iter().any(|sandbox| sandbox == host))
}

#[cfg(test)]
mod tests {
    use super::{Count, EdgeCounts, EdgeRecords, Ledger, Sides, leads_to};
    use crate::audit::Totals;
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

    fn ledger(senders: &[Counts], edge: EdgeRecords, sandbox: Option<u64>) -> Ledger {
        let count = |number: Option<u64>| match number {
            Some(number) => Count::known(number, "its log"),
            None => Count::unknown("not asked"),
        };
        Ledger::of(Sides {
            senders: senders.to_vec(),
            edge,
            sandbox: count(sandbox),
            production: count(Some(0)),
        })
    }

    fn recorded(routed: u64, failed: u64, clusters: &[(&str, u64)]) -> EdgeRecords {
        let clusters = clusters.iter();
        let totals = Totals {
            routed,
            sandbox_unreachable: failed,
            clusters: clusters
                .map(|(cluster, number)| ((*cluster).to_owned(), *number))
                .collect(),
            ..Totals::default()
        };
        EdgeRecords::of(&totals, &["orders.dr.svc.cluster.local".to_owned()], "log")
    }

    fn unread() -> EdgeRecords {
        EdgeRecords::unknown("not read")
    }

    #[test]
    fn it_closes_over_all_who_sent() {
        let controls = counts(8, 0, &[("expired", 1), ("malformed", 7)]);
        let mut proxy = counts(10, 6, &[]);
        (proxy.sandbox_unreachable, proxy.unmarked, proxy.failed) = (2, 1, 1);
        let ledger = ledger(&[controls, proxy], unread(), None);
        assert_eq!(ledger.sent.number, Some(18));
        assert_eq!(ledger.refused.number, Some(8));
        assert_eq!(ledger.unanswered.number, Some(2));
        assert_eq!(ledger.is_balanced(), Some(true));
        assert_eq!(ledger.sandbox.number, None);
    }

    #[test]
    fn without_anyone_who_counts_nothing_is_known() {
        let ledger = ledger(&[], unread(), None);
        assert_eq!(ledger.sent.number, None);
        assert_eq!(ledger.is_balanced(), None);
    }

    #[test]
    fn one_that_does_not_close_is_found() {
        let ledger = ledger(&[counts(3, 2, &[])], unread(), None);
        assert_eq!(ledger.is_balanced(), Some(false));
    }

    #[test]
    fn the_edges_records_have_what_a_command_sent_by_itself() {
        let sender = [counts(3, 3, &[])];
        let whole = ledger(&sender, recorded(5, 0, &[]), Some(5));
        assert_eq!(whole.failures(), [""; 0]);
        let lost = ledger(&sender, recorded(5, 0, &[]), Some(4)).failures();
        assert!(
            lost[0].starts_with("5 requests were answered through"),
            "{lost:?}"
        );
    }

    #[test]
    fn an_answer_with_a_verdict_that_the_edge_has_not_recorded_is_found() {
        let mut sender = counts(5, 3, &[]);
        sender.sandbox_unreachable = 2;
        for (routed, failed, told) in [(2, 2, "3 answers"), (3, 1, "2 answers")] {
            let failures =
                ledger(&[sender.clone()], recorded(routed, failed, &[]), None).failures();
            assert!(failures[0].starts_with(told), "{failures:?}");
        }
        let whole = ledger(&[sender], recorded(3, 2, &[]), None);
        assert_eq!(whole.failures(), [""; 0]);
    }

    #[test]
    fn a_request_that_went_elsewhere_than_to_the_sandbox_is_found() {
        let own = "outbound|8080||orders.dr.svc.cluster.local";
        let right = recorded(3, 0, &[(own, 3)]);
        assert_eq!(right.counts.as_ref().unwrap().elsewhere.len(), 0);
        let production = "outbound|80|v2|orders.shop.svc.cluster.local";
        let ledger = ledger(&[], recorded(5, 0, &[(own, 3), (production, 2)]), None);
        let failures = ledger.failures();
        assert!(
            failures[0].ends_with(&format!("2 to {production}")),
            "{failures:?}"
        );
        // Of another mesh's names nothing is known.
        assert!(leads_to("sandbox", &[]));
    }

    #[test]
    fn what_was_not_read_is_one_row_and_unknown() {
        let count = |ledger: &Ledger| {
            let rows = ledger.rows();
            let ours = rows.iter().filter(|(name, _)| name.starts_with("Recorded"));
            ours.map(|(_, count)| count.number).collect::<Vec<_>>()
        };
        assert_eq!(count(&ledger(&[], unread(), None)), [None]);
        let read = ledger(&[], recorded(5, 1, &[]), None);
        assert_eq!(count(&read), [Some(5), Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn counts_of_the_edge_are_read_strictly() {
        let text = r#"{"routed":1,"refused":0,"failed":0,"unanswered":0,"elsewhere":{},"more":1}"#;
        assert!(serde_json::from_str::<EdgeCounts>(text).is_err());
    }
}
