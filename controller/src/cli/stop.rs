//! `drillgate stop`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::cluster::{ClusterArgs, block_on};
use super::view::ViewArgs;
use crate::oneshot::Error;
use crate::oneshot::standing::find;

const EXAMPLES: &str = "\
Examples:
  drillgate stop orders
  drillgate stop 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f

A drill that is not there is stopped already: that is no error, unless --must-exist is given. A
drill with a resource is ended by deleting that: the controller would bring it up again.

Exit codes:
  0  nothing of the drill is left
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
                let removed = changes.removed.iter().map(crate::reconcile::named);
                let listed = changes
                    .active_list
                    .then(|| "entry of the active list".to_owned());
                Stopped {
                    drill: drill.name.clone(),
                    id: Some(drill.id.to_string()),
                    removed: listed.into_iter().chain(removed).collect(),
                }
            }
            Err(Error::Ambiguous { found, .. }) if found.is_empty() && !args.must_exist => {
                Stopped {
                    drill: args.drill.clone(),
                    id: None,
                    removed: Vec::new(),
                }
            }
            Err(error) => return Err(error.into()),
        };
        args.view.view.show(&stopped, text)?;
        Ok(ExitCode::SUCCESS)
    })
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
    format!(
        "drill {} stopped\n{}",
        stopped.drill,
        removed.collect::<String>()
    )
}
