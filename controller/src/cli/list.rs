//! `drillgate list`.

use std::process::ExitCode;

use clap::Args;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::Outcome;
use super::cluster::{ClusterArgs, block_on};
use super::view::{ViewArgs, table};
use crate::oneshot::drill::now;
use crate::oneshot::standing::{Standing, State};
use crate::resources::metadata::rfc3339;

const EXAMPLES: &str = "\
Examples:
  drillgate list
  drillgate list --output json | jq -r '.[] | select(.state == \"Expired\") | .id'

A drill is Active (signed requests are let through), Expired (its time is over and something of it
is left: `drillgate gc`), Incomplete (it is coming up, going, or was left half way) or Waiting (a
resource with nothing at the edge: see `drillgate status`).

Exit codes:
  0  listed
  2  usage, or no cluster
  4  the cluster cannot be reached, or does not let us";

/// List the drills that stand in the cluster, whoever brought them up
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

/// A drill in a list.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    state: State,
    #[serde(flatten)]
    drill: &'a Standing,
}

impl Listed<'_> {
    pub(super) fn state(&self) -> State {
        self.state
    }
}

pub(super) fn run(args: &ListArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let all = connected.site.standing().await?;
        let now = now();
        let listed: Vec<Listed> = all.iter().map(|drill| listed(drill, &now)).collect();
        args.view.view.show(&listed, |listed| rows(listed))?;
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn listed<'a>(drill: &'a Standing, now: &Time) -> Listed<'a> {
    Listed {
        state: drill.state(now),
        drill,
    }
}

fn rows(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "no drills\n".to_owned();
    }
    let rows: Vec<[String; 8]> = listed.iter().map(row).collect();
    table(
        [
            "DRILL",
            "NAME",
            "STATE",
            "ENVIRONMENT",
            "GATE",
            "EXPIRES",
            "BY",
            "HOSTS",
        ],
        &rows,
    )
}

fn row(listed: &Listed) -> [String; 8] {
    let drill = listed.drill;
    let dash = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    [
        drill.id.to_string(),
        dash(&drill.name),
        format!("{:?}", listed.state),
        dash(drill.environment.as_deref().unwrap_or_default()),
        dash(&drill.gate),
        drill
            .expires_at
            .map_or_else(|| "-".to_owned(), |end| rfc3339(&Time(end))),
        by(drill).to_owned(),
        dash(&drill.hosts.join(",")),
    ]
}

/// Who brought it up.
pub(super) fn by(drill: &Standing) -> &'static str {
    match drill.resource {
        Some(_) => "controller",
        None => "command",
    }
}
