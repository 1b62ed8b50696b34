//! A program as a check.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;

use tokio::process::Command;

use super::engine::Context;
use super::group::{self, Ended};
use super::mask::{Mask, is_secret};
use super::outcome::Tried;
use super::report::{self, Before, Report};
use crate::api::CommandCheck;

/// Variables that no program has a need to know: the key is drillgate's to sign with.
const SECRETS: [&str; 2] = ["DRILLGATE_KEY", "DRILLGATE_KEY_FILE"];

/// The variables with a signed context.
const SIGNED: [&str; 2] = ["DRILL_CONTEXT", "DRILL_HEADER"];

/// The shortest value that is taken for a secret, in bytes.
const SHORTEST: usize = 6;

/// How many failed cases are named in the message.
const NAMED: usize = 5;

/// A program of the user's, with `environment` beside our own, and without the key.
pub fn users_program(
    program: impl AsRef<OsStr>,
    environment: &[(&'static str, OsString)],
) -> Command {
    let mut command = Command::new(program);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    for name in SECRETS {
        command.env_remove(name);
    }
    command
}

/// Runs the program once. It is killed, with all that it has started, when the future is dropped.
pub(super) async fn ask(check: &CommandCheck, context: &Context<'_>) -> Tried {
    let Some((program, arguments)) = check.argv.split_first() else {
        return Tried::failed("argv is empty: name a program");
    };
    let mut command = users_program(program, context.environment);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let before = Before::look(check.report.as_ref());
    let ended = match group::run(command).await {
        Ok(ended) => ended,
        Err(error) => return Tried::failed(format!("{program} cannot be run: {error}")),
    };
    let report = check
        .report
        .as_ref()
        .map(|wanted| report::read(wanted, &before, &ended.stdout));
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let inherited = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let mask = mask_of(context.environment, inherited);
    let report = report.map(|read| match read {
        Ok(report) => Ok(report.masked(&mask)),
        Err(why) => Err(mask.apply(&why)),
    });
    judge(program, &ended, report, &mask)
}

/// What the program could print and nobody is to be shown: the signed context, and whatever its
/// environment calls a secret.
fn mask_of(
    ours: &[(&'static str, OsString)],
    inherited: impl Iterator<Item = (String, String)>,
) -> Mask {
    let mut mask = Mask::default();
    for (_, value) in ours.iter().filter(|(name, _)| SIGNED.contains(name)) {
        let value = value.to_string_lossy();
        mask.hide(value.rsplit(' ').next().unwrap_or_default());
    }
    for (_, value) in inherited.filter(|(name, _)| is_secret(name)) {
        // A shorter one would take pieces out of ordinary words, and hides nothing.
        if value.trim().len() >= SHORTEST {
            mask.hide(&value);
        }
    }
    mask
}

fn judge(
    program: &str,
    ended: &Ended,
    report: Option<Result<Report, String>>,
    mask: &Mask,
) -> Tried {
    let status = match ended.status.success() {
        true => None,
        false => Some(format!("{program} ended with {}", ended.status)),
    };
    let told = match &report {
        Some(Ok(report)) => report.summary(NAMED),
        Some(Err(why)) => why.clone(),
        None => String::new(),
    };
    let well = match &report {
        Some(Ok(report)) => report.has_passed(),
        Some(Err(_)) => false,
        None => true,
    };
    let tried = match (status, well) {
        (None, true) if told.is_empty() => Tried::passed(format!("{program} ended well")),
        (None, true) => Tried::passed(told),
        (None, false) => Tried::failed(told),
        (Some(status), _) if told.is_empty() => Tried::failed(status),
        (Some(status), _) => Tried::failed(format!("{status}; {told}")),
    };
    // Before it is cut: half a secret is one, too.
    let text = |bytes| mask.apply(&String::from_utf8_lossy(bytes));
    let mut tried = tried.and_saw("output", &text(&ended.stdout));
    if !ended.stderr.is_empty() {
        tried = tried.and_saw("errors", &text(&ended.stderr));
    }
    match report {
        Some(Ok(report)) => report.seen(tried),
        _ => tried,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;
    use tokio::time::{Instant, sleep, timeout};

    use super::ask;
    use crate::api::CommandCheck;
    use crate::checks::engine::Context;
    use crate::checks::outcome::Tried;

    /// For what happens: a test that waits for it is broken.
    const LONG: Duration = Duration::from_secs(60);

    fn context() -> Context<'static> {
        Context {
            environment: &[],
            edge: None,
            databases: None,
            recovery_started: Timestamp::now(),
            deadline: Instant::now() + LONG,
        }
    }

    async fn tried(script: &str, report: &str) -> Tried {
        let mut check: CommandCheck =
            serde_saphyr::from_str(&format!("argv: [sh, -c, '{script}']")).unwrap();
        if !report.is_empty() {
            check.report = Some(serde_saphyr::from_str(report).unwrap());
        }
        ask(&check, &context()).await
    }

    #[tokio::test]
    async fn a_report_with_failures_fails_a_program_that_ended_well() {
        let tap = "echo 1..2; echo ok 1 - a; echo not ok 2 - rows; exit 0";
        let failed = tried(tap, "tap: stdout").await;
        let told = "1 of 2 test cases failed: rows";
        assert_eq!(failed.failure.as_deref(), Some(told));
        assert_eq!(failed.seen["failed cases"], "rows");
        assert_eq!(failed.seen["test cases"], "2 run, 1 failed, 0 skipped");
        let passed = tried("echo 1..1; echo ok 1 - a", "tap: stdout").await;
        assert_eq!(passed.failure, None);
        assert_eq!(passed.message, "1 test case passed");
    }

    #[tokio::test]
    async fn what_it_prints_is_shown_without_its_secrets() {
        let environment = [
            ("DRILL_CONTEXT", "head.claims.mac".into()),
            ("DRILL_HEADER", "X-Drill-Context: head.claims.mac".into()),
            ("DRILL_ID", "6f1c2b9e".into()),
        ];
        let context = Context {
            environment: &environment,
            ..context()
        };
        let script =
            "echo 1..1; echo not ok 1 - sent $DRILL_CONTEXT for $DRILL_ID; echo $DRILL_HEADER >&2";
        let check = format!("{{argv: [sh, -c, '{script}'], report: {{tap: stdout}}}}");
        let check: CommandCheck = serde_saphyr::from_str(&check).unwrap();
        let tried = ask(&check, &context).await;
        assert!(!format!("{tried:?}").contains("claims"), "{tried:?}");
        assert_eq!(tried.seen["failed cases"], "sent (masked) for 6f1c2b9e");
        assert_eq!(tried.seen["errors"], "X-Drill-Context: (masked)\n");
        assert!(tried.failure.unwrap().contains("sent (masked)"));
    }

    #[test]
    fn an_inherited_secret_is_known_by_its_variables_name() {
        let inherited = [
            ("PGPASSWORD", "s3cret-of-the-db"),
            ("HOME", "/home/ci"),
            ("TOKEN", "1"),
        ];
        let inherited = inherited.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mask = super::mask_of(&[], inherited.into_iter());
        let shown = mask.apply("1 login in /home/ci with s3cret-of-the-db");
        assert_eq!(shown, "1 login in /home/ci with (masked)");
    }

    #[tokio::test]
    async fn an_exit_code_fails_it_whatever_the_report_says() {
        let failed = tried("echo 1..1; echo ok 1 - a; exit 3", "tap: stdout").await;
        let why = failed.failure.unwrap();
        assert!(
            why.contains('3') && why.contains("1 test case passed"),
            "{why}"
        );
    }

    #[tokio::test]
    async fn a_report_that_is_missing_or_an_old_one_fails_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        let report = format!("junit: {}", path.display());
        let missing = tried("true", &report).await.failure.unwrap();
        assert!(missing.contains("has not been written"), "{missing}");
        fs::write(&path, "<testsuite><testcase name=\"a\"/></testsuite>").unwrap();
        let old = tried("true", &report).await.failure.unwrap();
        assert!(old.contains("has not been written"), "{old}");
        let script = format!(
            "echo \"<testsuite><testcase name=\\\"b\\\"/></testsuite>\" >{}",
            path.display()
        );
        let new = tried(&script, &report).await;
        assert_eq!(new.failure, None, "{new:?}");
    }

    async fn waits_for(path: &Path) -> String {
        let waited = async {
            loop {
                match fs::read_to_string(path) {
                    Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                    _ => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(LONG, waited).await.unwrap()
    }

    /// Whether a process lives; one that nobody has buried yet does not.
    fn lives(process: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    async fn is_gone(process: &str) {
        let gone = async {
            while lives(process) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, gone).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_program_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        // It would hold the output open for as long as it lives.
        let script = format!("sleep 100 & echo $! >{}", path.display());
        let ended = timeout(LONG, tried(&script, "")).await.unwrap();
        assert_eq!(ended.failure, None);
        is_gone(&waits_for(&path).await).await;
    }

    #[tokio::test]
    async fn a_check_that_is_given_up_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let script = format!("sleep 100 & echo $! >{}; wait", path.display());
        let child = tokio::select! {
            ended = tried(&script, "") => panic!("{ended:?}"),
            child = waits_for(&path) => child,
        };
        is_gone(&child).await;
    }

    #[tokio::test]
    async fn outputs_are_bounded() {
        let script = "yes | head -c 5000000";
        let ended = tried(script, "").await;
        assert_eq!(ended.failure, None);
        assert!(ended.seen["output"].len() < 3000);
    }
}
