//! `drillgate controller`: the controller as a process.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::termination::asked_to_end;
use super::{LOST, Outcome};
use crate::reconcile::leader::Timing;
use crate::reconcile::{Ended, Module, Settings, run as reconcile};

/// Run the controller: watches DrillGates and Drills and makes the cluster what they say
///
/// Several replicas may run: one works, the others wait until it is gone. The cluster is found as
/// kubectl finds it: by KUBECONFIG, or by the service account of the pod.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ControllerArgs {
    /// Namespace of the lease by which one replica is chosen
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "POD_NAMESPACE",
        default_value = "drillgate-system"
    )]
    namespace: String,

    /// Name of that lease
    #[arg(long, value_name = "NAME", default_value = "drillgate-controller")]
    lease: String,

    /// What this replica is called; host name and process id if absent
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    identity: Option<String>,

    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// The filter's module, served as /filter.wasm: gates can name that as spec.module.url
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// Root namespace of the mesh
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    root_namespace: String,

    /// How long a replica that says nothing counts as the leader, in seconds: the others wait so long
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u32).range(2..=600))]
    lease_seconds: u32,

    /// Which log lines are written, such as `debug` or `info,drillgate=debug`
    #[arg(
        long,
        value_name = "FILTER",
        env = "DRILLGATE_LOG",
        default_value = "info,kube_client=off"
    )]
    log: String,

    /// Form of the log lines
    #[arg(
        long,
        value_name = "FORM",
        env = "DRILLGATE_LOG_FORMAT",
        default_value = "json"
    )]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

const EXAMPLES: &str = "\
Examples:
  drillgate controller --log-format text --listen 127.0.0.1:8080
  drillgate controller --module target/drill_filter.wasm
  DRILLGATE_LOG=drillgate=debug drillgate controller

Exit codes:
  0  ended on SIGTERM or Ctrl-C
  2  usage, no cluster, a module that is none, or an address that cannot be bound
  3  no longer the leader: start it again";

/// Runs the command.
pub fn run(args: &ControllerArgs) -> Outcome {
    let filter: EnvFilter = args
        .log
        .parse()
        .map_err(|error| format!("--log: {error}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => {
            let on_terminal = std::io::stderr().is_terminal();
            lines.with_target(false).with_ansi(on_terminal).init();
        }
    }
    // It waits for others nearly all of the time. A second thread would hardly make it quicker, and
    // would keep memory of its own from each burst of work.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = client().await.map_err(|error| {
            format!("no cluster: {error}: set KUBECONFIG, or run in a pod with a service account")
        })?;
        let settings = Settings {
            namespace: args.namespace.clone(),
            lease: args.lease.clone(),
            identity: args.identity.clone().unwrap_or_else(identity),
            listen: args.listen,
            module: args.module.as_deref().map(Module::read).transpose()?,
            root_namespace: args.root_namespace.clone(),
            timing: timing(args.lease_seconds),
        };
        match reconcile(client, settings, asked_to_end()?).await? {
            Ended::Asked => Ok(ExitCode::SUCCESS),
            Ended::LostLeadership(why) => {
                tracing::error!(why, "ends, since it is no longer the leader");
                Ok(ExitCode::from(LOST))
            }
        }
    })
}

async fn client() -> Result<kube::Client, Box<dyn std::error::Error>> {
    Ok(super::cluster::client(kube::Config::infer().await?)?)
}

/// The times of the election, in the proportions of the default.
fn timing(lease: u32) -> Timing {
    let tenths = |tenths| Duration::from_millis(u64::from(lease) * 100 * tenths);
    Timing {
        lease: tenths(10),
        renew: tenths(3),
        give_up: tenths(7),
        look: tenths(2),
        answer: tenths(2),
    }
}

fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}
