//! `drillgate audit`.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::view::{ViewArgs, table};
use super::{FOUND, Outcome, output};
use crate::audit::{Account, MAX_LINE, Record, Totals, records};

const EXAMPLES: &str = "\
Examples:
  kubectl logs -n istio-system deploy/istio-ingressgateway | drillgate audit
  drillgate audit gateway-1.log gateway-2.log --totals
  drillgate audit access.json --drill 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --output json
  drillgate audit gateway.log --expect-drill 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --sent 48

It finds the records in a proxy's log, however that is wrapped, in access logs as JSON that have the
filter state, and in OTLP as JSON, one export a line (docs/siem.md). Other lines are passed over. Give
it one of the three for a gateway: each has all requests.

Exit codes:
  0  read; with --expect-drill, every request that was sent has its record
  1  with --expect-drill, it has not, or there are more
  2  usage, or what cannot be read";

/// Read the edge's audit records back
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AuditArgs {
    /// Logs; `-` or none for standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Only the records of this drill
    #[arg(long, value_name = "UUID")]
    drill: Option<Uuid>,

    /// Numbers by drill, and no records
    #[arg(long)]
    totals: bool,

    /// Exit with 1 unless this drill has as many records as --sent says
    #[arg(long, value_name = "UUID", requires = "sent")]
    expect_drill: Option<Uuid>,

    /// How many requests of the drill were sent with a good signature
    #[arg(long, value_name = "N", requires = "expect_drill")]
    sent: Option<u64>,

    #[command(flatten)]
    view: ViewArgs,
}

pub(super) fn run(args: &AuditArgs) -> Outcome {
    let mut account = Account::default();
    let mut wanted = Vec::new();
    let drill = args.drill.map(|drill| drill.to_string());
    each_record(&args.files, |record| {
        if drill.is_some() && record.drill != drill {
            return;
        }
        account.add(&record);
        if !args.totals && args.expect_drill.is_none() {
            wanted.push(record);
        }
    })?;
    if args.totals || args.expect_drill.is_some() {
        args.view.view.show(&account, totals)?;
    } else {
        args.view.view.show(&wanted, |records| listed(records))?;
    }
    if account.repeated > 0 {
        let repeated = account.repeated;
        output::warning(&format!(
            "{repeated} records are there twice, and were counted once"
        ));
    }
    let expected = args.expect_drill.zip(args.sent);
    let gap = expected.and_then(|(drill, sent)| account.gap(&drill.to_string(), sent));
    Ok(match gap {
        Some(gap) => {
            output::error(&io::Error::other(gap));
            ExitCode::from(FOUND)
        }
        None => ExitCode::SUCCESS,
    })
}

fn each_record(files: &[PathBuf], mut take: impl FnMut(Record)) -> Result<(), Box<dyn Error>> {
    if files.is_empty() {
        return each_of(io::stdin().lock(), Path::new("standard input"), &mut take);
    }
    for path in files {
        if path.as_os_str() == "-" {
            each_of(io::stdin().lock(), Path::new("standard input"), &mut take)?;
        } else {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            each_of(BufReader::new(file), path, &mut take)?;
        }
    }
    Ok(())
}

fn each_of(
    mut log: impl BufRead,
    origin: &Path,
    take: &mut impl FnMut(Record),
) -> Result<(), Box<dyn Error>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(origin, &error))? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE {
            return Err(format!(
                "{}: a line is longer than {MAX_LINE} bytes",
                origin.display()
            )
            .into());
        }
        records(&String::from_utf8_lossy(&line))
            .into_iter()
            .for_each(&mut *take);
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Box<dyn Error> {
    format!("{} cannot be read: {error}", path.display()).into()
}

fn totals(account: &Account) -> String {
    let named = account
        .drills
        .iter()
        .map(|(drill, totals)| (drill.as_str(), totals));
    let strangers = Some(("(none that could be believed)", &account.unattributed));
    let strangers = strangers.filter(|(_, totals)| totals.requests > 0);
    let rows: Vec<[String; 6]> = named.chain(strangers).map(row).collect();
    if rows.is_empty() {
        return "no records\n".to_owned();
    }
    table(
        [
            "DRILL",
            "REQUESTS",
            "ROUTED",
            "REFUSED",
            "UNREACHABLE",
            "UNANSWERED",
        ],
        &rows,
    )
}

fn row((drill, totals): (&str, &Totals)) -> [String; 6] {
    let codes = totals.refused.iter();
    let codes: Vec<String> = codes
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    [
        drill.to_owned(),
        totals.requests.to_string(),
        totals.routed.to_string(),
        if codes.is_empty() {
            "0".to_owned()
        } else {
            codes.join(", ")
        },
        totals.sandbox_unreachable.to_string(),
        totals.unanswered.to_string(),
    ]
}

fn listed(records: &[Record]) -> String {
    if records.is_empty() {
        return "no records\n".to_owned();
    }
    let text = |field: &Option<String>| printable(field.as_deref().unwrap_or_default());
    let rows: Vec<[String; 7]> = records
        .iter()
        .map(|record| {
            [
                text(&record.drill),
                printable(&record.verdict),
                text(&record.reason),
                record
                    .status
                    .map(|status| status.to_string())
                    .unwrap_or_default(),
                text(&record.method),
                format!("{}{}", text(&record.authority), text(&record.path)),
                text(&record.jti),
            ]
        })
        .collect();
    table(
        [
            "DRILL", "VERDICT", "REASON", "STATUS", "METHOD", "REQUEST", "TOKEN",
        ],
        &rows,
    )
}

/// A log is no one's own text: nothing in it may move the cursor.
fn printable(text: &str) -> String {
    let kept = text
        .chars()
        .map(|it| if it.is_control() { '?' } else { it });
    kept.collect()
}
