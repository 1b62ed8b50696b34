//! `drillgate run`: a drill around its checks and a command.

mod checks;
mod child;
mod controls;
mod counting;
mod disruption;
mod edge_log;
mod evidence;
mod prepared;
mod recording;
mod signals;
mod summary;
mod told;
mod tools;
mod work;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::controls::ControlArgs;
use self::counting::{Counting, CountingArgs};
use self::disruption::DisruptionArgs;
use self::evidence::EvidenceArgs;
use self::prepared::{Prepared, prepare};
use self::recording::Recording;
use self::signals::Signals;
use self::summary::Summary;
use self::told::Told;
use self::tools::{ProxyArgs, facts};
use self::work::with_drill;
use super::cluster::{ClusterArgs, DrillArgs, block_on};
use super::wait::WaitArgs;
use super::{Outcome, output, time};
use crate::evidence::record::Stage;
use crate::oneshot::drill::{Site, now};
use crate::oneshot::plan::Plan;
use crate::reconcile::named;
use crate::resources::metadata::full_name;
use crate::resources::metadata::rfc3339;

const EXAMPLES: &str = "\
Examples:
  drillgate run -f drill.yaml -- pytest tests/smoke
  drillgate run -f drill.yaml -- sh -c 'curl -fsS -H \"$DRILL_HEADER\" https://orders.example.com/healthz'
  drillgate run -f drill.yaml --upstream https://gateway.example.com -- npm test
  drillgate run -f drill.yaml --evidence evidence --evidence-key audit.jwk
  drillgate run -f drill.yaml --keep-evidence 12 --evidence-key audit.jwk
  drillgate run -f drill.yaml --edge-log 'kubectl logs -n istio-system -l istio=ingressgateway --tail=-1 --since=1h'

Before all else the edge is tried with requests that it has to refuse: forged, expired, for another
environment or drill, and others; and once more when the drill is over. One that it lets through fails
the run. The drill's checks (spec.checks) run next, in their order; one that fails stops none of the others.
Then the command runs, if there is one. Programs of checks and the command find in their environment:
  DRILL_PROXY         URL of a local proxy that signs each request: let the suite's base URL be this
  DRILL_CONTEXT_FILE  a file with a signed value that is always fresh
  DRILL_CONTEXT       a signed value, good for the gate's maxAgeSeconds or the rest of the drill
  DRILL_HEADER        the same as a header line: X-Drill-Context: <value>
  DRILL_ID, DRILL_NAME, DRILL_ENVIRONMENT, DRILL_HOST (the first), DRILL_HOSTS, DRILL_EXPIRES_AT
DRILL_PROXY is there if the edge is known: by --upstream, or by the gate's spec.probe.address. Checks
of the kinds http and grpc need one of the two, and without it no controls are tried.

--count-sandbox and --count-production are shell commands that print a number of requests so far, from
a log or a metric: they run before and after the drill, with DRILL_ID and the like in their
environment. --edge-log is one that prints the gateways' logs: afterwards the audit records of the drill
in them are counted, of requests that a command has signed and sent by itself, too, and whoever they
say has answered must be a sandbox of the drill. The report's ledger holds all of these against
what was sent.

The drill is taken away however the command ends, on Ctrl-C and on SIGTERM, too. Of a process that is
killed its objects stay, which nothing is steered to once the drill's ttl is over: the controller
removes them, or `drillgate gc`.

Exit codes:
  0  all that had to hold did, the command has ended with 0, and nothing of the drill is left
  1  a required check has failed, the edge has not refused a control, the ledger does not close, an
     objective of the drill (spec.objectives) was missed, or the evidence could not be kept in the
     cluster (--keep-evidence)
  N  the command's own code if it is not 0, whatever the checks came to; 128 + the signal that ended
     the command or the run
  2  usage
  124  the drill's time was over before the checks or the command had ended
  125  the drill could not be brought up or taken away, something else than the edge has answered,
     or nothing else has failed and the files of --evidence or --summary could not be written
  126  the command cannot be run
  127  there is no such command";

/// The drill's time was over before the command ended, as timeout(1) says it.
const TIME_OVER: u8 = 124;

/// The drill could not be brought up or taken away.
const FAILED: u8 = 125;

/// A required check has failed, or an objective was missed.
const NOT_PROVEN: u8 = 1;

/// Bring a drill up, run its checks and a command against it, and take the drill away again
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    #[command(flatten)]
    drill: DrillArgs,

    /// The key to sign with [default: DRILLGATE_KEY_FILE, DRILLGATE_KEY, or the gate's Secrets]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    /// Write what happened to a file, as JSON
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    #[command(flatten)]
    controls: ControlArgs,

    #[command(flatten)]
    disruption: DisruptionArgs,

    #[command(flatten)]
    counting: CountingArgs,

    #[command(flatten)]
    evidence: EvidenceArgs,

    /// When the recovery began that the drill is part of [default: when this run begins]
    #[arg(long, value_name = "RFC3339", value_parser = time::parse)]
    recovery_started: Option<i64>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// The command and its arguments; none if the drill's checks are all
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    let code = block_on(async {
        let mut signals = Signals::listen()?;
        let ended = drill(args, &mut signals).await;
        Ok(ended.unwrap_or_else(|error| failed(error.as_ref(), &signals)))
    })?;
    Ok(ExitCode::from(code))
}

/// Tells what a run has failed by, and gives the exit code for it.
fn failed(error: &dyn Error, signals: &Signals) -> u8 {
    output::error(error);
    signals.code().unwrap_or(FAILED)
}

/// Tells how the work goes on, and how long it has taken so far.
struct Progress(Instant);

impl Progress {
    fn say(&self, text: &str) {
        output::note(&format!(
            "drillgate {:>6.1}s  {text}",
            self.0.elapsed().as_secs_f64()
        ));
    }
}

async fn drill(args: &RunArgs, signals: &mut Signals) -> Result<u8, Box<dyn Error>> {
    let progress = Progress(Instant::now());
    let began = now();
    // Nothing is written in here, so that it may be dropped at any point.
    let prepared = tokio::select! {
        prepared = prepare(args) => prepared?,
        _ = signals.next() => return Err(crate::oneshot::Error::Interrupted.into()),
    };
    let mut told = Told {
        summary: Summary::new(&prepared.plan),
        recording: Recording::new(&prepared.plan, began, args.recovery_started)?,
    };
    let facts = facts(&prepared.plan);
    let counting = Counting::begin(&args.counting, &facts).await;
    let plan = &prepared.plan;
    progress.say(&format!(
        "drill {} {} until {}",
        full_name(&plan.drill),
        plan.id,
        rfc3339(&plan.expires_at)
    ));
    let outcome = up_and_down(args, signals, &prepared, &progress, &mut told).await;
    let counted = counting.end(&facts, plan, told.recording.routed()).await;
    Ok(told
        .finish(args, &prepared, outcome, counted, &progress, signals)
        .await)
}

/// What the run came to, and whether the drill could be taken away.
type UpAndDown = (Result<u8, Box<dyn Error>>, Result<(), Box<dyn Error>>);

async fn up_and_down(
    args: &RunArgs,
    signals: &mut Signals,
    prepared: &Prepared,
    progress: &Progress,
    told: &mut Told,
) -> UpAndDown {
    let Prepared { site, plan, .. } = prepared;
    let applying = now();
    let brought_up = site.bring_up(plan, &signals.stop()).await;
    told.recording.since(
        Stage::Provision,
        "applied the drill's objects and its entry",
        applying,
    );
    let is_up = brought_up.is_ok();
    let outcome = match brought_up {
        Ok(changes) => {
            progress.say(&format!(
                "applied {} objects and its entry",
                changes.applied.len()
            ));
            with_drill(args, signals, prepared, progress, told).await
        }
        Err(error) => Err(error.into()),
    };
    let outcome = told.recording.measured(plan, outcome);
    let left = take_down(site, plan, progress, told).await;
    if let Some(controls) = &prepared.controls {
        // Whoever presses Ctrl-C wants an end, and the drill has one.
        if is_up && left.is_ok() && signals.code().is_none() {
            let began = now();
            let control = controls.afterwards().await;
            progress.say(&format!(
                "after the drill: the edge answers {}",
                control.got
            ));
            told.recording
                .since(Stage::Afterwards, "asked for the drill that is over", began);
            told.recording.controls(&[control]);
        }
        told.recording.counted(&controls.counts());
    }
    (outcome.and_then(|code| signals.heeded(code)), left)
}

/// Takes the drill away, whatever has happened, and whoever presses Ctrl-C meanwhile.
async fn take_down(
    site: &Site,
    plan: &Plan,
    progress: &Progress,
    told: &mut Told,
) -> Result<(), Box<dyn Error>> {
    let references = plan.references();
    let began = now();
    let filter = plan.filter();
    let taken = site.take_down(plan.id, Some(&filter), &references).await;
    told.recording
        .since(Stage::Teardown, "took the drill away", began);
    match taken {
        Ok(changes) => {
            progress.say(&format!(
                "removed {} objects, nothing is left",
                changes.removed.len()
            ));
            told.summary.removed = changes.removed.iter().map(named).collect();
            Ok(())
        }
        Err(error) => {
            told.summary.left = match &error {
                crate::oneshot::Error::Lingers { objects } => objects.clone(),
                _ => references.iter().map(named).collect(),
            };
            told.recording.left(&told.summary.left);
            Err(format!(
                "the drill could not be taken away: {error}\n  the edge refuses its requests from {} on; remove what is left with `drillgate stop {}`",
                rfc3339(&plan.expires_at),
                plan.id
            )
            .into())
        }
    }
}
