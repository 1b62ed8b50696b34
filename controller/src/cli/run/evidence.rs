//! The folder of evidence that a run leaves.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;

use super::super::key_source;
use crate::evidence::folder;
use crate::evidence::record::Record;
use crate::keyfile::Jwk;
use crate::oneshot::drill::now;

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// Leave a report in this folder, which must not exist or be empty: report.json, .html, .md and
    /// junit.xml
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,

    /// Sign it with this Ed25519 key, which should sign nothing else
    #[arg(long, value_name = "FILE", requires = "evidence")]
    evidence_key: Option<PathBuf>,
}

/// Where evidence goes, and who signs it.
pub(super) struct Evidence {
    folder: Option<PathBuf>,
    key: Option<Jwk>,
}

impl EvidenceArgs {
    /// Finds out what would keep it from being written, before a drill is brought up.
    pub(super) fn ready(&self) -> Result<Evidence, Box<dyn Error>> {
        let key = match &self.evidence_key {
            Some(path) => key_source::signing(Some(path))?,
            None => None,
        };
        if let Some(folder) = &self.evidence {
            folder::ready(folder, key.as_ref())?;
        }
        Ok(Evidence {
            folder: self.evidence.clone(),
            key,
        })
    }
}

impl Evidence {
    /// Writes it, if anyone wants it; gives where the page is.
    pub(super) fn write(&self, record: &Record) -> Result<Option<PathBuf>, Box<dyn Error>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        folder::write(record, folder, self.key.as_ref(), now())?;
        Ok(Some(folder.join("report.html")))
    }
}
