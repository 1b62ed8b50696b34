//! How a command finds its cluster, and what it is given to work with there.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::key_source;
use crate::api::{Drill, DrillGate, Duration};
use crate::keyfile::Jwk;
use crate::oneshot::drill::Site;
use crate::oneshot::manifest::{self, MAX_BYTES, Manifest};

#[derive(Args)]
pub(super) struct ClusterArgs {
    /// The kubeconfig [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,

    /// The namespace of what has none of its own [default: the context's]
    #[arg(long, short, value_name = "NAMESPACE", help_heading = "Cluster")]
    namespace: Option<String>,
}

/// A cluster that was found.
pub(super) struct Connected {
    pub(super) site: Site,
    /// The namespace of what has none of its own.
    pub(super) namespace: String,
}

impl ClusterArgs {
    pub(super) async fn connect(&self) -> Result<Connected, Box<dyn Error>> {
        let config = self.config().await.map_err(|error| {
            format!("no cluster: {error}: set KUBECONFIG, name a file with --kubeconfig, or run in a pod with a service account")
        })?;
        let namespace = match &self.namespace {
            Some(namespace) => namespace.clone(),
            None => config.default_namespace.clone(),
        };
        let site = Site::new(client(config)?);
        Ok(Connected { site, namespace })
    }

    async fn config(&self) -> Result<Config, Box<dyn Error>> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Ok(Config::infer().await?);
        }
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path)?,
            None => Kubeconfig::read()?,
        };
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
    }
}

/// A client that says who it is: the API server's audit log shows that.
pub(super) fn client(mut config: Config) -> Result<Client, kube::Error> {
    let agent = concat!("drillgate/", env!("CARGO_PKG_VERSION"));
    config.headers.push((
        http::header::USER_AGENT,
        http::HeaderValue::from_static(agent),
    ));
    Client::try_from(config)
}

/// Runs what talks to a cluster.
pub(super) fn block_on<T>(
    work: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

#[derive(Args)]
pub(super) struct DrillArgs {
    /// The Drill, a YAML file; - reads standard input. Its DrillGate may be in there, too
    #[arg(long, short, value_name = "FILE")]
    pub(super) file: PathBuf,

    /// The DrillGate's file, where it is neither in the drill's file nor in the cluster
    #[arg(long, value_name = "FILE")]
    pub(super) gate: Option<PathBuf>,

    /// How long the drill lasts, in place of its spec.ttl
    #[arg(long, value_name = "DURATION")]
    ttl: Option<Duration>,
}

impl DrillArgs {
    /// The drill, and its gate if a file has it.
    pub(super) fn read(
        &self,
        namespace: &str,
    ) -> Result<(Drill, Option<DrillGate>), Box<dyn Error>> {
        let manifest = read_manifest(&self.file, namespace)?;
        let (mut drill, mut gate) = manifest.one_drill(&origin(&self.file))?;
        if let Some(path) = &self.gate {
            let named = read_manifest(path, namespace)?;
            gate = Some(named.one_gate(&origin(path))?);
        }
        if let Some(ttl) = &self.ttl {
            drill.spec.ttl = ttl.clone();
        }
        Ok((drill, gate))
    }
}

/// The resources in a file; `-` is standard input.
pub(super) fn read_manifest(path: &Path, namespace: &str) -> Result<Manifest, Box<dyn Error>> {
    let origin = origin(path);
    let text = read_text(path).map_err(|error| format!("{origin} cannot be read: {error}"))?;
    Ok(manifest::parse(&text, &origin, namespace)?)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = MAX_BYTES + 1;
    if path.as_os_str() == "-" {
        io::stdin().lock().take(limit).read_to_string(&mut text)?;
    } else {
        File::open(path)?.take(limit).read_to_string(&mut text)?;
    }
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it has more than {MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

/// What a file is called in messages.
pub(super) fn origin(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

/// The keys in files that were named.
pub(super) fn read_keys(paths: &[PathBuf]) -> Result<Vec<Jwk>, Box<dyn Error>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    for source in key_source::several(paths)? {
        let file = source.load()?;
        source.warn_when_open(&file);
        keys.push(file.jwk);
    }
    Ok(keys)
}
