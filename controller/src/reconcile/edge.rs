//! Whether the gateway itself runs with what was applied: asked, not assumed.

mod pace;

use std::time::Duration;

use drill_context::{Claims, DrillId, TokenType, sign};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::metrics::Metrics;
use super::probe::{ProbeError, Running, Target, probe};
use crate::api::DrillGate;
use crate::keyfile::Jwk;
use crate::resources::conditions::{EDGE_PROGRAMMED, Observation, Status, reason};

pub use pace::{again, lags_since, once_more};

/// How long a gateway may take to answer a probe.
const LIMIT: Duration = Duration::from_secs(2);

/// For how long a probe's token counts, in seconds.
const LIFETIME: i64 = 30;

/// What the gateway is asked about.
pub struct Question<'a> {
    /// Whose gateway.
    pub gate: &'a DrillGate,
    /// The gate's keys: one that can sign is needed.
    pub keys: &'a [Jwk],
    /// The number of the configuration that it should run with.
    pub generation: u64,
    /// The drill that it should know, with its environment.
    pub drill: Option<(&'a str, &'a str)>,
}

/// Asks every replica that the gate's address leads to; counts it where one does not run with it.
pub async fn ask(question: &Question<'_>, now: &Time, metrics: &Metrics) -> Observation {
    let observed = observe(question, now).await;
    if observed.status == Status::False {
        metrics.probe_failed();
    }
    observed
}

async fn observe(question: &Question<'_>, now: &Time) -> Observation {
    let Some(settings) = &question.gate.spec.probe else {
        return unknown("the gate has no probe.address, so nobody has asked the gateway");
    };
    let signers = question.keys.iter().filter_map(Jwk::signing_key);
    let Some(signer) = signers.into_iter().next() else {
        return unknown("no key of the gate can sign a probe: public keys verify only");
    };
    // A gate's own probe is about no drill; a token names one all the same.
    let (drill, environment) = question.drill.unwrap_or((NO_DRILL, "probe"));
    let (Ok(drill), Ok(environment)) = (drill.parse::<DrillId>(), environment.parse()) else {
        return unknown("the drill's names are not those of a token");
    };
    let issued_at = now.0.as_second();
    let mut claims = Claims::new(drill, environment, issued_at);
    claims.expires_at = Some(issued_at + LIFETIME);
    let token = sign(signer, TokenType::Probe, &claims);
    let target = Target {
        address: settings.address.clone(),
        host: settings.host.clone(),
        domain: question.gate.spec.domain.clone(),
        tls: settings.tls,
    };
    let answers = match probe(&target, &token, LIMIT).await {
        Ok(answers) => answers,
        Err(error) => return failed(&error, error.to_string()),
    };
    let answers = answers
        .into_iter()
        .map(|(replica, answer)| (replica.to_string(), answer));
    judge(question, answers.collect())
}

/// A drill that no gate knows.
const NO_DRILL: &str = "00000000-0000-4000-8000-000000000001";

/// From the answers of all replicas to what is told of the edge.
fn judge(
    question: &Question<'_>,
    answers: Vec<(String, Result<Running, ProbeError>)>,
) -> Observation {
    if answers.is_empty() {
        return not_yet("the gate's probe.address leads to no gateway".to_owned());
    }
    let all = answers.len();
    for (replica, answer) in answers {
        let problem = match answer {
            Err(error) => return failed(&error, format!("gateway {replica}: {error}")),
            Ok(running) if running.generation != question.generation => Some(format!(
                "it runs with configuration {}, and {} was applied{}",
                running.generation,
                question.generation,
                stranger(&running.version)
            )),
            Ok(running) => missing(question, running.drill.as_deref()),
        };
        if let Some(problem) = problem {
            return not_yet(format!("gateway {replica}: {problem}"));
        }
    }
    Observation {
        kind: EDGE_PROGRAMMED,
        status: Status::True,
        reason: reason::AS_ASKED,
        message: format!("{all} of {all} gateways run with it"),
    }
}

/// A filter refuses a configuration that it does not know, keeps the one that it has, and cannot
/// tell of it: only the gateway's log does.
fn stranger(version: &str) -> String {
    let ours = env!("CARGO_PKG_VERSION");
    if version == ours {
        return String::new();
    }
    format!(
        "; its filter is {version}, and this is drillgate {ours}: if it stays so, that filter refuses the configuration, as the gateway's log says, and spec.module must lead to the filter of {ours}"
    )
}

fn missing(question: &Question<'_>, told: Option<&str>) -> Option<String> {
    match (question.drill, told) {
        (None, _) | (Some(_), Some("active")) => None,
        (Some(_), Some(code)) => Some(format!("it would answer the drill's requests with {code}")),
        (Some(_), None) => Some(
            "its filter is older than this controller and does not tell about drills".to_owned(),
        ),
    }
}

fn unknown(message: &str) -> Observation {
    Observation {
        kind: EDGE_PROGRAMMED,
        status: Status::Unknown,
        reason: reason::UNKNOWN,
        message: message.to_owned(),
    }
}

/// A gateway that does not answer at all is told apart from one that lags.
fn failed(error: &ProbeError, message: String) -> Observation {
    let reason = match error.is_answer() {
        true => reason::PENDING,
        false => reason::UNREACHABLE,
    };
    Observation {
        reason,
        ..not_yet(message)
    }
}

/// The gateway does not run with it yet, for this reason.
pub fn not_yet(message: String) -> Observation {
    Observation {
        kind: EDGE_PROGRAMMED,
        status: Status::False,
        reason: reason::PENDING,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, judge};
    use crate::api::DrillGate;
    use crate::reconcile::probe::{ProbeError, Running};
    use crate::resources::conditions::Status;
    use crate::resources::samples;

    fn running(generation: u64, drill: Option<&str>) -> Result<Running, ProbeError> {
        Ok(Running {
            generation,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            active_drills: 1,
            drill: drill.map(str::to_owned),
        })
    }

    /// Judges the answers of replicas named `a`, `b`, and so on.
    fn judged(drill: bool, answers: Vec<Result<Running, ProbeError>>) -> (Status, String) {
        let gate: DrillGate = serde_saphyr::from_str(samples::GATE).unwrap();
        let question = Question {
            gate: &gate,
            keys: &[],
            generation: 7,
            drill: drill.then_some((samples::DRILL, "orders-dr")),
        };
        let named = ["a", "b", "c"].map(str::to_owned).into_iter().zip(answers);
        let observed = judge(&question, named.collect());
        (observed.status, observed.message)
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_told_apart_from_one_that_lags() {
        let gate: DrillGate = serde_saphyr::from_str(samples::GATE).unwrap();
        let question = Question {
            gate: &gate,
            keys: &[],
            generation: 7,
            drill: None,
        };
        let gone = ProbeError::Unreachable {
            reason: "refused".to_owned(),
        };
        for (answer, reason) in [
            (Err(gone), "Unreachable"),
            (Err(ProbeError::NoFilter { status: 403 }), "Pending"),
            (running(6, None), "Pending"),
        ] {
            let observed = judge(&question, vec![("a".to_owned(), answer)]);
            assert_eq!(observed.status, Status::False);
            assert_eq!(observed.reason, reason);
        }
    }

    #[test]
    fn the_edge_is_programmed_when_every_replica_runs_with_it() {
        let all = vec![running(7, Some("active")), running(7, Some("active"))];
        assert_eq!(judged(true, all).0, Status::True);
        assert_eq!(judged(false, vec![running(7, None)]).0, Status::True);
    }

    #[test]
    fn one_replica_that_lags_is_named() {
        for (answer, text) in [
            (
                running(6, Some("active")),
                "gateway b: it runs with configuration 6, and 7 was applied",
            ),
            (
                running(7, Some("unknown-drill")),
                "gateway b: it would answer the drill's requests with unknown-drill",
            ),
            // Its clock is ahead, or ours is behind.
            (
                running(7, Some("drill-over")),
                "gateway b: it would answer the drill's requests with drill-over",
            ),
            (
                running(7, None),
                "gateway b: its filter is older than this controller and does not tell about drills",
            ),
            (
                Err(ProbeError::NoFilter { status: 200 }),
                "gateway b: production answered (status 200): the filter is not loaded",
            ),
        ] {
            let told = judged(true, vec![running(7, Some("active")), answer]);
            assert_eq!(told, (Status::False, text.to_owned()));
        }
    }

    #[test]
    fn a_filter_of_another_version_that_stays_behind_is_told_of() {
        let mut other = running(6, Some("active")).unwrap();
        other.version = "0.0.9".to_owned();
        let (status, message) = judged(true, vec![Ok(other.clone())]);
        assert_eq!(status, Status::False);
        assert!(
            message.contains("; its filter is 0.0.9, and this is drillgate "),
            "{message}"
        );
        assert!(message.contains("spec.module must lead to"), "{message}");
        // One that has taken it is as good as any.
        other.generation = 7;
        assert_eq!(judged(true, vec![Ok(other)]).0, Status::True);
    }

    #[test]
    fn no_replica_is_no_edge() {
        assert_eq!(judged(true, Vec::new()).0, Status::False);
    }
}
