//! The evidence that a run leaves: a folder, a ConfigMap, or both.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use tokio::time::timeout;

use super::super::{key_source, output};
use super::{NOT_PROVEN, Progress};
use crate::evidence::document::Document;
use crate::evidence::folder::{self, Files, WriteError};
use crate::evidence::kept::{self, surplus};
use crate::evidence::record::Record;
use crate::keyfile::Jwk;
use crate::oneshot::drill::now;
use crate::oneshot::kept::{history, keep, remove};
use crate::resources::metadata::full_name;

/// How long an API server may take with all that is to be kept and deleted.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    #[command(flatten)]
    places: Places,

    /// Sign it with this Ed25519 key, which should sign nothing else
    #[arg(long, value_name = "FILE", requires = "Places")]
    evidence_key: Option<PathBuf>,
}

/// Where evidence goes: a group of its own, since a key needs one of them.
#[derive(Debug, Args)]
#[group(id = "Places", multiple = true)]
struct Places {
    /// Leave a report in this folder, which must not exist or be empty: report.json, .html, .md and
    /// junit.xml
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,

    /// Keep the same files as a ConfigMap in the drill's namespace, and of this drill's the N newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    keep_evidence: Option<u8>,
}

/// Where evidence goes, and who signs it.
pub(super) struct Evidence {
    folder: Option<PathBuf>,
    keep: Option<u8>,
    key: Option<Jwk>,
}

impl EvidenceArgs {
    /// Finds out what would keep it from being written, before a drill is brought up.
    pub(super) fn ready(&self) -> Result<Evidence, Box<dyn Error>> {
        let key = match &self.evidence_key {
            Some(path) => key_source::signing(Some(path))?,
            None => None,
        };
        if let Some(folder) = &self.places.evidence {
            folder::free(folder)?;
        }
        key.as_ref().map_or(Ok(()), folder::signs)?;
        Ok(Evidence {
            folder: self.places.evidence.clone(),
            keep: self.places.keep_evidence,
            key,
        })
    }
}

impl Evidence {
    /// Writes it wherever anyone wants it; gives 0, or the exit code of a run whose evidence could
    /// not be kept in the cluster.
    pub(super) async fn leave(
        &self,
        client: &Client,
        record: &Record,
        progress: &Progress,
    ) -> Result<u8, Box<dyn Error>> {
        if self.folder.is_none() && self.keep.is_none() {
            return Ok(0);
        }
        // Once: the very bytes that are signed go to both places.
        let files = Files::of(record, self.key.as_ref(), now());
        let mut code = 0;
        if let Some(limit) = self.keep
            && let Err(error) = in_cluster(client, record, &files, limit.into(), progress).await
        {
            let error = format!("the evidence is not kept in the cluster: {error}");
            output::error(Box::<dyn Error>::from(error).as_ref());
            code = NOT_PROVEN;
        }
        if let Some(folder) = &self.folder {
            folder::put(&files?, folder)?;
            let (verdict, page) = (Document::of(record).verdict, folder.join("report.html"));
            progress.say(&format!("the drill has {verdict}: {}", page.display()));
        }
        Ok(code)
    }
}

/// Keeps the files in the cluster, and deletes what is older than the `limit` newest of the drill.
async fn in_cluster(
    client: &Client,
    record: &Record,
    files: &Result<Files, WriteError>,
    limit: usize,
    progress: &Progress,
) -> Result<(), Box<dyn Error>> {
    let files = files.as_ref().map_err(ToString::to_string)?;
    let config_map = kept::config_map(record, files)?;
    let late = |_| format!("the API server has taken longer than {} s", LIMIT.as_secs());
    timeout(LIMIT, keep(client, &config_map))
        .await
        .map_err(late)??;
    progress.say(&format!(
        "the drill has {}: kept as ConfigMap {}",
        Document::of(record).verdict,
        full_name(&config_map)
    ));
    let cut = timeout(LIMIT, cut(client, &config_map, limit)).await;
    let cut = cut.map_err(|error| late(error).into()).flatten();
    match cut {
        Ok(0) => {}
        Ok(deleted) => progress.say(&format!("deleted {deleted} that were older")),
        Err(error) => output::warning(&format!(
            "older evidence of the drill is still there: {error}"
        )),
    }
    Ok(())
}

/// Deletes what is too much, and says how many that were.
async fn cut(
    client: &Client,
    config_map: &ConfigMap,
    limit: usize,
) -> Result<usize, Box<dyn Error>> {
    let Some(just) = kept::read(&config_map.metadata) else {
        return Ok(0);
    };
    let history = history(client, &just.namespace, Some(&just.drill)).await?;
    let too_many = surplus(history.kept, &just, limit);
    for one in &too_many {
        remove(client, one).await?;
    }
    Ok(too_many.len())
}
