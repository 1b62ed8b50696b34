//! One check after the other, each tried until it passes or its time is over.

use std::ffi::OsString;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::database::{Databases, NOT_HERE};
use super::edge::Edge;
use super::looks::{self, Look};
use super::outcome::{Outcome, Tried, Verdict};
use super::{command, grpc, http};
use crate::api::{Check, Retry};

/// What checks are run with.
#[derive(Debug)]
pub struct Context<'a> {
    /// What programs find in their environment.
    pub environment: &'a [(&'static str, OsString)],
    /// What http and grpc checks go through; nothing where its address is not known.
    pub edge: Option<&'a Edge>,
    /// What looks into databases are made with; nothing where no passwords are held, and no such
    /// check is run.
    pub databases: Option<&'a Databases<'a>>,
    /// When the recovery began, which the age of data is counted from.
    pub recovery_started: Timestamp,
    /// When the drill ends: no try goes on, or begins, after it.
    pub deadline: Instant,
}

/// Runs the checks in their order, and tells `done` of each as it ends. Whoever drops the future
/// ends the check that runs.
pub async fn run(
    checks: &[Check],
    context: &Context<'_>,
    mut done: impl FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(checks.len());
    for check in checks {
        let outcome = run_one(check, context).await;
        done(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

async fn run_one(check: &Check, context: &Context<'_>) -> Outcome {
    if check.looks_into_a_database() && context.databases.is_none() {
        return not_run(check, NOT_HERE);
    }
    let mut outcome = not_run(check, "the drill was over before");
    let begun = Instant::now();
    let lasts = check.retry.lasts.as_ref();
    let lasts = lasts.map_or(Duration::ZERO, |lasts| lasts.to_std());
    let mut pauses = Pauses::of(&check.retry);
    while Instant::now() < context.deadline {
        let try_begun = Instant::now();
        outcome.started_at.get_or_insert_with(now);
        let tried = try_once(check, context).await;
        outcome.tries += 1;
        outcome.ended_at = Some(now());
        outcome.last_try_ms = u64::try_from(try_begun.elapsed().as_millis()).ok();
        let failed = tried.failure.is_some();
        outcome.verdict = if failed {
            Verdict::Failed
        } else {
            Verdict::Passed
        };
        outcome.message = tried.failure.unwrap_or(tried.message);
        outcome.seen = tried.seen;
        let pause = pauses.next();
        if !failed || begun.elapsed() + pause > lasts {
            break;
        }
        if timeout_at(context.deadline, sleep(pause)).await.is_err() {
            break;
        }
    }
    outcome
}

async fn try_once(check: &Check, context: &Context<'_>) -> Tried {
    let limit = check.timeout.to_std();
    let limit = limit.min(context.deadline.duration_since(Instant::now()));
    let tried = match timeout(limit, ask(check, context)).await {
        Ok(tried) => tried,
        Err(_) => Tried::failed(format!("there was no answer within {limit:.1?}")),
    };
    cleared(tried, context).await
}

/// What a try has come to when its receipts are removed, however it has ended. One that stays fails
/// the check: it is in somebody's data.
async fn cleared(mut tried: Tried, context: &Context<'_>) -> Tried {
    let Some(databases) = context.databases else {
        return tried;
    };
    for left in databases.receipts.clear(databases).await {
        tried.failure = Some(match tried.failure {
            Some(failure) => format!("{failure}; {left}"),
            None => left,
        });
    }
    tried
}

async fn ask(check: &Check, context: &Context<'_>) -> Tried {
    if let Some(databases) = context.databases {
        let look = Look {
            limit: check.timeout.to_std(),
            recovery_started: context.recovery_started,
            now: Timestamp::now(),
        };
        if let Some(tried) = looks::ask(check, databases, look).await {
            return tried;
        }
    }
    if let Some(program) = &check.command {
        return command::ask(program, context).await;
    }
    let Some(edge) = context.edge else {
        return Tried::failed("the address of the edge is not known");
    };
    match (&check.http, &check.grpc) {
        (Some(steps), _) => http::ask(steps, edge).await,
        (None, Some(call)) => grpc::ask(call, edge).await,
        (None, None) => Tried::failed("the check says nothing that could be asked"),
    }
}

/// The pauses between tries: each is twice the one before, up to the longest.
struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    fn of(retry: &Retry) -> Pauses {
        Pauses {
            next: retry.interval.to_std(),
            longest: retry.max_interval.to_std(),
        }
    }

    fn next(&mut self) -> Duration {
        let now = self.next.min(self.longest);
        self.next = now.saturating_mul(2);
        now
    }
}

/// A check that was not asked, and why.
pub fn not_run(check: &Check, why: &str) -> Outcome {
    Outcome {
        name: check.name.clone(),
        kind: check.kind().to_owned(),
        severity: check.severity,
        verdict: Verdict::NotRun,
        message: why.to_owned(),
        started_at: None,
        ended_at: None,
        last_try_ms: None,
        tries: 0,
        seen: Default::default(),
    }
}

fn now() -> Time {
    Time(Timestamp::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;
    use tokio::time::Instant;

    use super::{Context, Pauses, run};
    use crate::api::{Check, Retry};
    use crate::checks::outcome::Verdict;

    fn check(name: &str, script: &str, more: &str) -> Check {
        let text = format!("name: {name}\ncommand: {{argv: [sh, -c, '{script}']}}\n{more}");
        serde_saphyr::from_str(&text).unwrap()
    }

    fn context(lasts: Duration) -> Context<'static> {
        Context {
            environment: &[],
            edge: None,
            databases: None,
            recovery_started: Timestamp::now(),
            deadline: Instant::now() + lasts,
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn each_check_is_told_with_what_it_came_to() {
        let checks = [
            check("good", "echo all is well", ""),
            check("bad", "echo no orders; exit 3", "severity: Informative"),
        ];
        let mut told = Vec::new();
        let outcomes = run(&checks, &context(LONG), |outcome| {
            told.push(outcome.name.clone());
        })
        .await;
        assert_eq!(told, ["good", "bad"]);
        let [good, bad] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert_eq!((good.verdict, good.tries), (Verdict::Passed, 1));
        assert_eq!(good.seen["output"], "all is well\n");
        assert_eq!(bad.verdict, Verdict::Failed);
        assert!(bad.message.contains('3'), "{}", bad.message);
        assert!(!bad.fails_the_drill());
    }

    #[tokio::test]
    async fn a_try_that_failed_is_followed_by_others_until_one_passes() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("marker");
        let script = format!("mkdir {} && exit 1 || exit 0", marker.display());
        let again = check("late", &script, "retry: {for: 30s, interval: 1s}");
        let outcomes = run(&[again], &context(LONG), |_| {}).await;
        assert_eq!(
            (outcomes[0].verdict, outcomes[0].tries),
            (Verdict::Passed, 2)
        );
    }

    #[tokio::test]
    async fn a_try_ends_with_its_timeout_and_with_the_drill() {
        let slow = check("slow", "sleep 50", "timeout: 1s");
        let outcomes = run(&[slow], &context(LONG), |_| {}).await;
        assert_eq!(outcomes[0].verdict, Verdict::Failed);
        assert!(outcomes[0].message.contains("within 1.0s"));

        let checks = [check("slow", "sleep 50", ""), check("never", "true", "")];
        let outcomes = run(&checks, &context(Duration::from_millis(300)), |_| {}).await;
        let verdicts = outcomes.iter().map(|outcome| outcome.verdict);
        assert_eq!(
            verdicts.collect::<Vec<_>>(),
            [Verdict::Failed, Verdict::NotRun]
        );
        assert!(outcomes[1].fails_the_drill());
    }

    #[tokio::test]
    async fn whoever_holds_no_passwords_runs_no_look_into_a_database_and_says_so() {
        let text = "{name: orders, sql: {database: copy, query: select 1, expect: {value: '1'}}}";
        let look: Check = serde_saphyr::from_str(text).unwrap();
        let outcomes = run(&[look], &context(LONG), |_| {}).await;
        let outcome = &outcomes[0];
        assert_eq!((outcome.verdict, outcome.tries), (Verdict::NotRun, 0));
        assert_eq!(outcome.kind, "sql");
        assert!(
            outcome.message.contains("drillgate run"),
            "{}",
            outcome.message
        );
        assert!(outcome.fails_the_drill());
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pauses = Pauses::of(&Retry::default());
        let seconds: Vec<_> = (0..6).map(|_| pauses.next().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10]);
    }
}
