//! `drillgate report list` and `fetch`: the evidence that is kept in the cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::cluster::{ClusterArgs, block_on};
use super::super::view::{ViewArgs, table};
use super::super::{Outcome, REFUSED, output};
use crate::evidence::folder;
use crate::evidence::kept::{self, Kept};
use crate::oneshot::kept::{fetch, history};
use crate::resources::metadata::rfc3339;

/// List the evidence that is kept in a namespace, the newest first
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report list --namespace orders-dr
  drillgate report list --namespace orders-dr --drill orders --output json | jq -r '.[0].name'

What is shown stands in labels and annotations, which nobody has signed: fetch the files, and verify
them.

Exit codes:
  0  listed
  2  usage, or no cluster
  4  the cluster cannot be reached, or does not let us")]
pub(in super::super) struct ListArgs {
    /// Only of the drill with this name
    #[arg(long, value_name = "NAME")]
    drill: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

/// Write evidence that is kept in the cluster into a folder, byte for byte
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate report list --namespace orders-dr
  drillgate report fetch drillgate-orders-20261126-213157-1e6b8a0f evidence --namespace orders-dr
  drillgate report verify evidence --key audit.pub.jwk

No signature is looked at: that is what `drillgate report verify` is for.

Exit codes:
  0  written
  1  the ConfigMap is no evidence: there is something in it that no drill leaves, or something is missing
  2  usage, no such ConfigMap, or a folder that is not empty
  4  the cluster cannot be reached, or does not let us")]
pub(in super::super) struct FetchArgs {
    /// The ConfigMap, as `drillgate report list` shows it
    name: String,

    /// The folder, which must not exist or be empty
    folder: PathBuf,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn list(args: &ListArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let client = &connected.site.client;
        let all = history(client, &connected.namespace, args.drill.as_deref()).await?;
        for name in &all.unreadable {
            output::warning(&format!(
                "ConfigMap {}/{name} is labelled as evidence and does not say of which run: its annotations were edited, or it is somebody else's",
                connected.namespace
            ));
        }
        args.view.view.show(&all.kept, |kept| rows(kept))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn rows(all: &[Kept]) -> String {
    if all.is_empty() {
        return "no evidence\n".to_owned();
    }
    let row = |one: &Kept| {
        [
            one.name.clone(),
            one.drill.clone(),
            rfc3339(&Time(one.began)),
            one.verdict.to_string(),
        ]
    };
    let rows: Vec<[String; 4]> = all.iter().map(row).collect();
    table(["NAME", "DRILL", "BEGAN", "VERDICT"], &rows)
}

pub(super) fn get(args: &FetchArgs) -> Outcome {
    block_on(async {
        folder::free(&args.folder)?;
        let connected = args.cluster.connect().await?;
        let (client, namespace) = (&connected.site.client, &connected.namespace);
        let files = match kept::files(fetch(client, namespace, &args.name).await?) {
            Ok(files) => files,
            Err(refusal) => {
                let why = format!(
                    "ConfigMap {namespace}/{} is no evidence, and nothing is written: {refusal}",
                    args.name
                );
                output::error(Box::<dyn std::error::Error>::from(why).as_ref());
                return Ok(ExitCode::from(REFUSED));
            }
        };
        folder::put(&files, &args.folder)?;
        let names = files.iter().map(|(name, _)| format!("  {name}\n"));
        let names: String = names.collect();
        output::emit(&format!("{}\n{names}", args.folder.display()))?;
        Ok(ExitCode::SUCCESS)
    })
}
