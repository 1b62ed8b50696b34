//! What the controls came to.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::attempt::{Attempt, Wanted};
use super::edge::{Answer, Edge};
use crate::evidence::record::Control;
use crate::proxy::Verdict;

/// How often the edge is asked while it takes something over.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Sends each attempt once.
pub async fn before_the_checks(edge: &Edge, attempts: &[Attempt]) -> Vec<Control> {
    let mut controls = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        controls.push(control(attempt, &edge.ask(attempt).await));
    }
    controls
}

/// Sends `attempt` until it is refused, for at most `limit`: the edge takes over with a delay that
/// the drill is over, or its sandbox away. While it has not, the sandbox answers, and no one else may.
pub async fn until_refused(edge: &Edge, attempt: &Attempt, limit: Duration) -> Control {
    let deadline = Instant::now() + limit;
    loop {
        let answer = edge.ask(attempt).await;
        let is_late = matches!(&answer, Ok(answer) if answer.verdict == Verdict::Routed);
        if !is_late || Instant::now() >= deadline {
            return control(attempt, &answer);
        }
        sleep(ASK_AGAIN).await;
    }
}

/// Sends `attempt` until the sandbox answers it, for at most `limit`.
///
/// # Errors
/// What came back last, if that was not the sandbox's.
pub async fn until_routed(edge: &Edge, attempt: &Attempt, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let got = match edge.ask(attempt).await {
            Ok(answer) if answer.verdict == Verdict::Routed => return Ok(()),
            Ok(answer) => answer.to_string(),
            Err(why) => why,
        };
        if Instant::now() >= deadline {
            return Err(got);
        }
        sleep(ASK_AGAIN).await;
    }
}

fn control(attempt: &Attempt, answer: &Result<Answer, String>) -> Control {
    Control {
        name: attempt.name.to_owned(),
        wanted: attempt.wanted.to_string(),
        got: match answer {
            Ok(answer) => answer.to_string(),
            Err(why) => why.clone(),
        },
        bites: answer
            .as_ref()
            .is_ok_and(|answer| bites(attempt.wanted, answer)),
    }
}

fn bites(wanted: Wanted, answer: &Answer) -> bool {
    match (wanted, &answer.verdict) {
        (Wanted::Policy, Verdict::Unmarked) => answer.status == http::StatusCode::FORBIDDEN,
        (Wanted::Codes(codes), Verdict::Refused(code)) => codes.contains(&code.as_str()),
        (Wanted::Codes(codes), Verdict::SandboxUnreachable) => {
            codes.contains(&"sandbox-unreachable")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Answer, Wanted, bites};
    use crate::proxy::Verdict;

    fn answer(status: StatusCode, verdict: Verdict) -> Answer {
        Answer { status, verdict }
    }

    #[test]
    fn only_the_refusal_that_was_wanted_bites() {
        let refused = |code: &str| answer(StatusCode::FORBIDDEN, Verdict::Refused(code.to_owned()));
        let expired = Wanted::Codes(&["expired"]);
        assert!(bites(expired, &refused("expired")));
        // Another reason shows nothing of this one.
        assert!(!bites(expired, &refused("malformed")));
        assert!(!bites(
            expired,
            &answer(StatusCode::FORBIDDEN, Verdict::Unmarked)
        ));
        assert!(!bites(expired, &answer(StatusCode::OK, Verdict::Routed)));
        assert!(!bites(expired, &answer(StatusCode::OK, Verdict::Unmarked)));

        assert!(bites(
            Wanted::Policy,
            &answer(StatusCode::FORBIDDEN, Verdict::Unmarked)
        ));
        assert!(!bites(
            Wanted::Policy,
            &answer(StatusCode::NOT_FOUND, Verdict::Unmarked)
        ));
        assert!(!bites(Wanted::Policy, &refused("expired")));

        let over = Wanted::Codes(&["unknown-drill", "sandbox-unreachable"]);
        let gone = answer(StatusCode::SERVICE_UNAVAILABLE, Verdict::SandboxUnreachable);
        assert!(bites(over, &gone));
        assert!(!bites(expired, &gone));
    }
}
