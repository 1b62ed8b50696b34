//! What a command inside a drill is given: a proxy that signs, a file with a fresh value, and
//! variables that say what drill it is.

use std::error::Error;
use std::ffi::OsString;
use std::sync::Arc;

use clap::Args;
use drill_context::{DrillId, Environment};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::proxy::TrustArgs;
use super::super::{output, time};
use crate::keyfile::Jwk;
use crate::oneshot::drill::now;
use crate::oneshot::plan::Plan;
use crate::proxy::{ContextFile, Counts, Proxy, Settings, Signer, Tally, Trust, Upstream};
use crate::resources::metadata::full_name;
use crate::resources::metadata::rfc3339;

/// The name of the context's file.
const FILE: &str = "context";

#[derive(Args)]
pub(super) struct ProxyArgs {
    /// The edge that the local proxy sends to [default: the gate's spec.probe.address]
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    upstream: Option<Upstream>,

    /// Start no local proxy
    #[arg(long)]
    no_proxy: bool,

    /// How long each signed value counts
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time::parse_lifetime)]
    lifetime: i64,

    #[command(flatten)]
    trust: TrustArgs,
}

/// The running parts.
pub(super) struct Tools {
    stop: watch::Sender<bool>,
    folder: TempDir,
    proxy: Option<Running>,
    file: JoinHandle<Result<(), crate::proxy::Error>>,
}

struct Running {
    address: String,
    tally: Arc<Tally>,
    task: JoinHandle<()>,
}

impl Tools {
    pub(super) async fn start(
        args: &ProxyArgs,
        plan: &Plan,
        key: &Jwk,
    ) -> Result<Tools, Box<dyn Error>> {
        let (stop, stopping) = watch::channel(false);
        // Its mode is 0700.
        let folder = tempfile::Builder::new()
            .prefix("drillgate-run-")
            .tempdir()?;
        let fresh = Arc::new(signer(plan, key, args.lifetime, "file-")?);
        let file = ContextFile::create(folder.path().join(FILE), fresh, time::now)?;
        let file = tokio::spawn(file.keep(stopped(stopping.clone())));
        let settings = match args.no_proxy {
            true => None,
            false => args.settings(plan, key, "proxy-")?,
        };
        let proxy = match settings {
            None => None,
            Some(settings) => {
                args.trust.warn();
                let proxy = Proxy::bind(settings).await?;
                Some(Running {
                    address: format!("http://{}", proxy.address()),
                    tally: proxy.tally(),
                    task: tokio::spawn(proxy.run(stopped(stopping))),
                })
            }
        };
        Ok(Tools {
            stop,
            folder,
            proxy,
            file,
        })
    }

    /// The variables of the command.
    pub(super) fn environment(
        &self,
        plan: &Plan,
        key: &Jwk,
    ) -> Result<Vec<(&'static str, OsString)>, Box<dyn Error>> {
        let lasts = longest(plan, now().0.as_second());
        let value = signer(plan, key, lasts, "command-")?.value(time::now())?;
        let mut variables = Vec::from(facts(plan));
        variables.extend([
            ("DRILL_HEADER", format!("X-Drill-Context: {value}").into()),
            ("DRILL_CONTEXT", value.into()),
            ("DRILL_CONTEXT_FILE", self.folder.path().join(FILE).into()),
        ]);
        if let Some(proxy) = &self.proxy {
            variables.push(("DRILL_PROXY", proxy.address.clone().into()));
        }
        Ok(variables)
    }

    /// Ends them; gives what the proxy has counted.
    pub(super) async fn stop(self) -> Option<Counts> {
        // They hold a receiver for as long as they run.
        let _ = self.stop.send(true);
        if let Ok(Err(error)) = self.file.await {
            output::warning(&format!("the file with the context: {error}"));
        }
        let proxy = self.proxy?;
        // A task of ours neither panics nor is it aborted.
        let _ = proxy.task.await;
        Some(proxy.tally.counts())
    }
}

/// What every program of a run is told of its drill.
pub(super) fn facts(plan: &Plan) -> [(&'static str, OsString); 6] {
    let hosts = plan.hosts();
    [
        ("DRILL_ID", plan.id.to_string().into()),
        ("DRILL_NAME", full_name(&plan.drill).into()),
        (
            "DRILL_ENVIRONMENT",
            plan.drill.spec.environment.clone().into(),
        ),
        (
            "DRILL_HOST",
            hosts.first().cloned().unwrap_or_default().into(),
        ),
        ("DRILL_HOSTS", hosts.join(",").into()),
        ("DRILL_EXPIRES_AT", rfc3339(&plan.expires_at).into()),
    ]
}

impl ProxyArgs {
    /// The settings of what sends to the edge, if its address is known.
    pub(super) fn settings(
        &self,
        plan: &Plan,
        key: &Jwk,
        prefix: &str,
    ) -> Result<Option<Settings>, Box<dyn Error>> {
        let Some(upstream) = self.edge(plan)? else {
            return Ok(None);
        };
        let signer = Arc::new(signer(plan, key, self.lifetime, prefix)?);
        let mut settings = Settings::new(upstream, signer, time::now);
        settings.hosts = plan.hosts();
        settings.trust = self.trust();
        Ok(Some(settings))
    }

    /// Whose certificates an edge may have.
    pub(super) fn trust(&self) -> Trust {
        self.trust.trust()
    }

    /// Where the edge is, whether there is to be a proxy or not.
    pub(super) fn edge(&self, plan: &Plan) -> Result<Option<Upstream>, Box<dyn Error>> {
        if let Some(upstream) = &self.upstream {
            return Ok(Some(upstream.clone()));
        }
        let probe = plan.gate.spec.probe.as_ref();
        Ok(probe.map(Upstream::of_probe).transpose()?)
    }
}

/// For how many seconds a value that is signed now may count: as long as the gate allows, and not
/// longer than the drill.
fn longest(plan: &Plan, now: i64) -> i64 {
    let left = plan.expires_at.0.as_second().saturating_sub(now);
    i64::from(plan.gate.spec.max_age_seconds).min(left).max(1)
}

fn signer(plan: &Plan, key: &Jwk, lifetime: i64, prefix: &str) -> Result<Signer, Box<dyn Error>> {
    let drill: DrillId = plan.id.to_string().parse()?;
    let environment: Environment = plan.drill.spec.environment.parse()?;
    Ok(Signer::new(
        key.clone(),
        drill,
        environment,
        lifetime,
        prefix,
    )?)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // Without a sender the run itself is over.
    let _ = stop.wait_for(|stop| *stop).await;
}
