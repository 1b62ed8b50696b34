//! `drillgate demo`: plays one drill on this machine and shows each step.

mod proof;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::proof::{Signer, check_line, controls_line, no_postgres, summary as proof_summary};
use super::output::{self, BAD, Format, GOOD, OutputArgs};
use super::termination::asked_to_end;
use super::{Outcome, REFUSED, time};
use crate::demo::{self, Event, Ledger, Options, Report, Stage, StepReport};
use crate::keyfile;
use crate::lab::postgres::{DATABASES_VARIABLE, Programs};

/// Play one drill on this machine, step by step
///
/// Starts production, a sandbox and a real Envoy with the filter on free ports of 127.0.0.1,
/// sends the requests of a drill and shows who answered each, and who had to. Then come the
/// audit records and the ledger. With a PostgreSQL, production's database is dumped and restored
/// into the sandbox, and a drill with controls and checks shows that the copy works, and that a
/// wrong one would be found out.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Envoy's binary
    #[arg(long, value_name = "FILE", env = crate::lab::ENVOY_VARIABLE)]
    envoy: Option<PathBuf>,
    /// The filter's wasm module
    #[arg(long, value_name = "FILE", env = "DRILLGATE_MODULE")]
    module: PathBuf,
    /// A folder with PostgreSQL, laid out as a system's root [default: the PostgreSQL of this machine]
    #[arg(long, value_name = "FOLDER", env = DATABASES_VARIABLE)]
    databases: Option<PathBuf>,
    /// Leave the report of the drill with the database in this folder, which must not exist or be
    /// empty, signed with a key that is made for it
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,
    /// Leave everything up afterwards, with the drill active, and print curl lines
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  drillgate demo --envoy .tools/envoy-1.40/envoy --module target/drill_filter.wasm
  drillgate demo --keep
  drillgate demo --evidence evidence
  drillgate demo --output json | jq .ledger

`make demo` builds and installs what is needed first, and names it in DRILLGATE_ENVOY and
DRILLGATE_MODULE; `make demo ARGS=--keep` passes arguments on.

Exit codes:
  0    every step and the ledger hold, and so does the drill with the database if there is one
  1    a step differs, the ledger does not balance, the drill has failed, or a wrong restore passed
  2    a part did not start
  130  interrupted";

const INTERRUPTED: u8 = 130;

pub(super) fn run(args: &DemoArgs) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let ended = asked_to_end()?;
        // Dropping what runs ends Envoy: a killed demo leaves no process behind.
        tokio::select! {
            outcome = play(args) => outcome,
            () = ended => Ok(ExitCode::from(INTERRUPTED)),
        }
    })
}

async fn play(args: &DemoArgs) -> Outcome {
    let signer = args.evidence.as_deref().map(Signer::ready).transpose()?;
    let postgres = Programs::find(args.databases.as_deref());
    if postgres.is_none() {
        output::note(&no_postgres(args)?);
    }
    let options = Options {
        envoy: args.envoy.clone(),
        module: args.module.clone(),
        postgres,
        clock: time::now,
    };
    let text = args.output.format == Format::Text;
    let started = Instant::now();
    let mut shown = Ok(());
    let (mut stage, report) = demo::play(&options, &mut |event| match event {
        Event::Doing(what) => output::note(&format!("    ... {what}")),
        Event::Step(step) if text && shown.is_ok() => shown = output::emit(&step_line(step)),
        Event::Report(report) if text && shown.is_ok() => shown = output::emit(&so_far(report)),
        Event::Controls(controls) if text && shown.is_ok() => {
            shown = output::emit(&controls_line(controls));
        }
        Event::Check(outcome) if text && shown.is_ok() => {
            shown = output::emit(&check_line(outcome));
        }
        Event::Step(_) | Event::Report(_) | Event::Controls(_) | Event::Check(_) => {}
    })
    .await?;
    shown?;
    match args.output.format {
        Format::Text => output::emit(&verdict(&report))?,
        Format::Json => output::emit(&output::json(&report)?)?,
    }
    if let (Some(signer), Some(proof)) = (&signer, &report.proof) {
        output::note(&signer.write(&proof.record)?);
    }
    output::note(&format!(
        "    ... {:.1} s in all",
        started.elapsed().as_secs_f64()
    ));
    if args.keep {
        keep(&mut stage).await?;
    }
    stage.stop().await?;
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

/// Leaves the stage up until the process is told to end.
async fn keep(stage: &mut Stage) -> Result<(), Box<dyn std::error::Error>> {
    stage.restart_drill().await?;
    let folder = tempfile::Builder::new()
        .prefix("drillgate-demo-")
        .tempdir()?;
    let key = folder.path().join("demo.jwk");
    keyfile::create(&key, stage.key())?;
    let program = std::env::current_exe()?;
    output::note(&format!(
        "\nThe edge is up at {address}, the drill is active for an hour. Ctrl-C ends both.\n\n\
         # production answers\n\
         curl -i -H 'Host: {host}' http://{address}/orders/42\n\n\
         # the sandbox answers\n\
         curl -i -H 'Host: {host}' -H \"$({program} sign --key {key} --drill {drill} --env {environment} --header)\" \
         http://{address}/orders/42\n\n\
         # what the edge runs\n\
         curl -i -H 'Host: {host}' -H \"$({program} sign --key {key} --probe --header)\" http://{address}/",
        address = stage.address(),
        host = stage.host(),
        drill = stage.drill(),
        environment = stage.environment(),
        program = program.display(),
        key = key.display(),
    ));
    // Only a signal ends it: see `run`.
    std::future::pending().await
}

fn step_line(step: &StepReport) -> String {
    let (style, remark) = if step.holds {
        (GOOD, "as expected".to_owned())
    } else {
        (BAD, format!("EXPECTED {}", step.expected))
    };
    format!(
        "{:>3}  {:<17}  {:<46}  {:<38}  {style}{remark}{style:#}\n",
        step.number,
        step.name,
        step.sent,
        step.answer.to_string(),
    )
}

/// What the records and the ledger say of the steps.
fn so_far(report: &Report) -> String {
    let mut text = format!("\naudit records of drill {}\n", report.drill);
    for record in &report.audit {
        text.push_str(&format!("     {record}\n"));
    }
    text.push_str(&ledger(&report.ledger));
    text.push('\n');
    text
}

fn verdict(report: &Report) -> String {
    let mut text = report.proof.as_ref().map(proof_summary).unwrap_or_default();
    text.push_str(&if report.holds() {
        format!("\n{GOOD}every step and the ledger hold{GOOD:#}\n")
    } else {
        format!("\n{BAD}the drill does not hold{BAD:#}: see the lines above\n")
    });
    text
}

fn ledger(ledger: &Ledger) -> String {
    let Ledger {
        sent_without_header,
        sent_with_header,
        due_to_sandbox,
        production,
        production_with_header,
        sandbox,
        audit_records,
    } = ledger;
    let verdict = if ledger.balances() {
        format!("{GOOD}balances{GOOD:#}")
    } else {
        format!("{BAD}does not balance{BAD:#}")
    };
    format!(
        "\nledger: {verdict}\n\
         \x20    sent without the header  {sent_without_header:>3}    production received        {production:>3}\n\
         \x20    sent with the header     {sent_with_header:>3}    of them with the header    {production_with_header:>3}\n\
         \x20    due to the sandbox       {due_to_sandbox:>3}    the sandbox received       {sandbox:>3}\n\
         \x20                                    audit records              {audit_records:>3}\n"
    )
}
