//! What the sandbox and production themselves have counted: asked by programs of the user's.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;
use tokio::time::timeout;

use crate::evidence::ledger::unknown;
use crate::evidence::record::Count;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The longest answer that is shown when it is no number.
const SHOWN: usize = 80;

#[derive(Debug, Clone, Args)]
pub(super) struct CountingArgs {
    /// A shell command that prints how many requests the sandbox has answered so far
    #[arg(long, value_name = "COMMAND")]
    count_sandbox: Option<String>,

    /// A shell command that prints how many requests with the header production has seen so far
    #[arg(long, value_name = "COMMAND")]
    count_production: Option<String>,
}

/// The counters, and where they stood when the drill began.
pub(super) struct Counting {
    sandbox: Counter,
    production: Counter,
}

struct Counter {
    command: Option<String>,
    option: &'static str,
    before: Result<u64, String>,
}

impl Counting {
    /// Reads the counters for the first time.
    pub(super) async fn begin(
        args: &CountingArgs,
        environment: &[(&'static str, OsString)],
    ) -> Counting {
        let begin = async |command: &Option<String>, option| Counter {
            command: command.clone(),
            option,
            before: read(command.as_deref(), environment).await,
        };
        Counting {
            sandbox: begin(&args.count_sandbox, "--count-sandbox").await,
            production: begin(&args.count_production, "--count-production").await,
        }
    }

    /// Reads them again: by how much the sandbox's and production's have grown.
    pub(super) async fn end(self, environment: &[(&'static str, OsString)]) -> (Count, Count) {
        let sandbox = self.sandbox.grown(environment).await;
        (sandbox, self.production.grown(environment).await)
    }
}

impl Counter {
    async fn grown(self, environment: &[(&'static str, OsString)]) -> Count {
        let Some(command) = &self.command else {
            return unknown(&format!("nobody was asked: see {}", self.option));
        };
        let after = read(Some(command), environment).await;
        let grown = self.before.and_then(|before| {
            let after = after?;
            let grown = after.checked_sub(before);
            grown.ok_or_else(|| format!("the counter went back from {before} to {after}"))
        });
        match grown {
            Ok(number) => Count {
                number: Some(number),
                source: format!("{}, before and after", self.option),
            },
            Err(why) => unknown(&format!("{}: {why}", self.option)),
        }
    }
}

/// The number that a command prints.
async fn read(
    command: Option<&str>,
    environment: &[(&'static str, OsString)],
) -> Result<u64, String> {
    let Some(command) = command else {
        return Err("there is no command".to_owned());
    };
    let mut shell = Command::new("sh");
    let run = shell
        .args(["-c", command])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, run)
        .await
        .map_err(|_| format!("it took longer than {LIMIT:?}"))?
        .map_err(|error| format!("it cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let printed = printed.trim();
    printed.parse().map_err(|_| {
        let shown: String = printed.chars().take(SHOWN).collect();
        format!("it printed {shown:?}, and a number was wanted")
    })
}

#[cfg(test)]
mod tests {
    use super::{Counting, CountingArgs};

    fn args(sandbox: &str, production: Option<&str>) -> CountingArgs {
        CountingArgs {
            count_sandbox: Some(sandbox.to_owned()),
            count_production: production.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn a_counter_counts_from_where_it_stood_and_knows_the_drill() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, "old abc\n").unwrap();
        let count = format!("grep -c \"$DRILL_ID\" {}", file.display());
        let environment = [("DRILL_ID", "abc".into())];
        let counting = Counting::begin(&args(&count, None), &environment).await;
        std::fs::write(&file, "old abc\nabc\nabc\nother\n").unwrap();
        let (sandbox, production) = counting.end(&environment).await;
        assert_eq!(sandbox.number, Some(2));
        assert_eq!(production.number, None);
        assert!(
            production.source.contains("--count-production"),
            "{production:?}"
        );
    }

    #[tokio::test]
    async fn what_is_no_number_is_unknown_and_says_why() {
        for (command, why) in [
            ("echo many", "it printed \"many\""),
            ("exit 3", "ended with exit status: 3"),
            ("printf '%s' -1", "it printed \"-1\""),
        ] {
            let counting = Counting::begin(&args("echo 1", Some(command)), &[]).await;
            let (sandbox, production) = counting.end(&[]).await;
            assert_eq!(sandbox.number, Some(0));
            assert_eq!(production.number, None);
            assert!(production.source.contains(why), "{production:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("once");
        let back = format!("mkdir {} 2>/dev/null && echo 5 || echo 3", once.display());
        let counting = Counting::begin(&args(&back, None), &[]).await;
        let (sandbox, _) = counting.end(&[]).await;
        assert!(
            sandbox.source.contains("went back from 5 to 3"),
            "{sandbox:?}"
        );
    }
}
