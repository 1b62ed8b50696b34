//! Puts a [`Record`] together while a drill runs. Times are passed in.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use super::ledger::{Ledger, Sides};
use super::record::{
    Control, DrillFacts, Event, MadeObject, ObjectiveResult, Record, Stage, VERSION,
};
use crate::api::{Objectives, Severity};
use crate::checks::outcome::{Outcome, Verdict};
use crate::checks::recovery_point;
use crate::controls::SANDBOX_AWAY;
use crate::digest::digest_of;

/// A record that is being put together.
#[derive(Debug)]
pub struct Recorder(Record);

impl Recorder {
    /// A record of a run that begins now.
    pub fn new(drill: DrillFacts, now: Time) -> Recorder {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Recorder(Record {
            version: VERSION.to_owned(),
            drill,
            started_at: now.clone(),
            ended_at: now,
            timeline: Vec::new(),
            checks: Vec::new(),
            controls: Vec::new(),
            ledger: Ledger::default(),
            objectives: Vec::new(),
            objects: Vec::new(),
            residue: Vec::new(),
            not_tested: Vec::new(),
            versions: BTreeMap::from([("drillgate".to_owned(), version)]),
            errors: Vec::new(),
        })
    }

    /// Something happened.
    pub fn happened(&mut self, stage: Stage, what: &str, started_at: Time, ended_at: Time) {
        self.0.timeline.push(Event {
            stage,
            what: what.to_owned(),
            started_at,
            ended_at,
        });
    }

    /// An object was applied, in these words.
    pub fn made(&mut self, object: String, applied: &Value) {
        self.0.objects.push(MadeObject {
            object,
            sha256: digest_of(applied.to_string().as_bytes()),
        });
    }

    /// Something that took part has this version.
    pub fn version(&mut self, of: &str, version: &str) {
        self.0.versions.insert(of.to_owned(), version.to_owned());
    }

    /// This went wrong beside the checks.
    pub fn error(&mut self, error: String) {
        self.0.errors.push(error);
    }

    /// The checks came to this.
    pub fn checks(&mut self, outcomes: &[Outcome]) {
        self.0.checks.extend_from_slice(outcomes);
    }

    /// The controls came to this.
    pub fn controls(&mut self, controls: &[Control]) {
        self.0.controls.extend_from_slice(controls);
    }

    /// This is what everyone has counted.
    pub fn requests(&mut self, sides: Sides) {
        self.0.ledger = Ledger::of(sides);
    }

    /// This is still there, and should not be.
    pub fn left(&mut self, objects: impl IntoIterator<Item = String>) {
        self.0.residue.extend(objects);
    }

    /// Measures what was wanted of the drill as a whole, for a recovery that began then.
    pub fn measure(&mut self, wanted: &Objectives, recovery: &Time) {
        let results = [
            rto(wanted, &self.0.checks, recovery),
            rpo(wanted, &self.0.checks),
        ];
        self.0.objectives = results.into_iter().flatten().collect();
    }

    /// Why objectives were not met, a sentence each.
    pub fn missed(&self) -> Vec<String> {
        let objectives = self.0.objectives.iter();
        objectives.filter_map(ObjectiveResult::failure).collect()
    }

    /// The record of a run that ends now.
    pub fn end(mut self, now: Time) -> Record {
        self.0.ended_at = now;
        self.0.not_tested = not_tested(&self.0);
        self.0
    }
}

/// From the beginning of the recovery to the moment at which the last required check has passed.
fn rto(wanted: &Objectives, checks: &[Outcome], recovery: &Time) -> Option<ObjectiveResult> {
    let wanted = wanted.rto.as_ref()?;
    let required = || {
        let all = checks.iter();
        all.filter(|check| check.severity == Severity::Required)
    };
    let failed: Vec<&str> = required()
        .filter(|check| check.verdict != Verdict::Passed)
        .map(|check| check.name.as_str())
        .collect();
    let last = required().filter_map(|check| check.ended_at.as_ref());
    let last = last.map(|ended| ended.0).max();
    let (reached, how) = match last {
        _ if !failed.is_empty() => (
            None,
            format!("not all required checks have passed: {}", failed.join(", ")),
        ),
        None => (None, "the drill has no required check".to_owned()),
        Some(last) => (
            Some(seconds(recovery, last)),
            format!(
                "from the beginning of the recovery at {} until all required checks had passed",
                crate::resources::metadata::rfc3339(recovery)
            ),
        ),
    };
    Some(ObjectiveResult {
        name: "RTO".to_owned(),
        wanted_seconds: Some(wanted.as_secs().into()),
        reached_seconds: reached,
        how,
    })
}

/// The age of the newest restored data, as checks of the kind freshness have found it.
fn rpo(wanted: &Objectives, checks: &[Outcome]) -> Option<ObjectiveResult> {
    let wanted = wanted.rpo.as_ref()?;
    let reached = recovery_point(checks);
    let how = match reached {
        Some(_) => "from the newest restored data to the beginning of the recovery",
        None => "no check has measured the age of the newest restored data",
    };
    Some(ObjectiveResult {
        name: "RPO".to_owned(),
        wanted_seconds: Some(wanted.as_secs().into()),
        reached_seconds: reached,
        how: how.to_owned(),
    })
}

/// Whole seconds, and one more for a part of one: what takes longer than wanted is never as wanted.
fn seconds(from: &Time, to: k8s_openapi::jiff::Timestamp) -> u64 {
    let took = to.duration_since(from.0);
    let part = i64::from(took.subsec_nanos() > 0);
    u64::try_from(took.as_secs().saturating_add(part)).unwrap_or(0)
}

/// What a run has left open, a sentence for each.
fn not_tested(record: &Record) -> Vec<String> {
    let ledger = &record.ledger;
    let open = [
        (
            record.checks.is_empty(),
            "Whether the restored service works: the drill has no checks of its own.",
        ),
        (
            record.controls.is_empty(),
            "Negative controls: no request was sent that the edge had to refuse.",
        ),
        (
            ledger.edge.counts.is_none(),
            "The edge's own records: whether they have the drill's requests, and where those went, was not looked up.",
        ),
        (
            ledger.sandbox.number.is_none(),
            "The sandbox's own count: whether all that was routed has arrived there was not looked up.",
        ),
        (
            ledger.production.number.is_none(),
            "Production's own count: whether production has seen requests with the header was not looked up there.",
        ),
        (
            !record.controls.iter().any(|one| one.name == SANDBOX_AWAY),
            "A sandbox that fails: it was not taken away on purpose to see the edge answer 503.",
        ),
        (
            true,
            "People, communication and the decision to recover: nothing but requests was tried.",
        ),
    ];
    let open = open.iter().filter(|(is_open, _)| *is_open);
    open.map(|(_, sentence)| (*sentence).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::Recorder;
    use crate::api::{Objectives, Severity};
    use crate::audit::Totals;
    use crate::checks::outcome::{Outcome, Verdict};
    use crate::evidence::ledger::{Count, EdgeRecords, Sides};
    use crate::evidence::record::{Control, DrillFacts, Stage};

    fn at(time: &str) -> Time {
        Time(format!("2026-11-26T10:{time}Z").parse().unwrap())
    }

    fn recorder() -> Recorder {
        let facts = DrillFacts {
            name: "orders-dr/orders".to_owned(),
            id: "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".to_owned(),
            environment: "orders-dr".to_owned(),
            gate: "istio-system/edge".to_owned(),
            hosts: vec!["orders.example.com".to_owned()],
            expires_at: at("30:00"),
        };
        Recorder::new(facts, at("00:00"))
    }

    fn outcome(name: &str, severity: Severity, verdict: Verdict, ended: &str) -> Outcome {
        Outcome {
            name: name.to_owned(),
            kind: "http".to_owned(),
            severity,
            verdict,
            message: "m".to_owned(),
            started_at: None,
            ended_at: Some(at(ended)),
            last_try_ms: None,
            tries: 1,
            seen: BTreeMap::new(),
        }
    }

    fn objectives(text: &str) -> Objectives {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn a_run_is_told_from_its_beginning_to_its_end() {
        let mut recorder = recorder();
        recorder.happened(Stage::Provision, "applied", at("00:01"), at("00:02"));
        recorder.made("VirtualService a/b".to_owned(), &json!({"a": 1}));
        recorder.version("filter module", "oci://a/b:1");
        recorder.error("interrupted".to_owned());
        recorder.left(["VirtualService a/b".to_owned()]);
        let record = recorder.end(at("00:09"));
        assert_eq!(
            (&record.started_at, &record.ended_at),
            (&at("00:00"), &at("00:09"))
        );
        assert_eq!(record.timeline.len(), 1);
        // Of {"a":1}, as `sha256sum` has it.
        assert_eq!(
            record.objects[0].sha256,
            "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
        );
        assert_eq!(record.versions.len(), 2);
        assert_eq!(record.not_tested.len(), 7, "{:?}", record.not_tested);
        let failures = [
            "interrupted",
            "VirtualService a/b is still there after the drill",
        ];
        assert_eq!(record.failures(), failures);
    }

    #[test]
    fn what_was_tested_is_not_said_to_be_left_open() {
        let mut recorder = recorder();
        recorder.checks(&[outcome("a", Severity::Required, Verdict::Passed, "00:10")]);
        recorder.controls(&[Control {
            name: "forged".to_owned(),
            wanted: "bad-signature".to_owned(),
            got: "403 bad-signature".to_owned(),
            bites: true,
        }]);
        recorder.requests(Sides {
            edge: EdgeRecords::of(&Totals::default(), &[], "its log"),
            sandbox: Count::known(0, "its log"),
            production: Count::known(0, "its log"),
            ..Sides::default()
        });
        let record = recorder.end(at("00:09"));
        assert_eq!(record.not_tested.len(), 2, "{:?}", record.not_tested);
        assert!(record.has_passed(), "{:?}", record.failures());
    }

    #[test]
    fn the_rto_is_reached_when_the_last_required_check_has_passed() {
        use Severity::{Informative, Required};
        use Verdict::{Failed, Passed};
        let measured = |rto: &str, checks: &[Outcome]| {
            let mut recorder = recorder();
            recorder.checks(checks);
            recorder.measure(&objectives(&format!("rto: {rto}")), &at("00:00"));
            let missed = recorder.missed();
            let record = recorder.end(at("09:00"));
            (record.objectives[0].reached_seconds, missed)
        };
        let passed = [
            outcome("a", Required, Passed, "01:30.5"),
            outcome("b", Required, Passed, "00:10"),
            outcome("c", Informative, Failed, "05:00"),
        ];
        assert_eq!(measured("2m", &passed), (Some(91), Vec::new()));
        let (reached, missed) = measured("90s", &passed);
        assert_eq!(reached, Some(91));
        assert!(
            missed[0].starts_with("RTO: 91s, and at most 90s is wanted"),
            "{missed:?}"
        );
        let failed = [outcome("a", Required, Failed, "00:10")];
        let (reached, missed) = measured("1h", &failed);
        assert_eq!(reached, None);
        assert!(
            missed[0].contains("not all required checks have passed: a"),
            "{missed:?}"
        );
        assert!(measured("1h", &[]).1[0].contains("has no required check"));
    }

    #[test]
    fn the_rpo_is_the_age_of_the_oldest_data_that_a_check_has_seen() {
        let aged = |name: &str, seconds: &str| {
            let mut check = outcome(name, Severity::Required, Verdict::Passed, "00:10");
            let age = ("recoveryPointSeconds".to_owned(), seconds.to_owned());
            check.seen.extend([age]);
            check
        };
        let mut recorder = recorder();
        recorder.checks(&[aged("orders", "60"), aged("invoices", "901")]);
        recorder.measure(&objectives("rpo: 15m"), &at("00:00"));
        assert!(recorder.missed()[0].starts_with("RPO: 901s, and at most 900s is wanted"));
        recorder.measure(&objectives("rpo: 901s"), &at("00:00"));
        assert!(recorder.missed().is_empty());
    }

    #[test]
    fn an_rpo_that_nobody_has_measured_is_not_met() {
        let mut recorder = recorder();
        recorder.measure(&objectives("rpo: 15m"), &at("00:00"));
        assert!(recorder.missed()[0].contains("could not be measured"));
        recorder.measure(&objectives("{}"), &at("00:00"));
        assert!(recorder.missed().is_empty());
    }
}
