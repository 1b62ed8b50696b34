//! `drillgate report`: verify, show and compare what drills have left.

mod kept;

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::key_source::Source;
use super::output::{self, Format, OutputArgs};
use super::{FOUND, Outcome, REFUSED};
use crate::evidence::comparison::Comparison;
use crate::evidence::document::{self, Document, MAX_BYTES};
use crate::evidence::folder::{self, REPORT, Refusal, Verified};
use crate::evidence::record::Record;
use crate::evidence::{self, Seal};

/// Verify, show and compare the evidence of drills, and fetch it from the cluster
///
/// A drill leaves a folder: report.json, the same as a page, as Markdown and for test tools, and a
/// signature over all of them. These commands ask nothing but the files; list and fetch ask the
/// cluster for the evidence of `drillgate run --keep-evidence`.
#[derive(Subcommand)]
pub(super) enum ReportCommand {
    Verify(VerifyArgs),
    Show(ShowArgs),
    Compare(CompareArgs),
    Schema(SchemaArgs),
    List(kept::ListArgs),
    Fetch(kept::FetchArgs),
}

/// Verify that a folder is, byte for byte, what a key has signed
///
/// Any change is found: a byte, a file that is missing, was added or was taken from another run,
/// another key. Whether the drill has passed is printed, and does not change the exit code.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report verify evidence --key audit.pub.jwk
  drillgate report verify evidence --key audit.pub.jwk --output json

The key is the Ed25519 key that you know to be the signer's: `drillgate keys public` prints its
public half.

Exit codes:
  0  it is what was signed; the output has the verdict, the key and the time
  1  it is not; the output names the file
  2  usage, or a folder or key that cannot be read")]
pub(super) struct VerifyArgs {
    /// The folder
    folder: PathBuf,

    /// The signer's key, a JWK that may be public; - reads standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    #[command(flatten)]
    output: OutputArgs,
}

/// Show a report, made anew from its report.json
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report show evidence
  drillgate report show evidence/report.json --format html > report.html
  drillgate report show evidence >> \"$GITHUB_STEP_SUMMARY\"

No signature is looked at: that is what `drillgate report verify` is for.

Exit codes:
  0  shown
  2  usage, or a report that cannot be read")]
pub(super) struct ShowArgs {
    /// The folder, or its report.json
    report: PathBuf,

    /// As what
    #[arg(long, value_enum, default_value = "markdown")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Markdown,
    Html,
    Junit,
    Json,
}

/// Compare a run with one before it: what broke, what was mended, what got slower
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report compare last-week today
  drillgate report compare last-week/report.json today/report.json --output json

What differs by less than half a second, or by less than a fifth, is not called slower. What is not
known any more is named, and does not change the exit code.

Exit codes:
  0  the later run fails nothing that the earlier one passed
  1  it does
  2  usage, or a report that cannot be read")]
pub(super) struct CompareArgs {
    /// The earlier run: its folder, or its report.json
    before: PathBuf,

    /// The later run
    after: PathBuf,

    #[command(flatten)]
    output: OutputArgs,
}

/// Print the JSON Schema of report.json
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report schema > report.schema.json

Exit codes:
  0  printed
  2  usage")]
pub(super) struct SchemaArgs {}

pub(super) fn run(command: &ReportCommand) -> Outcome {
    match command {
        ReportCommand::Verify(args) => verify(args),
        ReportCommand::Show(args) => show(args),
        ReportCommand::Compare(args) => compare(args),
        ReportCommand::List(args) => kept::list(args),
        ReportCommand::Fetch(args) => kept::get(args),
        ReportCommand::Schema(_) => {
            output::emit(&output::json(&evidence::schema())?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(args: &VerifyArgs) -> Outcome {
    let source = Source::named(&args.key)?;
    let key = source.load()?.jwk;
    let is_json = args.output.format == Format::Json;
    match folder::verify(&args.folder, &key) {
        Ok(verified) => {
            output::emit(&match is_json {
                true => output::json(&told(&verified))?,
                false => text(&args.folder, &verified),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ Refusal::Unreadable(..)) => Err(error.into()),
        Err(refusal) => {
            let why = refusal.to_string();
            output::emit(&match is_json {
                true => output::json(&json!({"verified": false, "why": why}))?,
                false => {
                    let (bad, folder) = (output::BAD, args.folder.display());
                    format!("{bad}not verified{bad:#}  {folder}: {why}\n")
                }
            })?;
            Ok(ExitCode::from(REFUSED))
        }
    }
}

fn text(folder: &Path, verified: &Verified) -> String {
    let good = output::GOOD;
    let verdict = Document::of(&verified.record).verdict;
    let drill = &verified.record.drill;
    let rows = [
        ("drill", format!("{:?} ({})", drill.name, drill.id)),
        ("verdict", verdict.to_string()),
        ("began", verified.record.started_at.0.to_string()),
        ("signed by", verified.kid.clone()),
        // Nobody but the signer vouches for the clock.
        ("signed at", verified.signed_at.0.to_string()),
    ];
    let files = verified.files.iter();
    let files: String = files
        .map(|(name, sha256)| format!("  {sha256}  {name}\n"))
        .collect();
    let folder = folder.display();
    format!(
        "{good}verified{good:#}  {folder}\n{}{files}",
        output::rows(rows)
    )
}

fn told(verified: &Verified) -> serde_json::Value {
    let document = Document::of(&verified.record);
    let files = verified.files.iter();
    let files: Vec<_> = files
        .map(|(name, sha256)| json!({"name": name, "sha256": sha256}))
        .collect();
    json!({
        "verified": true,
        "verdict": document.verdict,
        "failures": document.failures,
        "drill": document.record.drill,
        "startedAt": document.record.started_at.0.to_string(),
        "signedBy": verified.kid,
        "signedAt": verified.signed_at.0.to_string(),
        "files": files,
    })
}

fn show(args: &ShowArgs) -> Outcome {
    let record = read(&args.report)?;
    let text = match args.format {
        Form::Markdown => evidence::markdown(&record)?,
        Form::Html => evidence::html(&record, &Seal::MadeAnew)?,
        Form::Junit => evidence::junit(&record)?,
        Form::Json => Document::of(&record).text()?,
    };
    output::emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn compare(args: &CompareArgs) -> Outcome {
    let comparison = Comparison::of(&read(&args.before)?, &read(&args.after)?);
    output::emit(&match args.output.format {
        Format::Text => comparison.text(),
        Format::Json => output::json(&comparison)?,
    })?;
    Ok(match comparison.is_worse() {
        true => ExitCode::from(FOUND),
        false => ExitCode::SUCCESS,
    })
}

/// The record of a folder or a file.
fn read(path: &Path) -> Result<Record, Box<dyn Error>> {
    let path = match path.is_dir() {
        true => path.join(REPORT),
        false => path.to_owned(),
    };
    let named = |error: &dyn Error| format!("report {} cannot be read: {error}", path.display());
    let file = File::open(&path).map_err(|error| named(&error))?;
    let mut text = Vec::new();
    // One byte more than is accepted shows that the file is too long.
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| named(&error))?;
    Ok(document::read(&text).map_err(|error| named(&error))?)
}
