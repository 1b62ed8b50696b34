//! `drillgate stop`.

use std::process::ExitCode;

use clap::Args;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::cluster::{ClusterArgs, block_on};
use super::view::ViewArgs;
use super::{FOUND, Outcome};
use crate::oneshot::Error;
use crate::oneshot::standing::{Standing, find};
use crate::resources::metadata::rfc3339;

const EXAMPLES: &str = "\
Examples:
  drillgate stop orders
  drillgate stop 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f

A drill that is not there is stopped already: that is no error, unless --must-exist is given. A
drill with a resource is ended by deleting that: the controller would bring it up again.

Exit codes:
  0  nothing of the drill is left
  1  its entry in the active list is left: it is not a command's
  2  usage; several drills of that name; a drill that the controller looks after
  4  the cluster cannot be reached, or does not let us";

/// Take a drill away that `start` or `run` has brought up
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StopArgs {
    /// The drill: its UUID, its name, or namespace/name
    #[arg(value_name = "DRILL")]
    drill: String,

    /// Fail if there is no such drill
    #[arg(long)]
    must_exist: bool,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Serialize)]
struct Stopped {
    drill: String,
    id: Option<String>,
    removed: Vec<String>,
    /// What is left, and what mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(super) fn run(args: &StopArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let site = connected.site;
        let all = site.standing().await?;
        let stopped = match find(&all, &args.drill, &connected.namespace) {
            Ok(drill) if drill.resource.is_some() => {
                let instead = format!("kubectl delete drill {}", kubectl_name(&drill.name));
                return Err(drill.managed(&instead).into());
            }
            Ok(drill) => {
                let entry = drill.entry.as_ref();
                let changes = site.take_down(drill.id, entry, &drill.objects).await?;
                let left = site.standing().await?;
                let is_left = left.iter().any(|left| left.id == drill.id);
                let removed = changes.removed.iter().map(crate::reconcile::named);
                let listed = changes
                    .active_list
                    .then(|| "entry of the active list".to_owned());
                Stopped {
                    drill: drill.name.clone(),
                    id: Some(drill.id.to_string()),
                    removed: listed.into_iter().chain(removed).collect(),
                    note: is_left.then(|| not_a_commands(drill)),
                }
            }
            Err(Error::Ambiguous { found, .. }) if found.is_empty() && !args.must_exist => {
                Stopped {
                    drill: args.drill.clone(),
                    id: None,
                    removed: Vec::new(),
                    note: None,
                }
            }
            Err(error) => return Err(error.into()),
        };
        args.view.view.show(&stopped, text)?;
        Ok(match stopped.note {
            None => ExitCode::SUCCESS,
            Some(_) => ExitCode::from(FOUND),
        })
    })
}

/// What the controller has put into the active list, a command cannot take out.
pub(super) const NOT_A_COMMANDS: &str = "its entry in the active list is not a command's: delete the resource that it came from, or run the controller";

fn not_a_commands(drill: &Standing) -> String {
    let end = drill.expires_at.map(|end| rfc3339(&Time(end)));
    let end = end.map_or_else(String::new, |end| format!("; the edge ends it at {end}"));
    format!("{NOT_A_COMMANDS}{end}")
}

/// `namespace/name` as kubectl takes it.
fn kubectl_name(name: &str) -> String {
    match name.split_once('/') {
        Some((namespace, name)) => format!("{name} --namespace {namespace}"),
        None => name.to_owned(),
    }
}

fn text(stopped: &Stopped) -> String {
    if stopped.id.is_none() {
        return format!("drill {} is not there\n", stopped.drill);
    }
    let removed = stopped
        .removed
        .iter()
        .map(|name| format!("  removed {name}\n"));
    let state = match &stopped.note {
        None => "stopped".to_owned(),
        Some(note) => format!("is left: {note}"),
    };
    format!(
        "drill {} {state}\n{}",
        stopped.drill,
        removed.collect::<String>()
    )
}
