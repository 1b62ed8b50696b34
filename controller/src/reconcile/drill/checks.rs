//! The checks of an active drill: begun once for each generation of its spec, and told.

use std::sync::Arc;

use super::Work;
use super::step::expires_at;
use crate::api::{Check, CheckStatus, Drill, DrillGate};
use crate::checks::Edge;
use crate::checks::outcome::{Outcome, Verdict};
use crate::keyfile::Jwk;
use crate::proxy::{Settings, Signer, Upstream};
use crate::reconcile::checks::{Progress, refused};
use crate::resources::conditions::{CHECKS_PASSED, Observation, Status, reason};
use crate::resources::keys;

/// For how long a context counts that a check is signed with, in seconds.
const LIFETIME: i64 = 60;

/// How much of a message the status takes, in characters.
const MAX_MESSAGE: usize = 1000;

/// What is told of a drill's checks.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// What stands there already.
    AsBefore,
    /// Nothing: it has none.
    Nothing,
    /// They run.
    Run,
    /// They cannot be run, and why.
    Cannot(String),
    /// They came to this.
    Done(Vec<Outcome>),
}

impl Told {
    /// What stands in the status beside the condition; nothing where that stays as it is.
    pub fn list(&self) -> Option<Vec<CheckStatus>> {
        match self {
            Told::AsBefore => None,
            Told::Nothing | Told::Run | Told::Cannot(_) => Some(Vec::new()),
            Told::Done(outcomes) => Some(outcomes.iter().map(of).collect()),
        }
    }

    /// What the condition says; nothing where that stays as it is, or there is none.
    pub fn condition(&self) -> Option<Observation> {
        let (status, reason, message) = match self {
            Told::AsBefore | Told::Nothing => return None,
            Told::Run => (Status::Unknown, reason::PENDING, "they run".to_owned()),
            Told::Cannot(why) => (Status::Unknown, reason::UNKNOWN, why.clone()),
            Told::Done(outcomes) => judge(outcomes),
        };
        Some(Observation {
            kind: CHECKS_PASSED,
            status,
            reason,
            message: message.chars().take(MAX_MESSAGE).collect(),
        })
    }
}

fn judge(outcomes: &[Outcome]) -> (Status, &'static str, String) {
    let names = |verdict: Verdict| {
        let bad = outcomes.iter().filter(|outcome| outcome.fails_the_drill());
        let bad = bad.filter(|outcome| outcome.verdict == verdict);
        let names: Vec<&str> = bad.map(|outcome| outcome.name.as_str()).collect();
        names.join(", ")
    };
    let (failed, left) = (names(Verdict::Failed), names(Verdict::NotRun));
    if !failed.is_empty() {
        let message = format!("failed: {failed}");
        return (Status::False, reason::CHECKS_FAILED, message);
    }
    if !left.is_empty() {
        return (Status::Unknown, reason::NOT_RUN, format!("not run: {left}"));
    }
    let passed = outcomes.iter();
    let passed = passed.filter(|outcome| outcome.verdict == Verdict::Passed);
    let message = format!("{} of {} have passed", passed.count(), outcomes.len());
    (Status::True, reason::AS_ASKED, message)
}

fn of(outcome: &Outcome) -> CheckStatus {
    CheckStatus {
        name: outcome.name.clone(),
        verdict: outcome.verdict,
        message: outcome.message.chars().take(MAX_MESSAGE).collect(),
        tries: i32::try_from(outcome.tries).unwrap_or(i32::MAX),
        ended_at: outcome.ended_at.clone(),
    }
}

/// Whether the status tells what the checks of this generation came to.
fn is_told(drill: &Drill) -> bool {
    let conditions = drill.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|held| {
        let ended = [reason::AS_ASKED, reason::CHECKS_FAILED, reason::NOT_RUN];
        held.type_ == CHECKS_PASSED
            && held.observed_generation == drill.metadata.generation
            && ended.contains(&held.reason.as_str())
    })
}

impl Work<'_> {
    /// Brings the checks a step forward, now that `edge` is what the gateway says.
    pub(super) async fn checks(&self, edge: &Observation) -> Told {
        let checks = &self.context.checks;
        if self.drill.spec.checks.is_empty() || is_told(self.drill) {
            checks.end(self.id);
            return match self.drill.spec.checks.is_empty() {
                true => Told::Nothing,
                false => Told::AsBefore,
            };
        }
        let all = self.drill.spec.checks.iter();
        if !all.clone().any(Check::asks_the_edge) {
            return Told::Done(all.map(refused).collect());
        }
        match checks.progress(self.id, self.drill.metadata.generation) {
            Progress::Runs => Told::Run,
            Progress::Done(outcomes) => Told::Done(outcomes),
            Progress::NotBegun if edge.status != Status::True => Told::Cannot(edge.message.clone()),
            Progress::NotBegun => match self.edge_for_checks().await {
                Ok(way) => {
                    let end = expires_at(self.drill).unwrap_or_else(|| self.now.clone());
                    checks.begin((self.drill, self.id), way, (&self.now, &end));
                    Told::Run
                }
                Err(why) => Told::Cannot(why),
            },
        }
    }

    /// The edge, as the gate's own probe reaches it.
    async fn edge_for_checks(&self) -> Result<Edge, String> {
        let gate = self.gate.as_deref().ok_or("the gate is gone")?;
        let probe = gate.spec.probe.as_ref();
        let probe = probe.ok_or("the gate has no probe.address, so nobody can ask the gateway")?;
        let upstream = Upstream::of_probe(probe).map_err(|error| error.to_string())?;
        let signer = self.signer(gate).await?;
        let mut settings = Settings::new(upstream, Arc::new(signer), || {
            k8s_openapi::jiff::Timestamp::now().as_second()
        });
        let routes = self.drill.spec.routes.iter();
        settings.hosts = routes.map(|route| route.host.clone()).collect();
        Edge::new(&settings).map_err(|error| error.to_string())
    }

    async fn signer(&self, gate: &DrillGate) -> Result<Signer, String> {
        let secrets = self.context.secrets.of(gate).await;
        let (keys, _) = keys::resolve(gate, &secrets);
        let signs = |key: &Jwk| key.signing_key().is_some();
        let key = keys.into_iter().find(signs);
        let key = key.ok_or("no key of the gate can sign: public keys verify only")?;
        let drill = self.id.to_string().parse();
        let environment = self.drill.spec.environment.parse();
        let (Ok(drill), Ok(environment)) = (drill, environment) else {
            return Err("the drill's names are not those of a token".to_owned());
        };
        let signer = Signer::new(key, drill, environment, LIFETIME, "check-");
        signer.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::api::Check;
    use crate::checks::not_run;
    use crate::checks::outcome::{Outcome, Verdict};
    use crate::resources::conditions::Status;

    fn outcome(name: &str, verdict: Verdict, more: &str) -> Outcome {
        let check: Check =
            serde_saphyr::from_str(&format!("{{name: {name}, grpc: {{}}, {more}}}")).unwrap();
        let mut outcome = not_run(&check, &"m".repeat(5000));
        outcome.verdict = verdict;
        outcome
    }

    fn told(outcomes: Vec<Outcome>) -> (Status, String) {
        let condition = Told::Done(outcomes).condition().unwrap();
        (condition.status, condition.message)
    }

    #[test]
    fn the_condition_names_what_has_failed_or_was_not_run() {
        use Verdict::{Failed, NotRun, Passed};
        let informative = || outcome("i", Failed, "severity: Informative");
        let passed = || outcome("p", Passed, "");
        let all = (Status::True, "1 of 2 have passed".to_owned());
        assert_eq!(told(vec![passed(), informative()]), all);
        let failed = vec![passed(), outcome("f", Failed, ""), outcome("n", NotRun, "")];
        assert_eq!(told(failed), (Status::False, "failed: f".to_owned()));
        let left = vec![passed(), outcome("n", NotRun, "")];
        assert_eq!(told(left), (Status::Unknown, "not run: n".to_owned()));
    }

    #[test]
    fn a_message_fits_into_the_status() {
        let list = Told::Done(vec![outcome("p", Verdict::Failed, "")]).list();
        assert_eq!(list.unwrap()[0].message.len(), 1000);
        assert_eq!(Told::AsBefore.list(), None);
        assert_eq!(Told::Run.list(), Some(Vec::new()));
    }
}
