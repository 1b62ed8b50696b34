//! Whether a folder is, byte for byte, what a key has signed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{BUNDLE, REPORT, Refusal, SIGNED};
use crate::digest::digest_of;
use crate::evidence::document;
use crate::evidence::envelope;
use crate::evidence::record::Record;
use crate::evidence::statement::Statement;
use crate::keyfile::Jwk;

/// The largest file that is looked at: a page of HTML is larger than the report that it shows.
const MAX_FILE_BYTES: u64 = 16 * document::MAX_BYTES;

/// A folder that is as it was signed.
#[derive(Debug)]
pub struct Verified {
    /// What its report says.
    pub record: Record,
    /// Which key has signed it.
    pub kid: String,
    /// When, by the clock of whoever signed.
    pub signed_at: Time,
    /// The files that were signed, and the SHA-256 of each.
    pub files: Vec<(String, String)>,
}

/// Verifies a folder with the public key of whoever is said to have signed it. Nothing but the
/// folder is asked.
///
/// # Errors
/// [`Refusal`], which names the file.
pub fn verify(folder: &Path, key: &Jwk) -> Result<Verified, Refusal> {
    let names = names(folder)?;
    if !names.contains(BUNDLE) {
        return Err(Refusal::Unsigned);
    }
    let bundle = read(folder, BUNDLE)?;
    let payload = envelope::open(&bundle, key).map_err(Refusal::Bundle)?;
    let statement = Statement::read(&payload).map_err(Refusal::Statement)?;
    let files = subjects(&statement)?;
    if let Some(missing) = SIGNED.iter().find(|name| !names.contains(**name)) {
        return Err(Refusal::Missing((*missing).to_owned()));
    }
    let is_ours = |name: &str| name == BUNDLE || SIGNED.contains(&name);
    if let Some(extra) = names.iter().find(|name| !is_ours(name)) {
        return Err(Refusal::Extra(extra.clone()));
    }
    let mut report = Vec::new();
    for (name, sha256) in &files {
        let bytes = read(folder, name)?;
        if digest_of(&bytes) != *sha256 {
            return Err(Refusal::Changed(name.clone()));
        }
        if name == REPORT {
            report = bytes;
        }
    }
    let record = document::read(&report).map_err(Refusal::Report)?;
    agree(&statement, &record)?;
    Ok(Verified {
        record,
        kid: key.kid().to_string(),
        signed_at: statement.predicate.signed_at,
        files,
    })
}

/// The names in a folder. What is no UTF-8 cannot be one of ours, and is shown as well as it can be.
fn names(folder: &Path) -> Result<BTreeSet<String>, Refusal> {
    let unreadable = |error| Refusal::Unreadable(folder.to_owned(), error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.insert(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The signed files: exactly those that drillgate signs.
fn subjects(statement: &Statement) -> Result<Vec<(String, String)>, Refusal> {
    let subjects = statement.subject.iter();
    let files: Vec<_> = subjects
        .map(|subject| (subject.name.clone(), subject.digest.sha256.clone()))
        .collect();
    if files.iter().map(|(name, _)| name.as_str()).eq(SIGNED) {
        return Ok(files);
    }
    let why = format!("its files are not {}", SIGNED.join(", "));
    Err(Refusal::Statement(why))
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Refusal> {
    let path = folder.join(name);
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::Missing(name.to_owned()),
        _ => Refusal::Unreadable(path.clone(), error),
    };
    // Not the target of a link, nor a pipe that never ends.
    if !fs::symlink_metadata(&path).map_err(unreadable)?.is_file() {
        return Err(Refusal::NoFile(name.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Refusal::TooLarge(name.to_owned()));
    }
    Ok(bytes)
}

/// What was stated for those who read no report is what the report says.
fn agree(statement: &Statement, record: &Record) -> Result<(), Refusal> {
    let signed_at = statement.predicate.signed_at.clone();
    let expected = Statement::new(record, statement.subject.clone(), signed_at);
    let (stated, said) = (&statement.predicate, &expected.predicate);
    for (what, agrees) in [
        ("the drill", stated.drill == said.drill),
        ("the verdict", stated.verdict == said.verdict),
        ("anything else", stated == said),
    ] {
        if !agrees {
            return Err(Refusal::Contradiction(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::{BUNDLE, Refusal, SIGNED, verify};
    use crate::evidence::folder::write;
    use crate::evidence::samples;
    use crate::keyfile::Jwk;

    struct Bench {
        home: TempDir,
        key: Jwk,
    }

    impl Bench {
        fn new() -> Bench {
            let key = Jwk::ed25519("audit".parse().unwrap(), &[7; 32]).unwrap();
            let bench = Bench {
                home: tempfile::tempdir().unwrap(),
                key,
            };
            let now = samples::signing_time();
            write(&samples::failed(), &bench.folder(), Some(&bench.key), now).unwrap();
            bench
        }

        fn folder(&self) -> PathBuf {
            self.home.path().join("evidence")
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder().join(name)
        }

        fn refusal(&self) -> Refusal {
            verify(&self.folder(), &self.key.public().unwrap()).unwrap_err()
        }

        #[track_caller]
        fn is_refused_for(&self, name: &str) {
            let sentence = self.refusal().to_string();
            assert!(sentence.contains(name), "{name}: {sentence}");
        }
    }

    #[test]
    fn a_folder_is_believed_as_it_was_written() {
        let bench = Bench::new();
        let verified = verify(&bench.folder(), &bench.key.public().unwrap()).unwrap();
        assert_eq!(verified.record, samples::failed());
        assert_eq!(verified.kid, "audit");
        assert_eq!(verified.signed_at, samples::signing_time());
        assert_eq!(verified.files.len(), 4);
    }

    #[test]
    fn a_changed_byte_anywhere_in_any_file_is_found() {
        let bench = Bench::new();
        for name in SIGNED.into_iter().chain([BUNDLE]) {
            let original = fs::read(bench.file(name)).unwrap();
            let last = original.len() - 1;
            let tries = if name == BUNDLE { 150 } else { 24 };
            for position in (0..last).step_by(last / tries + 1).chain([last]) {
                let mut changed = original.clone();
                // The last bit, or the case of a letter.
                changed[position] ^= if position % 2 == 0 { 0x01 } else { 0x20 };
                fs::write(bench.file(name), changed).unwrap();
                let sentence = bench.refusal().to_string();
                assert!(sentence.contains(name), "{name} at {position}: {sentence}");
            }
            fs::write(bench.file(name), original).unwrap();
        }
        assert!(verify(&bench.folder(), &bench.key).is_ok());
    }

    #[test]
    fn a_byte_more_or_less_is_found() {
        let bench = Bench::new();
        for name in SIGNED.into_iter().chain([BUNDLE]) {
            let original = fs::read(bench.file(name)).unwrap();
            let longer = [original.as_slice(), b"\n"].concat();
            for changed in [
                &original[1..],
                &original[..original.len() - 1],
                &longer,
                b"",
            ] {
                fs::write(bench.file(name), changed).unwrap();
                bench.is_refused_for(name);
            }
            fs::write(bench.file(name), original).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_missing_or_was_added_is_named() {
        for name in SIGNED.into_iter().chain([BUNDLE]) {
            let bench = Bench::new();
            fs::remove_file(bench.file(name)).unwrap();
            bench.is_refused_for(name);
        }
        let bench = Bench::new();
        fs::write(bench.file("addendum.md"), "all is well").unwrap();
        bench.is_refused_for("addendum.md");
    }

    #[test]
    fn files_that_change_places_and_links_are_found() {
        let bench = Bench::new();
        let (one, other) = (bench.file("report.md"), bench.file("report.html"));
        let away = bench.home.path().join("away");
        fs::rename(&one, &away).unwrap();
        fs::rename(&other, &one).unwrap();
        fs::rename(&away, &other).unwrap();
        bench.is_refused_for("report.html");

        let bench = Bench::new();
        let away = bench.home.path().join("away");
        fs::rename(bench.file("report.md"), &away).unwrap();
        std::os::unix::fs::symlink(&away, bench.file("report.md")).unwrap();
        assert!(matches!(bench.refusal(), Refusal::NoFile(_)));
    }

    #[test]
    fn the_report_or_the_bundle_of_another_run_is_found() {
        let (bench, other) = (Bench::new(), Bench::new());
        let folder = other.home.path().join("passed");
        let now = samples::signing_time();
        write(&samples::passed(), &folder, Some(&other.key), now).unwrap();
        for (name, named) in [("report.json", "report.json"), (BUNDLE, "report.json")] {
            let original = fs::read(bench.file(name)).unwrap();
            fs::copy(folder.join(name), bench.file(name)).unwrap();
            bench.is_refused_for(named);
            fs::write(bench.file(name), original).unwrap();
        }
    }

    #[test]
    fn a_folder_that_is_not_there_or_not_signed_is_refused() {
        let bench = Bench::new();
        let nowhere = bench.home.path().join("nowhere");
        let error = verify(&nowhere, &bench.key).unwrap_err();
        assert!(matches!(error, Refusal::Unreadable(..)), "{error}");
        fs::remove_file(bench.file(BUNDLE)).unwrap();
        assert!(matches!(bench.refusal(), Refusal::Unsigned));
    }
}
