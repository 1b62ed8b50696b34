//! `drillgate status`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::cluster::{ClusterArgs, block_on, read_keys};
use super::list::{Listed, by, listed};
use super::view::ViewArgs;
use super::{FOUND, Outcome, output, time};
use crate::api::CheckStatus;
use crate::keyfile::Jwk;
use crate::oneshot::drill::{Site, now};
use crate::oneshot::standing::{Standing, State, find};
use crate::reconcile::named;
use crate::resources::conditions::Status;

const EXAMPLES: &str = "\
Examples:
  drillgate status orders
  drillgate status 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f --output json

Exit codes:
  0  the drill is active, and the edge runs with it or cannot be asked
  1  it is not
  2  usage; no drill or several drills of that name
  4  the cluster cannot be reached, or does not let us";

/// Show one drill: where it stands, what it consists of, and what the gateway itself says
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatusArgs {
    /// The drill: its UUID, its name, or namespace/name
    #[arg(value_name = "DRILL")]
    drill: String,

    /// A key to ask the edge with [default: the gate's, from its Secret]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: Listed<'a>,
    edge: &'static str,
    edge_message: String,
}

pub(super) fn run(args: &StatusArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let all = connected.site.standing().await?;
        let drill = find(&all, &args.drill, &connected.namespace)?;
        let keys = read_keys(&args.key)?;
        let (edge, edge_message) = match ask(&connected.site, drill, &keys).await {
            Ok(observed) => observed,
            Err(error) => (Status::Unknown, error.to_string()),
        };
        let now = now();
        let state = drill.state(&now);
        let shown = Shown {
            listed: listed(drill, &now),
            edge: edge.as_str(),
            edge_message,
        };
        args.view
            .view
            .show(&shown, |shown| text(shown, drill, &now))?;
        let is_well = state == State::Active && edge != Status::False;
        Ok(if is_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FOUND)
        })
    })
}

async fn ask(
    site: &Site,
    drill: &Standing,
    keys: &[Jwk],
) -> Result<(Status, String), Box<dyn Error>> {
    let (namespace, name) = drill.gate.split_once('.').ok_or("its gate is not known")?;
    let gate = site.gate(namespace, name).await?;
    let (keys, _) = site.keys_of(&gate, keys).await?;
    let environment = drill.environment.as_deref();
    let question = environment.map(|environment| (drill.id, environment));
    let observed = site.ask((&gate, &keys), question).await?;
    Ok((observed.status, observed.message))
}

/// One check, in one line.
fn checked(check: &CheckStatus) -> String {
    format!("{} {}: {}", check.name, check.verdict, check.message)
}

fn text(shown: &Shown, drill: &Standing, now: &Time) -> String {
    let mut rows = vec![
        ("id", drill.id.to_string()),
        ("state", format!("{:?}", shown.listed.state())),
        ("environment", drill.environment.clone().unwrap_or_default()),
        ("gate", drill.gate.clone()),
        ("hosts", drill.hosts.join(", ")),
        ("by", by(drill).to_owned()),
        ("edge", format!("{}: {}", shown.edge, shown.edge_message)),
    ];
    if let Some(end) = drill.expires_at {
        let end = time::seen_from(now.0.as_second(), end.as_second());
        rows.push(("expires", end));
    }
    if let Some(resource) = &drill.resource {
        let phase = resource.phase.map(|phase| format!("{phase:?}"));
        rows.push(("phase", phase.unwrap_or_default()));
        rows.extend(resource.message.clone().map(|message| ("message", message)));
        let checks = resource.checks.iter();
        rows.extend(checks.map(|check| ("check", checked(check))));
    }
    rows.extend(
        drill
            .entry
            .iter()
            .map(|filter| ("listed in", named(filter))),
    );
    rows.extend(drill.objects.iter().map(|object| ("object", named(object))));
    format!("drill {}\n{}", drill.name, output::rows(rows))
}
