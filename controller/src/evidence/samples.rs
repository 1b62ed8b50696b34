//! Records of every shape: for tests, and for those who want to see a report before their first drill.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::ledger::{Count, EdgeCounts, EdgeRecords, Ledger};
use super::record::{
    Control, DrillFacts, Event, MadeObject, ObjectiveResult, Record, Stage, VERSION,
};
use crate::api::Severity;
use crate::checks::outcome::{Outcome, Verdict};

/// When the samples begin, in seconds of the epoch: 2026-09-21T14:43:20Z.
const BEGINNING: i64 = 1_790_001_800;

/// What a text may hold to break out of a report.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script>\"'&<!--]]>\u{202e}\u{0}\u{1b}[31m|`*_@everyone\u{ffff}";

/// So many milliseconds after the beginning.
fn at(milliseconds: i64) -> Time {
    let all = BEGINNING * 1_000 + milliseconds;
    Time(Timestamp::from_millisecond(all).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// When the samples are signed.
pub fn signing_time() -> Time {
    at(415_000)
}

/// A drill of a shop's orders in which all went well.
pub fn passed() -> Record {
    Record {
        version: VERSION.to_owned(),
        drill: facts(),
        started_at: at(0),
        ended_at: at(412_000),
        timeline: timeline(),
        checks: checks(),
        controls: controls(),
        ledger: ledger(),
        objectives: objectives(),
        objects: objects(),
        residue: Vec::new(),
        not_tested: not_tested(),
        versions: versions(),
        errors: Vec::new(),
    }
}

/// The same with a failure of every kind, and numbers that could not be read.
pub fn failed() -> Record {
    let mut record = passed();
    let wrong = [
        "21 384 orders, and 21 390 are in production's journal: 6 are missing since 14:31:07",
        "the drill ended before it was asked",
    ];
    let verdicts = [Verdict::Failed, Verdict::NotRun];
    let outcomes = record.checks.iter_mut().skip(1).zip(wrong).zip(verdicts);
    for ((check, message), verdict) in outcomes {
        check.verdict = verdict;
        check.message = message.to_owned();
    }
    if let Some(control) = record.controls.first_mut() {
        control.got = "200 by production".to_owned();
        control.bites = false;
    }
    record.ledger.production = Count::known(2, "access log of orders in shop");
    record.ledger.sandbox = Count::unknown("the sandbox's metrics did not answer in 5 s");
    record.ledger.failed = Count::known(1, "answers that bear the edge's verdict");
    if let Some(edge) = &mut record.ledger.edge.counts {
        let production = "outbound|8080||orders.shop.svc.cluster.local".to_owned();
        edge.elsewhere = BTreeMap::from([(production, 2)]);
    }
    for objective in &mut record.objectives {
        objective.reached_seconds = match objective.name.as_str() {
            "RTO" => Some(1_260),
            _ => None,
        };
    }
    record.residue = vec!["VirtualService istio-system/drill-6f1c2b9e".to_owned()];
    record.errors = vec![
        "the edge did not take the drill away in 60 s: gateway-7d9f does not answer".to_owned(),
    ];
    record
}

/// A drill that did not come to anything.
pub fn empty() -> Record {
    Record {
        ended_at: at(0),
        timeline: Vec::new(),
        checks: Vec::new(),
        controls: Vec::new(),
        ledger: Ledger::default(),
        objectives: Vec::new(),
        objects: Vec::new(),
        not_tested: Vec::new(),
        versions: BTreeMap::new(),
        ..passed()
    }
}

/// One whose every text tries to break out of the report.
pub fn hostile() -> Record {
    let mut record = failed();
    let texts = [
        &mut record.drill.name,
        &mut record.drill.environment,
        &mut record.drill.gate,
    ];
    texts
        .into_iter()
        .for_each(|text| *text = HOSTILE.to_owned());
    record.drill.hosts = vec![HOSTILE.to_owned()];
    for check in &mut record.checks {
        check.name = HOSTILE.to_owned();
        check.message = format!("{HOSTILE}\n{HOSTILE}");
        check.seen.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    }
    for event in &mut record.timeline {
        event.what = HOSTILE.to_owned();
    }
    for control in &mut record.controls {
        control.got = HOSTILE.to_owned();
    }
    record.ledger.production.source = HOSTILE.to_owned();
    record.errors = vec![HOSTILE.to_owned()];
    record.residue = vec![HOSTILE.to_owned()];
    record.not_tested = vec![HOSTILE.to_owned()];
    record.versions = BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]);
    record
}

/// The sample whose whole run takes so long, everything in proportion.
pub fn lasting(milliseconds: i64) -> Record {
    let mut record = passed();
    let scaled = |time: &Time| {
        let since = time.0.as_millisecond() - BEGINNING * 1_000;
        at(since.saturating_mul(milliseconds) / 412_000)
    };
    for event in &mut record.timeline {
        event.started_at = scaled(&event.started_at);
        event.ended_at = scaled(&event.ended_at);
    }
    record.ended_at = scaled(&record.ended_at);
    record
}

fn facts() -> DrillFacts {
    DrillFacts {
        name: "orders-dr/orders".to_owned(),
        id: "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".to_owned(),
        environment: "orders-dr".to_owned(),
        gate: "istio-system/edge".to_owned(),
        hosts: vec![
            "orders.example.com".to_owned(),
            "api.example.com".to_owned(),
        ],
        expires_at: at(1_800_000),
    }
}

fn timeline() -> Vec<Event> {
    let event = |stage, what: &str, start, end| Event {
        stage,
        what: what.to_owned(),
        started_at: at(start),
        ended_at: at(end),
    };
    vec![
        event(Stage::Provision, "objects applied", 0, 2_400),
        event(
            Stage::Programmed,
            "gateway runs with the drill",
            2_400,
            19_800,
        ),
        event(
            Stage::Controls,
            "requests that must be refused",
            19_800,
            24_100,
        ),
        event(Stage::Checks, "checks", 24_100, 351_000),
        event(Stage::Checks, "pytest tests/smoke", 96_000, 351_000),
        event(Stage::Teardown, "objects taken away", 351_000, 398_500),
        event(
            Stage::Afterwards,
            "requests that must be refused",
            398_500,
            412_000,
        ),
    ]
}

fn checks() -> Vec<Outcome> {
    let outcome =
        |name: &str, kind: &str, message: &str, (start, end, tries), seen: &[(&str, &str)]| {
            let seen = seen
                .iter()
                .map(|(name, what)| ((*name).to_owned(), (*what).to_owned()));
            Outcome {
                name: name.to_owned(),
                kind: kind.to_owned(),
                severity: Severity::Required,
                verdict: Verdict::Passed,
                message: message.to_owned(),
                started_at: Some(at(start)),
                ended_at: Some(at(end)),
                last_try_ms: Some(184),
                tries,
                seen: seen.collect(),
            }
        };
    let mut all = vec![
        outcome(
            "orders-page",
            "http",
            "200, and the body has \"Your orders\"",
            (24_100, 27_500, 3),
            &[
                ("status", "200"),
                (
                    "body",
                    "<!doctype html>\n<title>Orders</title>\n<h1>Your orders</h1>",
                ),
            ],
        ),
        outcome(
            "order-count",
            "sql",
            "21 390 orders, and at least 21 000 are wanted",
            (27_500, 27_900, 1),
            &[
                ("query", "select Count::known(*) from orders"),
                ("row", "21390"),
            ],
        ),
        outcome(
            "smoke",
            "command",
            "ended with 0",
            (96_000, 351_000, 1),
            &[("output", "42 passed in 254.10s")],
        ),
        outcome(
            "report-latency",
            "http",
            "p95 was 1 920 ms, and at most 1 500 ms is wanted",
            (28_000, 35_000, 1),
            &[],
        ),
    ];
    if let Some(last) = all.last_mut() {
        last.severity = Severity::Informative;
        last.verdict = Verdict::Failed;
    }
    all
}

fn controls() -> Vec<Control> {
    let control = |name: &str, wanted: &str| Control {
        name: name.to_owned(),
        wanted: wanted.to_owned(),
        got: wanted.to_owned(),
        bites: true,
    };
    vec![
        control("forged", "403 bad-signature"),
        control("expired", "403 expired"),
        control("duplicated", "403 duplicate-header"),
        control("wrong environment", "403 wrong-environment"),
    ]
}

fn ledger() -> Ledger {
    Ledger {
        sent: Count::known(231, "drillgate proxy"),
        routed: Count::known(227, "answers that bear the edge's verdict"),
        refused: Count::known(4, "answers that bear the edge's verdict"),
        failed: Count::known(0, "answers that bear the edge's verdict"),
        unanswered: Count::known(0, "drillgate proxy"),
        edge: EdgeRecords {
            counts: Some(EdgeCounts {
                routed: 227,
                refused: 3,
                ..EdgeCounts::default()
            }),
            source: "--edge-log, after the drill".to_owned(),
        },
        sandbox: Count::known(227, "metrics of orders in orders-dr"),
        production: Count::known(0, "access log of orders in shop"),
    }
}

fn objectives() -> Vec<ObjectiveResult> {
    let objective = |name: &str, wanted, reached, how: &str| ObjectiveResult {
        name: name.to_owned(),
        wanted_seconds: Some(wanted),
        reached_seconds: Some(reached),
        how: how.to_owned(),
    };
    vec![
        objective(
            "RTO",
            900,
            351,
            "from the beginning of the run until all required checks had passed",
        ),
        objective(
            "RPO",
            300,
            133,
            "age of the newest row of orders at the beginning of the recovery",
        ),
    ]
}

fn objects() -> Vec<MadeObject> {
    let object = |object: &str, digit: &str| MadeObject {
        object: object.to_owned(),
        sha256: digit.repeat(32),
    };
    vec![
        object("VirtualService istio-system/drill-6f1c2b9e", "3f"),
        object("DestinationRule istio-system/drill-6f1c2b9e", "a1"),
        object("Secret istio-system/drill-list", "7c"),
    ]
}

fn not_tested() -> Vec<String> {
    [
        "Traffic between services inside the sandbox: only requests through the edge were looked at.",
        "Writes: no check changed data in the restored database.",
        "Alerting and the people who are called.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn versions() -> BTreeMap<String, String> {
    [
        ("drillgate", "0.1.0"),
        ("istio", "1.31.2"),
        ("kubernetes", "v1.37.0"),
        ("filter module", "sha256:9b1e04"),
    ]
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .into()
}
