//! What the edge's log has of a drill: a program of the user's prints the log, and its audit records
//! are counted.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::{Instant, sleep, timeout_at};

use super::counting::shell;
use crate::audit::{Account, MAX_LINE, Totals, records};
use crate::evidence::ledger::EdgeRecords;
use crate::oneshot::plan::Plan;

/// How long a log may take to have all that the clients have seen: gateways and collectors write in
/// batches.
const LIMIT: Duration = Duration::from_secs(30);

/// How often it is read anew meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads the log until it has the `seen` answers of the sandbox, or it has had its time.
pub(super) async fn edge_records(
    command: Option<&str>,
    environment: &[(&'static str, OsString)],
    plan: &Plan,
    seen: u64,
) -> EdgeRecords {
    let Some(command) = command else {
        return EdgeRecords::unknown("nobody was asked: see --edge-log");
    };
    let id = plan.id.to_string();
    let until = Instant::now() + LIMIT;
    let mut last = Err(format!("it took longer than {LIMIT:?}"));
    while let Ok(read) = timeout_at(until, totals(command, environment, &id)).await {
        let is_whole = read.as_ref().is_ok_and(|totals| totals.routed >= seen);
        last = read;
        if is_whole || Instant::now() + PAUSE >= until {
            break;
        }
        sleep(PAUSE).await;
    }
    match last {
        // Where drillgate itself has seen no answer of the sandbox, nothing tells an empty log from
        // another gateway's.
        Ok(totals) if totals.requests == 0 && seen == 0 => {
            EdgeRecords::unknown("--edge-log: it printed no record of this drill")
        }
        Ok(totals) => EdgeRecords::of(&totals, &plan.sandboxes, "--edge-log, after the drill"),
        Err(why) => EdgeRecords::unknown(&format!("--edge-log: {why}")),
    }
}

/// What a log has of a drill, as it is now.
async fn totals(
    command: &str,
    environment: &[(&'static str, OsString)],
    drill: &str,
) -> Result<Totals, String> {
    let mut child = shell(command, environment)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be run: {error}"))?;
    let output = child.stdout.take().ok_or("it has no output")?;
    let account = account(BufReader::new(output), drill).await?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    Ok(account.drills.get(drill).cloned().unwrap_or_default())
}

/// Counts the records of one drill in a log.
async fn account(mut log: impl AsyncBufRead + Unpin, drill: &str) -> Result<Account, String> {
    let mut account = Account::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut log).take(MAX_LINE).read_until(b'\n', &mut line).await;
        match read.map_err(|error| error.to_string())? {
            0 => return Ok(account),
            length if length as u64 == MAX_LINE => {
                return Err(format!("it printed a line longer than {MAX_LINE} bytes"));
            }
            _ => {}
        }
        let found = records(&String::from_utf8_lossy(&line)).into_iter();
        found
            .filter(|record| record.drill.as_deref() == Some(drill))
            .for_each(|record| account.add(&record));
    }
}

#[cfg(test)]
mod tests {
    use super::totals;

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

    fn line(drill: &str, verdict: &str, request: u32) -> String {
        format!(
            r#"[2026-11-27 10:00:00.000][12][warning][wasm] wasm log drillgate: {{"event":"drill-request","verdict":"{verdict}","drill":"{drill}","request_id":"{request}"}}"#
        )
    }

    #[tokio::test]
    async fn a_log_is_counted_for_one_drill() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let other = "11111111-4a77-4d0c-9a55-0f5a7c1d2e3f";
        let lines = [
            "[info] an ordinary line".to_owned(),
            line(DRILL, "routed", 1),
            line(other, "routed", 2),
            line(DRILL, "sandbox-unreachable", 3),
            line(DRILL, "routed", 4),
        ];
        std::fs::write(&file, lines.join("\n")).unwrap();
        let command = format!("grep -F \"$DRILL_ID\" {0} || cat {0}", file.display());
        let environment = [("DRILL_ID", DRILL.into())];
        let totals = totals(&command, &environment, DRILL).await.unwrap();
        assert_eq!((totals.requests, totals.routed), (3, 2));
        assert_eq!(totals.sandbox_unreachable, 1);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_read_is_not_an_empty_one() {
        let read = totals("echo some; exit 3", &[], DRILL).await;
        assert_eq!(read.unwrap_err(), "it ended with exit status: 3");
    }
}
