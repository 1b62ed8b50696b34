//! A mixed load through a stage's gateway, and what became of all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate::lab::Request;
use drillgate_tests::gate::tampered;
use drillgate_tests::istio::{KEY, Stage, claims, signed};
use drillgate_tests::load::{Kind, Load, NOTHING, Sent, Visits};

use crate::eventually;

pub const PRODUCTION: &str = "200 production";
pub const ROUTED: &str = "200 routed sandbox";
pub const UNREACHABLE: &str = "503 sandbox-unreachable";

/// How long a request may wait for a sandbox that hangs, where a test lets one hang. Long enough for
/// a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// How much of [`TIMEOUT`] a client may not have seen: Envoy's timers begin with the turn of the
/// loop that they are set in, and so may be early by as much.
const EARLY: Duration = Duration::from_secs(1);

/// Starts the mixed load for the drill `id`, at leisure from the first request on. `own` is the
/// drill's own host, and `other` the key that signs every second of the valid requests.
pub fn load(stage: &Stage, id: &str, own: &str, other: &'static str) -> Load {
    let (id, own) = (id.to_owned(), own.to_owned());
    Load::start_with(stage.address(), 0, move |kind, path| {
        request(&id, &own, other, kind, path)
    })
}

/// The same, to a gateway that goes away and comes back.
pub fn load_through_gaps(stage: &Stage, id: &str, own: &str) -> Load {
    let (id, own) = (id.to_owned(), own.to_owned());
    Load::start_through_gaps(stage.address(), move |kind, path| {
        request(&id, &own, KEY, kind, path)
    })
}

fn request(id: &str, own: &str, other: &str, kind: Kind, path: &str) -> Request {
    let valid = |kid: &str| signed(&claims(id), kid);
    let plain = Request::get("orders.example.com", path);
    match kind {
        Kind::Plain => plain,
        Kind::Valid => plain.header(HEADER_NAME, valid(KEY)),
        Kind::ValidByOther => plain.header(HEADER_NAME, valid(other)),
        Kind::Spoofed => Request::get(own, path).header(HEADER_NAME, valid(KEY)),
        Kind::Forged => plain.header(HEADER_NAME, tampered(valid(KEY))),
        Kind::Expired => {
            let mut past = claims(id);
            past.issued_at -= 200;
            past.expires_at = Some(past.issued_at + 10);
            plain.header(HEADER_NAME, signed(&past, KEY))
        }
        Kind::Duplicate => plain
            .header(HEADER_NAME, valid(KEY))
            .header(HEADER_NAME, valid(KEY)),
    }
}

/// Waits until the load has sent some more of every kind.
pub async fn some(load: &Load) {
    let due = load.sent() + Kind::EACH_WITHIN;
    eventually("the load goes on", async || load.sent() >= due).await;
}

/// A load that has ended.
pub struct Ledger<'a> {
    /// What it is called where it fails.
    pub name: &'a str,
    /// Each of its requests.
    pub sent: Vec<Sent>,
}

impl Ledger<'_> {
    /// Production answered each request without the header once, and saw no other. The sandbox
    /// answered those that the client says it answered, and saw valid ones alone. Every request
    /// got what its kind may get: valid ones one of `valid`, the others a refusal.
    ///
    /// Where the filter may be missing for a while (`unfiltered`), the policy refuses in its place;
    /// who knows the drill's own host then comes to the sandbox with any header.
    ///
    /// One that waited for a connection until its [`TIMEOUT`] may have got to the sandbox at the last
    /// moment, and the answer have come too late.
    ///
    /// Of a request that nobody answered, as a gateway that is away leaves it, the upstream that may
    /// have it has had it once or not at all.
    pub fn assert_exact(&self, visits: &Visits, valid: &[&str], unfiltered: bool) {
        let (mut production, mut sandbox) = (visits.of("production"), visits.of("sandbox"));
        for sent in &self.sent {
            let name = self.name;
            let outcome = sent.outcome.as_str();
            let unanswered = outcome == NOTHING;
            let allowed = match sent.kind {
                _ if unanswered => true,
                Kind::Plain => outcome == PRODUCTION,
                Kind::Valid | Kind::ValidByOther => valid.contains(&outcome),
                Kind::Spoofed if unfiltered => !outcome.contains("production"),
                _ => outcome.starts_with("403"),
            };
            assert!(allowed, "{name}: {sent:?}");
            let served = production.remove(&sent.path).unwrap_or_default();
            let once = u64::from(sent.kind == Kind::Plain);
            let times = (served.received, served.answered);
            let fits = times == (once, once) || unanswered && served.received <= once;
            assert!(fits, "{name}: by production {times:?}: {sent:?}");

            let served = sandbox.remove(&sent.path).unwrap_or_default();
            let is_valid = matches!(sent.kind, Kind::Valid | Kind::ValidByOther)
                || unfiltered && sent.kind == Kind::Spoofed;
            assert!(
                is_valid || served.received == 0,
                "{name}: in the sandbox: {sent:?}"
            );
            let answered = u64::from(outcome.starts_with("200") && outcome.ends_with("sandbox"));
            let late = outcome == UNREACHABLE && sent.took + EARLY >= TIMEOUT;
            let unsure = unanswered || late;
            let fits = served.answered == answered || unsure && served.answered <= 1;
            assert!(fits, "{name}: by the sandbox {served:?}: {sent:?}");
        }
        assert!(production.is_empty() && sandbox.is_empty(), "{}", self.name);
    }

    /// Every request of the load's stage `stage` was answered.
    pub fn assert_answered_in(&self, stage: u64) {
        let of_stage = |sent: &&Sent| sent.stage == Some(stage);
        let mut of_stage = self.sent.iter().filter(of_stage).peekable();
        assert!(of_stage.peek().is_some(), "{}: no request", self.name);
        for sent in of_stage {
            assert_ne!(sent.outcome, NOTHING, "{}: {sent:?}", self.name);
        }
    }

    /// Whether a valid request had this outcome.
    pub fn has(&self, outcome: &str) -> bool {
        let valid = |sent: &&Sent| matches!(sent.kind, Kind::Valid | Kind::ValidByOther);
        let mut valid = self.sent.iter().filter(valid);
        valid.any(|sent| sent.outcome == outcome)
    }

    /// How many requests of each kind had which outcome, for who reads the log.
    pub fn print(&self) {
        let mut counts: BTreeMap<(Kind, &str), u64> = BTreeMap::new();
        for sent in &self.sent {
            *counts.entry((sent.kind, &sent.outcome)).or_default() += 1;
        }
        println!("{}: {} requests", self.name, self.sent.len());
        for ((kind, outcome), count) in counts {
            println!("  {kind:?}: {count} x {outcome}");
        }
    }
}
