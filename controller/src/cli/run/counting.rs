//! What the edge, the sandbox and production have counted themselves: programs of the user's know it.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;
use tokio::time::timeout;

use super::edge_log::edge_records;
use crate::checks::users_program;
use crate::evidence::ledger::{Count, Sides};
use crate::oneshot::plan::Plan;

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

    /// A shell command that prints the gateways' logs, whose audit records are counted
    #[arg(long, value_name = "COMMAND")]
    edge_log: Option<String>,
}

/// The counters, and where they stood when the drill began.
pub(super) struct Counting {
    sandbox: Counter,
    production: Counter,
    edge_log: Option<String>,
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
        let begin = async |command: &Option<String>, option| {
            Counter::begin(command.as_deref(), option, environment).await
        };
        Counting {
            sandbox: begin(&args.count_sandbox, "--count-sandbox").await,
            production: begin(&args.count_production, "--count-production").await,
            edge_log: args.edge_log.clone(),
        }
    }

    /// Reads them again: by how much the sandbox's and production's have grown, and what the edge's
    /// log has of a drill of which `seen` answers came from the sandbox.
    pub(super) async fn end(
        self,
        environment: &[(&'static str, OsString)],
        plan: &Plan,
        seen: u64,
    ) -> Sides {
        let edge = edge_records(self.edge_log.as_deref(), environment, plan, seen).await;
        Sides {
            senders: Vec::new(),
            edge,
            sandbox: self.sandbox.grown(environment).await,
            production: self.production.grown(environment).await,
        }
    }
}

impl Counter {
    async fn begin(
        command: Option<&str>,
        option: &'static str,
        environment: &[(&'static str, OsString)],
    ) -> Counter {
        Counter {
            command: command.map(str::to_owned),
            option,
            before: read(command, environment).await,
        }
    }

    async fn grown(self, environment: &[(&'static str, OsString)]) -> Count {
        let Some(command) = &self.command else {
            return Count::unknown(&format!("nobody was asked: see {}", self.option));
        };
        let after = read(Some(command), environment).await;
        let grown = self.before.and_then(|before| {
            let after = after?;
            let grown = after.checked_sub(before);
            grown.ok_or_else(|| format!("the counter went back from {before} to {after}"))
        });
        match grown {
            Ok(number) => Count::known(number, &format!("{}, before and after", self.option)),
            Err(why) => Count::unknown(&format!("{}: {why}", self.option)),
        }
    }
}

/// A program of the user's. It ends when nobody waits for it any more.
pub(super) fn shell(command: &str, environment: &[(&'static str, OsString)]) -> Command {
    let mut shell = users_program("sh", environment);
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    shell
}

/// The number that a command prints.
async fn read(
    command: Option<&str>,
    environment: &[(&'static str, OsString)],
) -> Result<u64, String> {
    let Some(command) = command else {
        return Err("there is no command".to_owned());
    };
    let output = timeout(LIMIT, shell(command, environment).output())
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
    use super::Counter;
    use crate::evidence::ledger::Count;

    /// What a counter has grown by between two looks, with `between` done in between.
    async fn grown(command: Option<&str>, between: impl FnOnce()) -> Count {
        let environment = [("DRILL_ID", "abc".into())];
        let counter = Counter::begin(command, "--count-sandbox", &environment).await;
        between();
        counter.grown(&environment).await
    }

    #[tokio::test]
    async fn a_counter_counts_from_where_it_stood_and_knows_the_drill() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, "old abc\n").unwrap();
        let count = format!("grep -c \"$DRILL_ID\" {}", file.display());
        let more = || std::fs::write(&file, "old abc\nabc\nabc\nother\n").unwrap();
        assert_eq!(grown(Some(&count), more).await.number, Some(2));
        let nobody = grown(None, || {}).await;
        assert_eq!(nobody.number, None);
        assert!(nobody.source.contains("--count-sandbox"), "{nobody:?}");
    }

    #[tokio::test]
    async fn what_is_no_number_is_unknown_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("once");
        let back = format!("mkdir {} 2>/dev/null && echo 5 || echo 3", once.display());
        for (command, why) in [
            ("echo many", "it printed \"many\""),
            ("exit 3", "ended with exit status: 3"),
            ("printf '%s' -1", "it printed \"-1\""),
            (&back, "went back from 5 to 3"),
        ] {
            let count = grown(Some(command), || {}).await;
            assert_eq!(count.number, None);
            assert!(count.source.contains(why), "{count:?}");
        }
    }
}
