//! `drillgate gate`: an edge made ready for drills, without the controller.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::cluster::{ClusterArgs, block_on, origin, read_keys, read_manifest};
use super::view::ViewArgs;
use super::wait::WaitArgs;
use super::{FOUND, NOT_IN_TIME, Outcome, output};
use crate::api::{DrillGate, ObjectRef};
use crate::oneshot::drill::Site;
use crate::oneshot::gate::GatePlan;
use crate::reconcile::named;
use crate::resources::conditions::{Observation, Status};
use crate::resources::metadata::full_name;
use crate::resources::metadata::namespace_of;
use kube::ResourceExt;

/// Make an edge ready for drills without the controller, look at it, or take it away
#[derive(Subcommand)]
pub(super) enum GateCommand {
    Install(InstallArgs),
    Check(CheckArgs),
    Uninstall(UninstallArgs),
}

pub(super) fn run(command: &GateCommand) -> Outcome {
    match command {
        GateCommand::Install(args) => block_on(install(args)),
        GateCommand::Check(args) => block_on(check(args)),
        GateCommand::Uninstall(args) => block_on(uninstall(args)),
    }
}

/// What the operator has to know before the gateway's listeners change.
const LISTENERS: &str = "this changes the listeners of the gateway: connections that are open there now are drained (by Istio's default, cut 45 seconds later), production's long streams included. Drills do not do that";

const INSTALL: &str = "\
Examples:
  drillgate gate install -f gate.yaml --key ci.jwk
  drillgate gate install -f gate.yaml --yes --output json

Without --key, the keys are read from the Secrets that the gate names. Installing twice changes
nothing.

Exit codes:
  0  it stands, and the edge runs with it or cannot be asked
  1  not confirmed, and nothing was changed
  2  usage, or it cannot be carried out here
  4  the cluster cannot be reached, or does not let us
  5  the edge did not run with it in time; it stands";

/// Install a gate: the filter, the guard and the policies
#[derive(Args)]
#[command(after_help = INSTALL)]
pub(super) struct InstallArgs {
    #[command(flatten)]
    gate: GateArgs,

    /// Change the gateway's listeners without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Args)]
struct GateArgs {
    /// The DrillGate, a YAML file; - reads standard input
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,

    /// A key of the gate [default: the Secrets that it names]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,

    /// Root namespace of the mesh
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    root_namespace: String,
}

impl GateArgs {
    async fn plan(&self, site: &Site, gate: &DrillGate) -> Result<GatePlan, Box<dyn Error>> {
        let keys = read_keys(&self.key)?;
        let plan = site.plan_gate(gate, &keys, &self.root_namespace).await?;
        super::start::warn_of_unreadable(&plan.unreadable);
        Ok(plan)
    }

    fn read(&self, namespace: &str) -> Result<DrillGate, Box<dyn Error>> {
        let manifest = read_manifest(&self.file, namespace)?;
        Ok(manifest.one_gate(&origin(&self.file))?)
    }
}

/// What became of a gate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    gate: String,
    done: &'static str,
    changed: Vec<String>,
    edge: Option<&'static str>,
    edge_message: Option<String>,
}

async fn install(args: &InstallArgs) -> Outcome {
    let connected = args.cluster.connect().await?;
    let site = &connected.site;
    let gate = args.gate.read(&connected.namespace)?;
    let (namespace, name) = (namespace_of(&gate), gate.name_any());
    let instead = "change the DrillGate itself, with kubectl apply";
    site.must_be_ours(&namespace, &name, instead).await?;
    let plan = args.gate.plan(site, &gate).await?;
    let pending = site.pending(&plan).await?;
    if !pending.is_empty() && !args.yes {
        let names: Vec<ObjectRef> = pending.iter().map(|object| object.reference()).collect();
        let doing = format!("apply {}", list(&names));
        if !confirmed(&doing)? {
            return Ok(ExitCode::from(FOUND));
        }
    }
    let changes = site.install_gate(&plan, &pending).await?;
    let limit = args.wait.limit();
    let edge = site
        .wait_for_edge((&plan.gate, &plan.keys), None, limit)
        .await?;
    let mut changed: Vec<String> = changes.applied.iter().map(named).collect();
    changed.extend(
        changes
            .removed
            .iter()
            .map(|object| format!("removed {}", named(object))),
    );
    let done = if changed.is_empty() {
        "stands already, unchanged"
    } else {
        "installed"
    };
    args.view
        .view
        .show(&told(&plan.gate, done, changed, Some(&edge)), text)?;
    Ok(match edge.status {
        Status::False => ExitCode::from(NOT_IN_TIME),
        _ => ExitCode::SUCCESS,
    })
}

const CHECK: &str = "\
Examples:
  drillgate gate check -f gate.yaml
  drillgate gate check -f gate.yaml && drillgate run -f drill.yaml -- make smoke

Nothing is changed.

Exit codes:
  0  it stands as the file says, and the edge runs with it or cannot be asked
  1  something is not as the file says, and the lines say what
  2  usage, or it cannot be carried out here
  4  the cluster cannot be reached, or does not let us";

/// Check that a gate can be installed, stands as its file says, and runs at the edge
#[derive(Args)]
#[command(after_help = CHECK)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    gate: GateArgs,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

async fn check(args: &CheckArgs) -> Outcome {
    let connected = args.cluster.connect().await?;
    let site = &connected.site;
    let gate = args.gate.read(&connected.namespace)?;
    let plan = args.gate.plan(site, &gate).await?;
    let pending = site.pending(&plan).await?;
    let missing = pending
        .iter()
        .map(|object| format!("{} is not as the file says", named(&object.reference())));
    let missing: Vec<String> = missing.collect();
    let edge = match missing.is_empty() {
        true => Some(site.ask((&plan.gate, &plan.keys), None).await?),
        false => None,
    };
    let is_well = edge
        .as_ref()
        .is_some_and(|edge| edge.status != Status::False);
    let done = if missing.is_empty() {
        "stands as the file says"
    } else {
        "does not stand as the file says"
    };
    args.view
        .view
        .show(&told(&plan.gate, done, missing, edge.as_ref()), text)?;
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    })
}

const UNINSTALL: &str = "\
Examples:
  drillgate gate uninstall edge --namespace istio-system

With the gate goes its protection: from then on a request that carries X-Drill-Context is an ordinary
request, and production serves it. End the drills first, and see that no test suite signs any more.

Exit codes:
  0  nothing of the gate is left
  1  not confirmed, and nothing was changed
  2  usage; drills of it stand; the controller looks after it
  4  the cluster cannot be reached, or does not let us";

/// Take a gate away: what steers requests first, what refuses them last
#[derive(Args)]
#[command(after_help = UNINSTALL)]
pub(super) struct UninstallArgs {
    /// The gate's name
    #[arg(value_name = "GATE")]
    gate: String,

    /// Change the gateway's listeners without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    view: ViewArgs,
}

async fn uninstall(args: &UninstallArgs) -> Outcome {
    let connected = args.cluster.connect().await?;
    let (site, namespace) = (&connected.site, connected.namespace);
    let instead = format!(
        "kubectl delete drillgate {} --namespace {namespace}",
        args.gate
    );
    site.must_be_ours(&namespace, &args.gate, &instead).await?;
    let drills = site.drills_of_gate(&namespace, &args.gate).await?;
    if !drills.is_empty() {
        let names: Vec<String> = drills
            .iter()
            .map(|drill| format!("{} ({})", drill.name, drill.id))
            .collect();
        return Err(format!(
            "drills of gate {namespace}/{} stand: end them first, with `drillgate stop`: {}",
            args.gate,
            names.join(", ")
        )
        .into());
    }
    let objects = site.gate_objects(&namespace, &args.gate).await?;
    if !objects.is_empty() && !args.yes && !confirmed(&format!("remove {}", list(&objects)))? {
        return Ok(ExitCode::from(FOUND));
    }
    let removed = site.remove(&objects).await?;
    let told = Told {
        gate: format!("{namespace}/{}", args.gate),
        done: if removed.is_empty() {
            "is not there"
        } else {
            "uninstalled"
        },
        changed: removed
            .iter()
            .map(|object| format!("removed {}", named(object)))
            .collect(),
        edge: None,
        edge_message: None,
    };
    args.view.view.show(&told, text)?;
    Ok(ExitCode::SUCCESS)
}

fn told(
    gate: &DrillGate,
    done: &'static str,
    changed: Vec<String>,
    edge: Option<&Observation>,
) -> Told {
    Told {
        gate: full_name(gate),
        done,
        changed,
        edge: edge.map(|edge| edge.status.as_str()),
        edge_message: edge.map(|edge| edge.message.clone()),
    }
}

fn text(told: &Told) -> String {
    let mut text = format!("gate {} {}\n", told.gate, told.done);
    for line in &told.changed {
        text.push_str(&format!("  {line}\n"));
    }
    if let (Some(edge), Some(message)) = (told.edge, &told.edge_message) {
        text.push_str(&format!("  edge {edge}: {message}\n"));
    }
    text
}

fn list(objects: &[ObjectRef]) -> String {
    let names: Vec<String> = objects.iter().map(named).collect();
    names.join(", ")
}

/// Asks the person at the terminal; where there is none, `--yes` is the answer.
fn confirmed(doing: &str) -> Result<bool, Box<dyn Error>> {
    output::warning(&format!("about to {doing}: {LISTENERS}"));
    if !io::stdin().is_terminal() {
        return Err("nobody is at a terminal to be asked: confirm with --yes".into());
    }
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
