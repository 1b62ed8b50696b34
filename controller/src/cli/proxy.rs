//! `drillgate proxy`: signs each request of clients that cannot.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use drill_context::{DrillId, Environment};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::key_source::{self, SourceError};
use super::output::{self, Format, OutputArgs};
use super::termination::asked_to_end;
use super::{Outcome, REFUSED, time};
use crate::keyfile::Jwk;
use crate::proxy::{ContextFile, Counts, Proxy, Settings, Signer, Trust, Upstream};
use crate::route_key;

const EXAMPLES: &str = "\
Examples:
  drillgate proxy --upstream https://gateway.example.com --host orders.example.com \\
    --drill \"$DRILL\" --env orders-dr --key ci.jwk --listen 127.0.0.1:4180 &

  # The proxy's address as the service's base URL, or the proxy as an ordinary one:
  curl http://127.0.0.1:4180/orders/42
  http_proxy=http://127.0.0.1:4180 curl http://orders.example.com/orders/42

Clients speak plain HTTP to the proxy: HTTP/1.1, or HTTP/2 with prior knowledge, as gRPC does. What
they say about drills themselves is taken off. An answer that the edge's filter did not mark may be
production's, and becomes a 502.

Without --key, the key is the file that DRILLGATE_KEY_FILE names, or else the JWK in DRILLGATE_KEY.

Exit codes:
  0  ended on SIGTERM or Ctrl-C
  1  the same, and an answer was not the edge's
  2  usage, a key that cannot be read or does not sign, or an address or a file that cannot be used";

/// Run a proxy that signs each request anew, for test suites that cannot sign
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProxyArgs {
    /// The drill's gateway: scheme, host and port
    #[arg(long, value_name = "URL")]
    upstream: Upstream,

    /// The drill's UUID, in lower case
    #[arg(long, value_name = "UUID")]
    drill: DrillId,

    /// The tag of the environment that the drill runs in
    #[arg(long = "env", value_name = "TAG")]
    environment: Environment,

    /// The key file, a JWK; - reads standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// A host of the drill: the first is that of requests which name none [default: the upstream's]
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,

    /// Where to listen; port 0 stands for any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// How long each signed value counts
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time::parse_lifetime)]
    lifetime: i64,

    #[command(flatten)]
    trust: TrustArgs,

    /// Keep a signed value in this file as well, for clients that read it anew for each request
    #[arg(long, value_name = "PATH")]
    context_file: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Whose certificates the edge may have.
#[derive(Args)]
pub(super) struct TrustArgs {
    /// The authorities whose certificates an https:// upstream may have [default: this machine's]
    #[arg(long, value_name = "PEM", conflicts_with = "insecure_skip_verify")]
    ca_file: Option<PathBuf>,

    /// Accept any certificate of the upstream: for labs only
    #[arg(long)]
    insecure_skip_verify: bool,
}

impl TrustArgs {
    pub(super) fn trust(&self) -> Trust {
        match &self.ca_file {
            Some(path) => Trust::File(path.clone()),
            None if self.insecure_skip_verify => Trust::Anyone,
            None => Trust::System,
        }
    }

    /// Says what it means to accept any certificate.
    pub(super) fn warn(&self) {
        if self.insecure_skip_verify {
            output::warning(
                "certificates are not verified: whoever sits in between reads the requests and answers them",
            );
        }
    }
}

pub(super) fn run(args: &ProxyArgs) -> Outcome {
    let jwk = key_source::signing(args.key.as_deref())?.ok_or(SourceError::NoKey)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve(args, jwk))
}

async fn serve(args: &ProxyArgs, jwk: Jwk) -> Outcome {
    // Before anyone is told the address: from then on, a signal must end it in order.
    let stop = stop()?;
    // Tokens of two runs have different names, and those of the file are no requests.
    let run = run_name()?;
    let signer = args.signer(&jwk, &format!("proxy-{run}-"))?;
    let proxy = Proxy::bind(args.settings(signer)).await?;
    let context_file = match &args.context_file {
        Some(path) => {
            let signer = args.signer(&jwk, &format!("file-{run}-"))?;
            Some(ContextFile::create(path, signer, time::now)?)
        }
        None => None,
    };
    args.warn(proxy.address());
    output::emit(&args.begun(proxy.address()))?;

    let tally = proxy.tally();
    let keeping = async {
        match context_file {
            Some(file) => file.keep(told(stop.clone())).await,
            None => Ok(()),
        }
    };
    let serving = async {
        proxy.run(told(stop.clone())).await;
        Ok(())
    };
    tokio::try_join!(serving, keeping)?;
    let counts = tally.counts();
    output::emit(&args.ended(&counts)?)?;
    Ok(if counts.unmarked == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

/// Becomes true at SIGTERM or Ctrl-C.
fn stop() -> Result<watch::Receiver<bool>, Box<dyn Error>> {
    let asked = asked_to_end()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        asked.await;
        stop.send_replace(true);
    });
    Ok(stopped)
}

async fn told(mut stop: watch::Receiver<bool>) {
    let _told = stop.wait_for(|stop| *stop).await;
}

/// Some letters that no other run has.
fn run_name() -> Result<String, Box<dyn Error>> {
    Ok(route_key::generate()?.chars().take(8).collect())
}

impl ProxyArgs {
    fn signer(&self, jwk: &Jwk, prefix: &str) -> Result<Arc<Signer>, crate::proxy::Error> {
        let environment = self.environment.clone();
        let signer = Signer::new(jwk.clone(), self.drill, environment, self.lifetime, prefix)?;
        Ok(Arc::new(signer))
    }

    fn settings(&self, signer: Arc<Signer>) -> Settings {
        let mut settings = Settings::new(self.upstream.clone(), signer, time::now);
        settings.listen = self.listen;
        settings.hosts = self.hosts.clone();
        settings.trust = self.trust.trust();
        settings
    }

    fn warn(&self, address: SocketAddr) {
        if !address.ip().is_loopback() {
            output::warning(&format!(
                "{address} can be reached from other machines: whoever reaches it gets signed requests into the drill"
            ));
        }
        self.trust.warn();
    }

    fn begun(&self, address: SocketAddr) -> String {
        match self.output.format {
            Format::Text => format!("http://{address}\n"),
            Format::Json => {
                let address = address.to_string();
                let url = format!("http://{address}");
                format!("{}\n", json!({"address": address, "url": url}))
            }
        }
    }

    fn ended(&self, counts: &Counts) -> Result<String, serde_json::Error> {
        let line = match self.output.format {
            Format::Text => counts.to_string(),
            Format::Json => serde_json::to_string(&Ended { tally: counts })?,
        };
        Ok(format!("{line}\n"))
    }
}

/// The last line with `--output json`.
#[derive(Serialize)]
struct Ended<'a> {
    tally: &'a Counts,
}
