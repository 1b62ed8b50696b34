//! `drillgate gc`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::cluster::{ClusterArgs, block_on};
use super::stop::NOT_A_COMMANDS;
use super::view::ViewArgs;
use super::{FOUND, Outcome};
use crate::oneshot::drill::now;
use crate::oneshot::gc::stale;
use crate::oneshot::standing::Standing;

const EXAMPLES: &str = "\
Examples:
  drillgate gc --dry-run
  drillgate gc

Drills that are over for more than 10 seconds and have no resource are removed: what a pipeline that
was killed has left. The edge has refused their requests since their end. A controller does the same
by itself.

Exit codes:
  0  nothing is left of drills that are over
  1  something is left, and the note says of which drill
  2  usage
  4  the cluster cannot be reached, or does not let us";

/// Remove what killed pipelines have left of drills that are over
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GcArgs {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    id: String,
    name: String,
    objects: Vec<String>,
    removed: bool,
    note: Option<String>,
}

pub(super) fn run(args: &GcArgs) -> Outcome {
    block_on(async {
        let site = args.cluster.connect().await?.site;
        let all = site.standing().await?;
        let mut collected = Vec::new();
        for drill in stale(&all, &now()) {
            let note = match args.dry_run {
                true => None,
                false => site
                    .take_down(drill.id, drill.entry.as_ref(), &drill.objects)
                    .await
                    .err()
                    .map(|error| error.to_string()),
            };
            collected.push(of(drill, !args.dry_run && note.is_none(), note));
        }
        if !args.dry_run {
            let left = site.standing().await?;
            for drill in stale(&left, &now()) {
                let own = drill.id.to_string();
                for one in collected
                    .iter_mut()
                    .filter(|one| one.id == own && one.removed)
                {
                    one.removed = false;
                    one.note = Some(NOT_A_COMMANDS.to_owned());
                }
            }
        }
        args.view
            .view
            .show(&collected, |collected| text(collected, args.dry_run))?;
        let done = args.dry_run || collected.iter().all(|one| one.removed);
        Ok(if done {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FOUND)
        })
    })
}

fn of(drill: &Standing, removed: bool, note: Option<String>) -> Collected {
    let entry = drill
        .entry
        .iter()
        .map(|_| "entry of the active list".to_owned());
    Collected {
        id: drill.id.to_string(),
        name: drill.name.clone(),
        objects: entry
            .chain(drill.objects.iter().map(crate::reconcile::named))
            .collect(),
        removed,
        note,
    }
}

fn text(collected: &[Collected], dry_run: bool) -> String {
    if collected.is_empty() {
        return "nothing is left of drills that are over\n".to_owned();
    }
    let line = |one: &Collected| {
        let state = match (&one.note, dry_run) {
            (Some(note), _) => format!("is left: {note}"),
            (None, true) => "would be removed".to_owned(),
            (None, false) => "removed".to_owned(),
        };
        format!(
            "drill {} {}: {} objects, {state}\n",
            one.id,
            one.name,
            one.objects.len()
        )
    };
    collected.iter().map(line).collect()
}
