//! What was sent, against what arrived, was answered and was recorded.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drillgate_tests::audit::whole_lines;
use drillgate_tests::load::{CLIENTS, Kind, Sent, Visit, Visits};
use drillgate_tests::{Harness, SANDBOX};
use serde_json::Value;
use tokio::time::sleep;

pub const PRODUCTION: &str = "200 production";
pub const ROUTED: &str = "200 routed sandbox";
pub const UNREACHABLE: &str = "503 sandbox-unreachable";
pub const UNKNOWN_DRILL: &str = "403 unknown-drill";
pub const UNKNOWN_KEY: &str = "403 unknown-key";

/// How often a drill request may come to the sandbox: once, and two retries.
const TRIES: u64 = 3;

/// How long the last audit record may take on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The outcome that each kind of valid request has in one stage of the load.
pub type Stage = BTreeMap<Kind, &'static str>;

/// A load that has ended, and all that is known about it.
pub struct Ledger {
    pub sent: Vec<Sent>,
    pub harness: Harness,
    pub visits: Visits,
    pub stages: BTreeMap<u64, Stage>,
    pub kept_connections: u64,
    pub hand_overs: u64,
}

impl Ledger {
    /// Production received and answered each request without the header once, and no other. The
    /// sandbox answered each routed request once and no other; it received, unanswered, none but
    /// valid ones of the active drill, as often as they may be tried. Nothing else arrived.
    pub fn assert_exact(&self) {
        let mut production = self.visits.of("production");
        let mut sandbox = self.visits.of(SANDBOX);
        let (mut at_production, mut in_sandbox) = (0, 0);
        for sent in &self.sent {
            assert!(allowed(sent.kind).contains(&&*sent.outcome), "{sent:?}");
            let served = production.remove(&sent.path).unwrap_or_default();
            let once = u64::from(sent.kind == Kind::Plain);
            let expected = Visit {
                received: once,
                answered: once,
            };
            assert_eq!(served, expected, "by production: {sent:?}");
            at_production += once;

            let served = sandbox.remove(&sent.path).unwrap_or_default();
            let routed = u64::from(sent.outcome == ROUTED);
            let tries = if sent.outcome == UNREACHABLE {
                TRIES
            } else {
                routed * TRIES
            };
            assert_eq!(served.answered, routed, "by the sandbox: {sent:?}");
            assert!(
                (routed..=tries).contains(&served.received),
                "{served:?} by the sandbox: {sent:?}"
            );
            in_sandbox += served.received;
        }
        assert!(production.is_empty(), "never sent: {production:?}");
        assert!(sandbox.is_empty(), "never sent: {sandbox:?}");
        assert_eq!(self.harness.production.total(), at_production);
        assert_eq!(self.harness.sandbox.total(), in_sandbox);
        assert_eq!(self.harness.production.drill_requests(), 0);
    }

    /// No connection of a client ended but by a hand-over.
    pub fn assert_connections_lasted(&self) {
        assert_eq!(self.kept_connections, CLIENTS * (1 + self.hand_overs));
    }

    /// Each stage had valid requests by each key, and all of them had the outcome of the stage.
    pub fn assert_stages(&self) {
        for (number, stage) in &self.stages {
            let of_stage = |sent: &&Sent| sent.stage == Some(*number);
            let of_stage: Vec<&Sent> = self.sent.iter().filter(of_stage).collect();
            for (kind, outcome) in stage {
                let mut of_kind = of_stage.iter().filter(|sent| sent.kind == *kind).peekable();
                assert!(of_kind.peek().is_some(), "no {kind:?} for {outcome}");
                for sent in of_kind {
                    assert_eq!(sent.outcome, *outcome, "{sent:?}");
                }
            }
        }
    }

    /// Each drill request has one audit record in one of the logs, which says the same outcome.
    pub async fn assert_recorded(&self) {
        let is_drill = |sent: &&Sent| sent.kind != Kind::Plain;
        let outcomes = self.sent.iter().filter(is_drill);
        let mut outcomes: BTreeMap<&str, &str> =
            outcomes.map(|sent| (&*sent.path, &*sent.outcome)).collect();
        for record in self.records(outcomes.len()).await {
            let path = record["path"].as_str().unwrap();
            let outcome = outcomes.remove(path);
            assert_eq!(outcome, Some(&*recorded_outcome(&record)), "{record}");
        }
        let missing = outcomes.first_key_value();
        assert_eq!(missing, None, "one of {} without record", outcomes.len());
    }

    /// The audit records of the load, once there are at least `due` or no more come.
    async fn records(&self, due: usize) -> Vec<Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let logs = self.harness.gateway.logs().unwrap();
            let lines = logs.iter().flat_map(|log| whole_lines(log));
            let records = lines.filter(|line| line.contains(r#""path":"/load/"#));
            let records: Vec<&str> = records.collect();
            if records.len() >= due || Instant::now() > deadline {
                let record = |line: &&str| line[line.find('{').unwrap()..].to_owned();
                let records = records.iter().map(record);
                return records
                    .map(|text| serde_json::from_str(&text).unwrap())
                    .collect();
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The outcomes that a request of this kind may have.
fn allowed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Plain => &[PRODUCTION],
        Kind::Valid => &[ROUTED, UNREACHABLE, UNKNOWN_DRILL],
        Kind::ValidByOther => &[ROUTED, UNREACHABLE, UNKNOWN_DRILL, UNKNOWN_KEY],
        Kind::Forged => &["403 bad-signature"],
        Kind::Expired => &["403 expired"],
        Kind::Duplicate => &["403 duplicate-header"],
        // Who is asked for is looked at last.
        Kind::Spoofed => &["403 spoofed-authority", UNKNOWN_DRILL],
    }
}

/// What the client got, by the record.
fn recorded_outcome(record: &Value) -> String {
    match record["verdict"].as_str().unwrap() {
        "routed" => ROUTED.to_owned(),
        "refused" => format!("403 {}", record["reason"].as_str().unwrap()),
        verdict => format!("{} {verdict}", record["status"]),
    }
}
