//! What a heap of records says of each drill.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::record::Record;

/// Records by drill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// By the drill's UUID. Refused requests whose token did not hold belong to none.
    pub drills: BTreeMap<String, Totals>,
    /// Of requests that name no drill that could be believed.
    pub unattributed: Totals,
    /// Records that were there before, in full: a log that was shipped twice.
    pub repeated: u64,
    #[serde(skip)]
    seen: BTreeSet<[u8; 32]>,
}

/// How many requests, and what became of them. Probes are no requests of a drill, and not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// All.
    pub requests: u64,
    /// The sandbox answered.
    pub routed: u64,
    /// The edge refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Steered, and no answer of the sandbox came.
    pub sandbox_unreachable: u64,
    /// The client went away first.
    pub unanswered: u64,
    /// Verdicts that this version does not know.
    pub other: u64,
    /// Where the routed ones went, as far as their records say: how many, by Envoy's cluster.
    pub clusters: BTreeMap<String, u64>,
}

impl Account {
    /// Counts a record, unless the very same was there before. (Without a request's name of its own
    /// nothing can be told apart, and all are counted.)
    pub fn add(&mut self, record: &Record) {
        if record.verdict == "probe" {
            return;
        }
        let whole = Sha256::digest(serde_json::to_vec(record).unwrap_or_default());
        if record.request_id.is_some() && !self.seen.insert(whole.into()) {
            self.repeated += 1;
            return;
        }
        match &record.drill {
            Some(drill) => self.drills.entry(drill.clone()).or_default().add(record),
            None => self.unattributed.add(record),
        }
    }

    /// Why the records of `drill` do not account for `sent` requests; nothing if they do.
    pub fn gap(&self, drill: &str, sent: u64) -> Option<String> {
        let recorded = self.drills.get(drill).map_or(0, |totals| totals.requests);
        let (more, what) = match recorded.cmp(&sent) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => (sent - recorded, "are missing"),
            std::cmp::Ordering::Greater => (recorded - sent, "too many"),
        };
        Some(format!(
            "drill {drill}: {sent} requests were sent, and {recorded} records are there: {more} {what}"
        ))
    }
}

/// Counts them all.
impl FromIterator<Record> for Account {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Account {
        let mut account = Account::default();
        for record in records {
            account.add(&record);
        }
        account
    }
}

impl Totals {
    fn add(&mut self, record: &Record) {
        self.requests += 1;
        let count = match record.verdict.as_str() {
            "routed" => &mut self.routed,
            "sandbox-unreachable" => &mut self.sandbox_unreachable,
            "unanswered" => &mut self.unanswered,
            "refused" => {
                let code = record.reason.clone().unwrap_or_default();
                self.refused.entry(code).or_default()
            }
            _ => &mut self.other,
        };
        *count += 1;
        if record.verdict == "routed"
            && let Some(cluster) = &record.upstream_cluster
        {
            *self.clusters.entry(cluster.clone()).or_default() += 1;
        }
    }

    /// All that were refused.
    pub fn all_refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Record};

    fn record(verdict: &str, drill: Option<&str>, request: &str) -> Record {
        Record {
            verdict: verdict.to_owned(),
            drill: drill.map(str::to_owned),
            reason: (verdict == "refused").then(|| "expired".to_owned()),
            request_id: Some(request.to_owned()),
            upstream_cluster: Some("outbound|8080||orders".to_owned()),
            ..Record::default()
        }
    }

    fn account(records: &[Record]) -> Account {
        records.iter().cloned().collect()
    }

    #[test]
    fn each_request_is_counted_once_and_for_its_drill() {
        let account = account(&[
            record("routed", Some("a"), "1"),
            record("refused", Some("a"), "2"),
            record("refused", None, "3"),
            record("probe", Some("a"), "4"),
            record("routed", Some("b"), "5"),
            record("routed", Some("a"), "1"),
            record("sandbox-unreachable", Some("a"), "6"),
            record("unanswered", Some("a"), "7"),
            record("new-verdict", Some("a"), "8"),
        ]);
        let a = &account.drills["a"];
        assert_eq!((a.requests, a.routed, a.all_refused()), (5, 1, 1));
        assert_eq!((a.sandbox_unreachable, a.unanswered, a.other), (1, 1, 1));
        assert_eq!(a.refused["expired"], 1);
        assert_eq!(a.clusters["outbound|8080||orders"], 1);
        assert_eq!(account.drills["b"].requests, 1);
        assert_eq!(account.unattributed.requests, 1);
        assert_eq!(account.repeated, 1);
    }

    #[test]
    fn a_gap_says_in_which_direction() {
        let account = account(&[
            record("routed", Some("a"), "1"),
            record("routed", Some("a"), "2"),
        ]);
        assert_eq!(account.gap("a", 2), None);
        assert!(
            account
                .gap("a", 3)
                .unwrap()
                .ends_with("2 records are there: 1 are missing")
        );
        assert!(account.gap("a", 1).unwrap().ends_with("1 too many"));
        assert!(account.gap("b", 1).unwrap().contains("0 records"));
    }
}
