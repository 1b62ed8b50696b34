//! `drillgate diff`.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use similar::TextDiff;

use super::cluster::{ClusterArgs, block_on};
use super::render::{SourceArgs, Wanted};
use super::shown::hide_secrets;
use super::{FOUND, Outcome, output};
use crate::oneshot::cluster::bare;
use crate::oneshot::drill::Site;
use crate::reconcile::named;

const EXAMPLES: &str = "\
Examples:
  drillgate diff -f gate.yaml && echo nothing would change
  drillgate diff -f drill.yaml

The API server works out what an apply would make of each object, and changes nothing. Secrets are
hidden; one that would change is shown with another hash.

Exit codes:
  0  nothing would change
  1  something would
  2  usage, or it cannot be carried out here
  4  the cluster cannot be reached, or does not let us";

/// Show what applying a gate or a drill would change
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) fn run(args: &DiffArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let site = connected.site;
        let mut text = String::new();
        for wanted in args.source.wanted(&site, &connected.namespace).await? {
            text.push_str(&difference(&site, &wanted).await?);
        }
        output::emit(&text)?;
        Ok(if text.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FOUND)
        })
    })
}

async fn difference(site: &Site, wanted: &Wanted) -> Result<String, Box<dyn Error>> {
    let stands = site.writer.read(&wanted.object).await?;
    let would = site
        .writer
        .dry_run(&wanted.object, &wanted.body, &wanted.manager)
        .await?;
    let old = match stands {
        Some(object) => yaml(bare(&object))?,
        None => String::new(),
    };
    let new = yaml(bare(&would))?;
    Ok(unified(&named(&wanted.object), &old, &new))
}

fn yaml(mut object: Value) -> Result<String, Box<dyn Error>> {
    hide_secrets(&mut object);
    Ok(serde_saphyr::to_string(&object)?)
}

/// A unified diff; nothing for texts that are the same.
fn unified(name: &str, old: &str, new: &str) -> String {
    let mut text = String::new();
    if old != new {
        let diff = TextDiff::from_lines(old, new);
        let mut unified = diff.unified_diff();
        let unified = unified.header(
            &format!("{name} (as it is)"),
            &format!("{name} (as it would be)"),
        );
        // A String takes all that is written to it.
        let _ = write!(text, "{unified}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(unified("a", "x\n", "x\n"), "");
        let text = unified("VirtualService ci/a", "x\ny\n", "x\nz\n");
        assert!(
            text.starts_with("--- VirtualService ci/a (as it is)\n"),
            "{text}"
        );
        assert!(text.contains("\n-y\n+z\n"), "{text}");
    }
}
