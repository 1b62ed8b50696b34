//! Evidence in the cluster: the files of a run as one ConfigMap, and which of those that there are
//! may go.
//!
//! Annotations and labels are for those who look for a run. None of them is signed: what counts is
//! in the files, and `drillgate report verify` looks at nothing else.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::core::ObjectMeta;
use serde::Serialize;

use super::document::{Document, Verdict};
use super::folder::{Files, FilesError};
use super::record::Record;
use crate::resources::metadata::{
    BEGAN, DRILL_ID, DRILLGATE, EVIDENCE_OF, MANAGED_BY, REPORT_SHA256, VERDICT,
};
use crate::resources::names;

/// The most bytes that the files may have together. The API server takes 1 MiB of values; what is
/// left is for names and annotations, and for what others may add.
pub const MAX_BYTES: usize = 900 * 1024;

/// Files that are too large for a ConfigMap, each with its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge(Vec<(&'static str, usize)>);

/// Why a ConfigMap is no evidence.
#[derive(Debug, PartialEq, Eq)]
pub enum NotEvidence {
    /// It has something that is no text.
    Binary(String),
    /// Its files are not those of a drill.
    Files(FilesError),
}

/// Evidence as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The ConfigMap.
    pub name: String,
    /// Where it is, which is where the drill was.
    pub namespace: String,
    /// The drill's name, as [`names::evidence_of`] has it.
    pub drill: String,
    /// The drill's UUID.
    pub id: String,
    /// When the run began, by the clock of the machine that it ran on.
    pub began: Timestamp,
    /// What it came to.
    pub verdict: Verdict,
    /// The SHA-256 of `report.json`.
    pub report_sha256: String,
    /// When it was kept, by the API server's clock.
    #[serde(skip)]
    pub created: Option<Timestamp>,
    /// The very object.
    #[serde(skip)]
    pub uid: Option<String>,
}

/// The ConfigMap of a run.
///
/// The drill's UUID is an annotation: as a label it marks what a drill consists of, and that has to
/// go with the drill.
///
/// # Errors
/// [`TooLarge`]. A part of the files would be no evidence: the bundle is over all of them.
pub fn config_map(record: &Record, files: &Files) -> Result<ConfigMap, TooLarge> {
    if files.iter().map(|(_, text)| text.len()).sum::<usize>() > MAX_BYTES {
        let sizes = files.iter().map(|(name, text)| (name, text.len()));
        return Err(TooLarge(sizes.collect()));
    }
    let facts = &record.drill;
    let (namespace, drill) = facts.name.split_once('/').unwrap_or(("", &facts.name));
    let labels = [
        (MANAGED_BY, DRILLGATE.to_owned()),
        (EVIDENCE_OF, names::evidence_of(drill)),
    ];
    let annotations = [
        (DRILL_ID, facts.id.clone()),
        (BEGAN, record.started_at.0.to_string()),
        (VERDICT, Document::of(record).verdict.to_string()),
        (REPORT_SHA256, files.report_digest()),
    ];
    Ok(ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::evidence(drill, &record.started_at, &facts.id)),
            namespace: Some(namespace.to_owned()),
            labels: Some(map(labels)),
            annotations: Some(map(annotations)),
            ..ObjectMeta::default()
        },
        data: Some(map(files
            .iter()
            .map(|(name, text)| (name, text.to_owned())))),
        immutable: Some(true),
        ..ConfigMap::default()
    })
}

fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The files in a ConfigMap, byte for byte.
///
/// # Errors
/// [`NotEvidence`], which has the name of what does not belong there.
pub fn files(config_map: ConfigMap) -> Result<Files, NotEvidence> {
    let binary = config_map.binary_data.unwrap_or_default();
    if let Some(name) = binary.into_keys().next() {
        return Err(NotEvidence::Binary(name));
    }
    Files::named(config_map.data.unwrap_or_default()).map_err(NotEvidence::Files)
}

/// What a ConfigMap says of the run that it is of; nothing if it lacks something that
/// [`config_map`] gives each: then it is somebody else's.
pub fn read(metadata: &ObjectMeta) -> Option<Kept> {
    let label = |name| metadata.labels.as_ref()?.get(name).cloned();
    let annotation = |name| metadata.annotations.as_ref()?.get(name).cloned();
    label(MANAGED_BY).filter(|by| by == DRILLGATE)?;
    let verdict = [Verdict::Passed, Verdict::Failed].into_iter();
    let said = annotation(VERDICT)?;
    Some(Kept {
        name: metadata.name.clone()?,
        namespace: metadata.namespace.clone()?,
        drill: label(EVIDENCE_OF)?,
        id: annotation(DRILL_ID)?,
        began: annotation(BEGAN)?.parse().ok()?,
        verdict: verdict.into_iter().find(|one| one.to_string() == said)?,
        report_sha256: annotation(REPORT_SHA256)?,
        created: metadata.creation_timestamp.as_ref().map(|time| time.0),
        uid: metadata.uid.clone(),
    })
}

/// Puts the newest first: by the API server's clock, which is the same for all, and within one of
/// its seconds by the runs' own.
pub fn newest_first(all: &mut [Kept]) {
    all.sort_by_key(|one| Reverse((one.created, one.began, one.name.clone())));
}

/// Those that are too many where `limit` may stay, `just` among them, which has just been written:
/// whatever the clocks say, a run does not delete its own evidence, nor that of another drill.
pub fn surplus(mut all: Vec<Kept>, just: &Kept, limit: usize) -> Vec<Kept> {
    let place = |one: &Kept| (one.namespace.clone(), one.drill.clone());
    all.retain(|one| place(one) == place(just) && one.name != just.name);
    newest_first(&mut all);
    all.into_iter().skip(limit.saturating_sub(1)).collect()
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.0.iter().map(|(_, bytes)| bytes).sum();
        let each = self.0.iter().map(|(name, bytes)| format!("{name} {bytes}"));
        let each: Vec<String> = each.collect();
        write!(
            f,
            "its files have {all} bytes together ({}), and a ConfigMap is given at most {MAX_BYTES}: leave them in a folder with --evidence",
            each.join(", ")
        )
    }
}

impl fmt::Display for NotEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotEvidence::Binary(name) => write!(f, "{name:?} in it is no text"),
            NotEvidence::Files(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TooLarge {}
impl std::error::Error for NotEvidence {}

#[cfg(test)]
mod tests;
