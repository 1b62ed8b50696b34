//! `drillgate start`: a drill that stays until it is stopped or its time is over.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tokio::sync::watch;

use super::cluster::{ClusterArgs, DrillArgs, block_on, read_keys};
use super::output;
use super::view::{View, ViewArgs};
use super::wait::WaitArgs;
use super::{NOT_IN_TIME, Outcome};
use crate::oneshot::drill::Changes;
use crate::oneshot::plan::{Plan, identity};
use crate::resources::conditions::{Observation, Status};
use crate::resources::metadata::full_name;
use crate::resources::metadata::rfc3339;

const EXAMPLES: &str = "\
Examples:
  drillgate start -f drill.yaml
  drillgate start -f drill.yaml --ttl 15m --output json | jq -r .id
  drillgate stop orders

A drill of that name that stands already is brought to what the file says; where it is that
already, nothing is written. Its end stays, unless --extend is given.

Exit codes:
  0  the drill stands, and the edge runs with it or cannot be asked
  2  usage, or the drill cannot be carried out here
  4  the cluster cannot be reached, or does not let us
  5  the edge did not run with it in time; the drill stands";

/// Bring a drill up, without the controller, and leave it up
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StartArgs {
    #[command(flatten)]
    drill: DrillArgs,

    /// Let a drill that stands already last for its ttl from now
    #[arg(long)]
    extend: bool,

    /// A key to ask the edge with [default: the gate's, from its Secret]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

/// What was brought up.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    id: String,
    name: String,
    environment: String,
    hosts: Vec<String>,
    expires_at: String,
    changed: bool,
    /// What the gateway itself said: True, False or Unknown.
    edge: &'static str,
    edge_message: String,
}

pub(super) fn run(args: &StartArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let site = connected.site;
        let (drill, given) = args.drill.read(&connected.namespace)?;
        let keys = read_keys(&args.key)?;
        let gate = site.gate_of(&drill, given).await?;
        let seen = site.see(gate).await?;
        warn_of_unreadable(&seen.around.unreadable);
        let (id, end) = identity(&drill, &seen.standing, &crate::oneshot::drill::now())?;
        let plan = seen.plan(&drill, id, end.filter(|_| !args.extend))?;
        let (_stop, never) = watch::channel(false);
        let mut changes = site.bring_up(&plan, &never).await?;
        let stale = seen.standing.iter().filter(|other| other.id == id);
        let wanted = plan.references();
        let stale = stale.flat_map(|other| &other.objects).cloned();
        let stale: Vec<_> = stale.filter(|object| !wanted.contains(object)).collect();
        changes.removed = site.remove(&stale).await?;
        let (keys, _) = site.keys_of(&plan.gate, &keys).await.unwrap_or_default();
        let limit = args.wait.limit();
        let edge = site
            .wait_for_edge((&plan.gate, &keys), Some(plan.question()), limit)
            .await?;
        let started = started(&plan, &changes, &edge);
        args.view.view.show(&started, text)?;
        if args.view.view == View::Table && edge.status == Status::Unknown {
            warn_of_unknown(&edge);
        }
        Ok(match edge.status {
            Status::False => ExitCode::from(NOT_IN_TIME),
            _ => ExitCode::SUCCESS,
        })
    })
}

fn started(plan: &Plan, changes: &Changes, edge: &Observation) -> Started {
    Started {
        id: plan.id.to_string(),
        name: full_name(&plan.drill),
        environment: plan.drill.spec.environment.clone(),
        hosts: plan.hosts(),
        expires_at: rfc3339(&plan.expires_at),
        changed: !changes.is_empty(),
        edge: edge.status.as_str(),
        edge_message: edge.message.clone(),
    }
}

fn text(started: &Started) -> String {
    let state = if started.changed {
        "started"
    } else {
        "stands already, unchanged"
    };
    let rows = output::rows([
        ("id", started.id.clone()),
        ("environment", started.environment.clone()),
        ("hosts", started.hosts.join(", ")),
        ("expires", started.expires_at.clone()),
        (
            "edge",
            format!("{}: {}", started.edge, started.edge_message),
        ),
    ]);
    format!(
        "drill {} {state}\n{rows}  sign with    drillgate sign --drill {} --env {}\n  stop with    drillgate stop {}\n",
        started.name, started.id, started.environment, started.id
    )
}

/// Objects that could not be read could be production's.
pub(super) fn warn_of_unreadable(unreadable: &[String]) {
    for object in unreadable {
        output::warning(&format!("cannot be read, and is not looked at: {object}"));
    }
}

/// Nobody has seen the edge run with the drill.
pub(super) fn warn_of_unknown(edge: &Observation) {
    output::warning(&format!(
        "{}: the first requests may still be answered with 403, and none by production",
        edge.message
    ));
}
