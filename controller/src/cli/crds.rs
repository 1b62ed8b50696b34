//! `drillgate crds`: the custom resource definitions.

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::Outcome;
use super::output;
use crate::api;

/// What stands above each definition.
const HEADER: &str = "# Made by `drillgate crds`. In the repository: from controller/src/api/, by `make manifests`.\n";

/// Print the custom resource definitions
///
/// They are what a cluster has to know before it takes DrillGates, Drills and DrillSchedules, and
/// belong to this
/// very version of the binary.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drillgate crds | kubectl apply --server-side -f -
  drillgate crds drills
  drillgate crds > crds.yaml

Exit codes:
  0  printed
  2  usage")]
pub(super) struct CrdsArgs {
    /// Only this one
    #[arg(value_enum)]
    only: Option<Which>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Drillgates,
    Drills,
    Drillschedules,
}

impl Which {
    fn plural(self) -> &'static str {
        match self {
            Which::Drillgates => "drillgates",
            Which::Drills => "drills",
            Which::Drillschedules => "drillschedules",
        }
    }
}

pub(super) fn run(args: &CrdsArgs) -> Outcome {
    output::emit(&render(args.only)?)?;
    Ok(ExitCode::SUCCESS)
}

/// YAML, one document for each definition.
fn render(only: Option<Which>) -> Result<String, Box<dyn Error>> {
    let wanted = |crd: &CustomResourceDefinition| {
        only.is_none_or(|only| only.plural() == crd.spec.names.plural)
    };
    let mut documents = Vec::new();
    for crd in api::crds().iter().filter(|crd| wanted(crd)) {
        documents.push(format!("{HEADER}{}", serde_saphyr::to_string(crd)?));
    }
    Ok(documents.join("---\n"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Which, render};

    const ALL: [Which; 3] = [Which::Drillgates, Which::Drills, Which::Drillschedules];

    #[test]
    fn the_manifests_in_the_repository_are_current() {
        for which in ALL {
            let name = format!("../manifests/crds/{}.yaml", which.plural());
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let committed = fs::read_to_string(&path).unwrap_or_default();
            let current = render(Some(which)).unwrap();
            assert!(
                committed == current,
                "{}: run `make manifests`",
                path.display()
            );
        }
    }

    #[test]
    fn all_definitions_are_documents_of_one_stream() {
        let all = render(None).unwrap();
        let parts = ALL.map(|which| render(Some(which)).unwrap());
        assert_eq!(all, parts.join("---\n"));
    }
}
