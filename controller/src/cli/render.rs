//! `drillgate render`: what a gate or a drill consists of, as YAML.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::cluster::{ClusterArgs, DrillArgs, block_on, origin, read_keys, read_manifest};
use super::shown::hide_secrets;
use super::{Outcome, output};
use crate::oneshot::drill::{Site, now};
use crate::oneshot::gate::bodies;
use crate::oneshot::plan::{Plan, identity};
use crate::reconcile::stamped;
use crate::resources::names;

const EXAMPLES: &str = "\
Examples:
  drillgate render -f gate.yaml
  drillgate render -f gate.yaml --key ci.jwk --show-secrets >gate-objects.yaml
  drillgate render -f drill.yaml

It reads the cluster, and refuses what cannot be carried out there. Symmetric keys and the seed of
the route keys are hidden unless --show-secrets is given: what is rendered without it cannot be
applied. The last document of a drill is its entry in the filter's configuration, to be applied with
`kubectl apply --server-side` and the field manager that the comment names.

Exit codes:
  0  rendered
  2  usage, or it cannot be carried out here
  4  the cluster cannot be reached, or does not let us";

/// Print the objects that a gate or a drill consists of, without applying them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Show symmetric keys and the seed of the route keys
    #[arg(long)]
    show_secrets: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A file with a drill, or else with a gate.
#[derive(Args)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    pub(super) drill: DrillArgs,

    /// The drill's UUID [default: that of the drill which stands, or a new one]
    #[arg(long, value_name = "UUID")]
    pub(super) id: Option<Uuid>,

    /// A key of the gate [default: the Secrets that it names]
    #[arg(long, value_name = "FILE")]
    pub(super) key: Vec<PathBuf>,

    /// Root namespace of the mesh
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    pub(super) root_namespace: String,
}

/// One object, who applies it, and its body.
pub(super) struct Wanted {
    pub(super) object: crate::api::ObjectRef,
    pub(super) manager: String,
    pub(super) body: Value,
}

pub(super) fn run(args: &RenderArgs) -> Outcome {
    block_on(async {
        let connected = args.cluster.connect().await?;
        let wanted = args
            .source
            .wanted(&connected.site, &connected.namespace)
            .await?;
        let mut documents = Vec::new();
        for mut one in wanted {
            if !args.show_secrets {
                hide_secrets(&mut one.body);
            }
            let yaml = serde_saphyr::to_string(&one.body)?;
            documents.push(format!("# field manager: {}\n{yaml}", one.manager));
        }
        output::emit(&documents.join("---\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}

impl SourceArgs {
    /// All objects of the drill in the file, or of the gate if there is no drill, in the order in
    /// which they are applied.
    pub(super) async fn wanted(
        &self,
        site: &Site,
        namespace: &str,
    ) -> Result<Vec<Wanted>, Box<dyn Error>> {
        let manifest = read_manifest(&self.drill.file, namespace)?;
        if !manifest.drills.is_empty() {
            return Ok(of_drill(&self.plan(site, namespace).await?));
        }
        let gate = manifest.one_gate(&origin(&self.drill.file))?;
        let keys = read_keys(&self.key)?;
        let plan = site.plan_gate(&gate, &keys, &self.root_namespace).await?;
        let all = plan.references().into_iter().zip(bodies(&plan.objects));
        let wanted = all.map(|(object, body)| Wanted {
            object,
            manager: crate::reconcile::writer::MANAGER.to_owned(),
            body,
        });
        Ok(wanted.collect())
    }

    async fn plan(&self, site: &Site, namespace: &str) -> Result<Plan, Box<dyn Error>> {
        let (drill, given) = self.drill.read(namespace)?;
        let gate = site.gate_of(&drill, given).await?;
        let seen = site.see(gate).await?;
        let (id, end) = match self.id {
            Some(id) => (id, None),
            None => identity(&drill, &seen.standing, &now())?,
        };
        Ok(seen.plan(&drill, id, end)?)
    }
}

fn of_drill(plan: &Plan) -> Vec<Wanted> {
    let whole = plan.objects.whole().map(|object| Wanted {
        object: object.reference(),
        manager: crate::reconcile::writer::MANAGER.to_owned(),
        body: stamped(object),
    });
    let entry = Wanted {
        object: plan.filter(),
        manager: names::field_manager(plan.id),
        body: serde_json::to_value(&plan.objects.activation).unwrap_or_default(),
    };
    whole.chain([entry]).collect()
}
