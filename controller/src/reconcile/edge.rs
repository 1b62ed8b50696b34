//! Whether the gateway itself runs with what was applied: asked, not assumed.

use std::time::Duration;

use drill_context::{Claims, DrillId, TokenType, sign};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::probe::{Running, Target, probe};
use crate::api::DrillGate;
use crate::keyfile::Jwk;
use crate::resources::conditions::{EDGE_PROGRAMMED, Observation, Status, reason};

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

/// Asks every replica that the gate's address leads to.
pub async fn ask(question: &Question<'_>, now: &Time) -> Observation {
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
        tls: settings.tls,
    };
    let answers = match probe(&target, &token, LIMIT).await {
        Ok(answers) => answers,
        Err(error) => return not_yet(error.to_string()),
    };
    let answers = answers.into_iter().map(|(replica, answer)| {
        let answer = answer.map_err(|error| error.to_string());
        (replica.to_string(), answer)
    });
    judge(question, answers.collect())
}

/// A drill that no gate knows.
const NO_DRILL: &str = "00000000-0000-4000-8000-000000000001";

/// From the answers of all replicas to what is told of the edge.
fn judge(question: &Question<'_>, answers: Vec<(String, Result<Running, String>)>) -> Observation {
    if answers.is_empty() {
        return not_yet("the gate's probe.address leads to no gateway".to_owned());
    }
    let all = answers.len();
    for (replica, answer) in answers {
        let problem = match answer {
            Err(error) => Some(error),
            Ok(running) if running.generation != question.generation => Some(format!(
                "it runs with configuration {}, and {} was applied",
                running.generation, question.generation
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

/// The gateway does not run with it yet, for this reason.
pub fn not_yet(message: String) -> Observation {
    Observation {
        kind: EDGE_PROGRAMMED,
        status: Status::False,
        reason: reason::PENDING,
        message,
    }
}
