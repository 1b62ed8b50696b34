//! `drillgate run`: a drill around a command.

mod child;
#[allow(dead_code)]
mod counting;
mod signals;
mod summary;
mod tools;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::child::{Ended, run_command};
use self::signals::Signals;
use self::summary::Summary;
use self::tools::{ProxyArgs, Tools};
use super::cluster::{ClusterArgs, DrillArgs, block_on};
use super::start::{warn_of_unknown, warn_of_unreadable};
use super::wait::WaitArgs;
use super::{Outcome, output};
use crate::keyfile::Jwk;
use crate::oneshot::drill::Site;
use crate::oneshot::plan::{Plan, new_id};
use crate::reconcile::named;
use crate::resources::conditions::Status;
use crate::resources::metadata::full_name;
use crate::resources::metadata::rfc3339;

const EXAMPLES: &str = "\
Examples:
  drillgate run -f drill.yaml -- pytest tests/smoke
  drillgate run -f drill.yaml -- sh -c 'curl -fsS -H \"$DRILL_HEADER\" https://orders.example.com/healthz'
  drillgate run -f drill.yaml --upstream https://gateway.example.com -- npm test

The command finds in its environment:
  DRILL_PROXY         URL of a local proxy that signs each request: let the suite's base URL be this
  DRILL_CONTEXT_FILE  a file with a signed value that is always fresh
  DRILL_CONTEXT       a signed value, good for the gate's maxAgeSeconds or the rest of the drill
  DRILL_HEADER        the same as a header line: X-Drill-Context: <value>
  DRILL_ID, DRILL_NAME, DRILL_ENVIRONMENT, DRILL_HOST (the first), DRILL_HOSTS, DRILL_EXPIRES_AT
DRILL_PROXY is there if the edge is known: by --upstream, or by the gate's spec.probe.address.

The drill is taken away however the command ends, on Ctrl-C and on SIGTERM, too. Of a process that is
killed its objects stay, which nothing is steered to once the drill's ttl is over: the controller
removes them, or `drillgate gc`.

Exit codes:
  0  the command has ended with 0, and nothing of the drill is left
  N  the command's own code, or 128 + the signal that ended it
  2  usage
  124  the drill's time was over before the command ended
  125  the drill could not be brought up or taken away, or something else than the edge has answered
  126  the command cannot be run
  127  there is no such command";

/// The drill's time was over before the command ended, as timeout(1) says it.
const TIME_OVER: u8 = 124;

/// The drill could not be brought up or taken away.
const FAILED: u8 = 125;

/// Bring a drill up, run a command against it, and take the drill away again
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
    cluster: ClusterArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    let code = block_on(async {
        let mut signals = Signals::listen()?;
        Ok(match drill(args, &mut signals).await {
            Ok(code) => code,
            Err(error) => {
                output::error(error.as_ref());
                signals.code().unwrap_or(FAILED)
            }
        })
    })?;
    Ok(ExitCode::from(code))
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
    // Nothing is written in here, so that it may be dropped at any point.
    let prepared = tokio::select! {
        prepared = prepare(args) => prepared?,
        _ = signals.next() => return Err(crate::oneshot::Error::Interrupted.into()),
    };
    let Prepared { site, plan, key } = prepared;
    let mut summary = Summary::new(&plan);
    let name = full_name(&plan.drill);
    progress.say(&format!(
        "drill {name} {} until {}",
        plan.id,
        rfc3339(&plan.expires_at)
    ));
    let outcome = match site.bring_up(&plan, &signals.stop()).await {
        Ok(changes) => {
            progress.say(&format!(
                "applied {} objects and its entry",
                changes.applied.len()
            ));
            with_drill(args, signals, (&site, &plan, &key), &progress, &mut summary).await
        }
        Err(error) => Err(error.into()),
    };
    let left = take_down(&site, &plan, &progress, &mut summary).await;
    if let Err(error) = &outcome {
        summary.error = Some(error.to_string());
    }
    summary.write(args.summary.as_deref())?;
    match (outcome, left) {
        (Ok(_), Err(error)) => Err(error),
        (outcome, left) => {
            left.err()
                .iter()
                .for_each(|error| output::error(error.as_ref()));
            outcome
        }
    }
}

struct Prepared {
    site: Site,
    plan: Plan,
    key: Jwk,
}

async fn prepare(args: &RunArgs) -> Result<Prepared, Box<dyn Error>> {
    let connected = args.cluster.connect().await?;
    let site = connected.site;
    let (drill, given) = args.drill.read(&connected.namespace)?;
    let gate = site.gate_of(&drill, given).await?;
    let key = signing_key(args, &site, &gate).await?;
    let seen = site.see(gate).await?;
    warn_of_unreadable(&seen.around.unreadable);
    let plan = seen.plan(&drill, new_id()?, None)?;
    Ok(Prepared { site, plan, key })
}

/// The key that was named, or else one of the gate's that signs.
async fn signing_key(
    args: &RunArgs,
    site: &Site,
    gate: &crate::api::DrillGate,
) -> Result<Jwk, Box<dyn Error>> {
    if let Some(key) = super::key_source::signing(args.key.as_deref())? {
        return Ok(key);
    }
    let (keys, refusals) = site
        .keys_of(gate, &[])
        .await
        .map_err(|error| format!("{error}; or name a key with --key or DRILLGATE_KEY"))?;
    let signs = keys.into_iter().find(|key| key.signing_key().is_some());
    signs.ok_or_else(|| {
        let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        format!(
            "no key of DrillGate {} in the cluster signs: name one with --key or DRILLGATE_KEY{}{}",
            full_name(gate),
            if why.is_empty() { "" } else { ": " },
            why.join("; ")
        )
        .into()
    })
}

/// While the drill stands: waits for the edge, and runs the command.
async fn with_drill(
    args: &RunArgs,
    signals: &mut Signals,
    (site, plan, key): (&Site, &Plan, &Jwk),
    progress: &Progress,
    summary: &mut Summary,
) -> Result<u8, Box<dyn Error>> {
    let limit = args.wait.limit();
    let keys = [key.clone()];
    let edge = tokio::select! {
        edge = site.wait_for_edge((&plan.gate, &keys), Some(plan.question()), limit) => edge?,
        _ = signals.next() => return Err(crate::oneshot::Error::Interrupted.into()),
    };
    summary.edge = Some(edge.status.as_str());
    match edge.status {
        Status::True => progress.say(&format!("edge ready: {}", edge.message)),
        Status::Unknown => warn_of_unknown(&edge),
        Status::False => {
            return Err(format!(
                "the edge did not run with the drill in time: {}",
                edge.message
            )
            .into());
        }
    }
    let tools = Tools::start(&args.proxy, plan, key).await?;
    progress.say(&format!(
        "runs {}",
        args.command.join(&OsString::from(" ")).display()
    ));
    let ended = run_command(&args.command, &tools.environment(plan, key)?, plan, signals).await;
    let counts = tools.stop().await;
    if let Some(counts) = &counts {
        progress.say(&format!("proxy: {counts}"));
    }
    let (code, said) = match ended? {
        Ended::Code(code) => (code, format!("the command ended with {code}")),
        Ended::Signal(signal) => (
            128_u8.saturating_add(signal),
            format!("signal {signal} ended the command"),
        ),
        Ended::TimeOver => (
            TIME_OVER,
            "the drill's time is over, and the command was ended: give it a longer ttl".to_owned(),
        ),
    };
    progress.say(&said);
    summary.exit_code = Some(code);
    let unmarked = counts.as_ref().map_or(0, |counts| counts.unmarked);
    summary.requests = counts;
    if unmarked > 0 && code == 0 {
        return Err(format!(
            "{unmarked} answers did not come from the edge's filter, and were not handed on: is --upstream the gateway of this gate?"
        )
        .into());
    }
    Ok(code)
}

/// Takes the drill away, whatever has happened, and whoever presses Ctrl-C meanwhile.
async fn take_down(
    site: &Site,
    plan: &Plan,
    progress: &Progress,
    summary: &mut Summary,
) -> Result<(), Box<dyn Error>> {
    let references = plan.references();
    match site
        .take_down(plan.id, Some(&plan.filter()), &references)
        .await
    {
        Ok(changes) => {
            progress.say(&format!(
                "removed {} objects, nothing is left",
                changes.removed.len()
            ));
            summary.removed = changes.removed.iter().map(named).collect();
            Ok(())
        }
        Err(error) => {
            summary.left = references.iter().map(named).collect();
            Err(format!(
                "the drill could not be taken away: {error}\n  the edge refuses its requests from {} on; remove what is left with `drillgate stop {}`",
                rfc3339(&plan.expires_at),
                plan.id
            )
            .into())
        }
    }
}
