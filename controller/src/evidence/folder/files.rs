//! The files of a record, before they are anywhere.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::error::{FilesError, WriteError};
use super::{BUNDLE, REPORT, SIGNED};
use crate::digest::digest_of;
use crate::evidence::document::{Document, MAX_BYTES};
use crate::evidence::html::{Seal, html};
use crate::evidence::record::Record;
use crate::evidence::statement::{Digests, Statement, Subject};
use crate::evidence::{RenderError, envelope, junit, markdown};
use crate::keyfile::Jwk;

/// The files that a drill leaves, by name: those that are signed, in the order of the statement, and
/// the bundle if there was a key. No other name is ever among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files(Vec<(&'static str, String)>);

impl Files {
    /// Makes them. A bundle has the time of its signature in it, so that twice is not the same:
    /// whoever puts them into two places makes them once.
    ///
    /// # Errors
    /// [`WriteError`]: a report cannot be made, could not be read again, or the key does not sign.
    pub fn of(record: &Record, key: Option<&Jwk>, now: Time) -> Result<Files, WriteError> {
        let report = Document::of(record).text()?;
        if report.len() as u64 > MAX_BYTES {
            return Err(WriteError::TooLarge(report.len()));
        }
        let texts = [
            report,
            html(record, &seal_of(key))?,
            markdown(record)?,
            junit(record)?,
        ];
        let mut files: Vec<_> = SIGNED.into_iter().zip(texts).collect();
        if let Some(key) = key {
            let subject = files.iter().map(|(name, text)| Subject {
                name: (*name).to_owned(),
                digest: Digests {
                    sha256: digest_of(text.as_bytes()),
                },
            });
            let statement = Statement::new(record, subject.collect(), now);
            let payload = serde_json::to_vec(&statement).map_err(RenderError::from)?;
            files.push((BUNDLE, envelope::seal(&payload, key)?));
        }
        Ok(Files(files))
    }

    /// Takes them from wherever they were kept. Nothing is looked at but the names, so that nobody
    /// writes outside of a folder by them: whether they are what was signed is another question.
    ///
    /// # Errors
    /// [`FilesError`], which has the name.
    pub fn named(mut texts: BTreeMap<String, String>) -> Result<Files, FilesError> {
        let mut files = Vec::new();
        for name in SIGNED {
            let text = texts.remove(name).ok_or(FilesError::Missing(name))?;
            files.push((name, text));
        }
        files.extend(texts.remove(BUNDLE).map(|text| (BUNDLE, text)));
        match texts.into_keys().next() {
            Some(name) => Err(FilesError::Unknown(name)),
            None => Ok(Files(files)),
        }
    }

    /// Each name and what is in the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The SHA-256 of `report.json`, in hex.
    pub fn report_digest(&self) -> String {
        let report = self.iter().find(|(name, _)| *name == REPORT);
        digest_of(report.map_or("", |(_, text)| text).as_bytes())
    }
}

fn seal_of(key: Option<&Jwk>) -> Seal {
    let Some(key) = key else {
        return Seal::Unsigned;
    };
    Seal::Signed {
        kid: key.kid().to_string(),
        thumbprint: key.thumbprint().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Files;
    use crate::evidence::folder::BUNDLE;
    use crate::evidence::samples;
    use crate::keyfile::Jwk;

    fn texts(files: &Files) -> BTreeMap<String, String> {
        let texts = files.iter();
        texts
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect()
    }

    #[test]
    fn files_are_taken_by_their_names_with_a_bundle_or_without() {
        let key = Jwk::ed25519("audit".parse().unwrap(), &[7; 32]).unwrap();
        for key in [None, Some(&key)] {
            let files = Files::of(&samples::hostile(), key, samples::signing_time()).unwrap();
            assert_eq!(Files::named(texts(&files)).unwrap(), files);
            assert_eq!(texts(&files).contains_key(BUNDLE), key.is_some());
        }
    }

    #[test]
    fn a_name_that_no_drill_leaves_is_refused_and_one_that_is_missing_is_named() {
        let files = Files::of(&samples::passed(), None, samples::signing_time()).unwrap();
        for name in ["../../etc/cron.d/x", "/tmp/x", "report.JSON", "", "run.sh"] {
            let mut more = texts(&files);
            more.insert(name.to_owned(), String::new());
            let refused = Files::named(more).unwrap_err().to_string();
            assert!(refused.contains(&format!("{name:?}")), "{refused}");
        }
        let mut fewer = texts(&files);
        fewer.remove("report.md");
        let refused = Files::named(fewer).unwrap_err().to_string();
        assert!(refused.contains("\"report.md\" is missing"), "{refused}");
    }
}
