//! The folder that a drill leaves: the reports, and a signature over all of them.

mod error;
mod files;
mod verified;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tempfile::TempDir;

use super::envelope;
use super::record::Record;
use crate::keyfile::Jwk;

pub use error::{FilesError, Refusal, WriteError};
pub use files::Files;
pub use verified::{Verified, verify};

/// The record, for programs.
pub const REPORT: &str = "report.json";
/// What is signed, and the signature.
pub const BUNDLE: &str = "bundle.dsse.json";

/// What is signed, in the order of the statement.
const SIGNED: [&str; 4] = [REPORT, "report.html", "report.md", "junit.xml"];

/// Finds out what would keep a folder from being written, before there is anything to write.
///
/// # Errors
/// [`WriteError`]: the folder is not empty or cannot be made, or the key is no private Ed25519 key.
pub fn ready(folder: &Path, key: Option<&Jwk>) -> Result<(), WriteError> {
    free(folder)?;
    key.map_or(Ok(()), signs)
}

/// Finds out whether a folder can be put in its place, which a rename does, without overwriting
/// anything.
///
/// # Errors
/// [`WriteError`]: something is there that is no empty folder, or the place cannot be written to.
pub fn free(folder: &Path) -> Result<(), WriteError> {
    let failed = |error| WriteError::Unwritable(folder.to_owned(), error);
    let parent = parent(folder);
    match fs::symlink_metadata(folder) {
        Ok(there) if !there.is_dir() => return Err(WriteError::NoFolder(folder.to_owned())),
        Ok(there) if there.dev() != fs::metadata(parent).map_err(failed)?.dev() => {
            return Err(WriteError::Mounted(folder.to_owned()));
        }
        Ok(_) if fs::read_dir(folder).map_err(failed)?.next().is_some() => {
            return Err(WriteError::Exists(folder.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let nearest = parent.ancestors().map(named).find(|above| above.exists());
    half_in(nearest.unwrap_or(parent)).map_err(failed).map(drop)
}

/// The folder that a folder lies in.
fn parent(folder: &Path) -> &Path {
    named(folder.parent().unwrap_or(folder))
}

/// What is above a relative path is where the program runs.
fn named(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

/// A folder for what is not whole yet, which goes away by itself.
fn half_in(parent: &Path) -> io::Result<TempDir> {
    let mut half = tempfile::Builder::new();
    half.prefix(".drillgate-evidence-").tempdir_in(parent)
}

/// Finds out whether a key signs evidence.
///
/// # Errors
/// [`WriteError`]: it is no private Ed25519 key.
pub fn signs(key: &Jwk) -> Result<(), WriteError> {
    envelope::seal(b"", key)?;
    Ok(())
}

/// Writes the folder of a record: all of it, or nothing.
///
/// It must not exist, or be empty: evidence is never overwritten. Without a key the folder has no
/// `bundle.dsse.json`, and the report says that it is not signed. The key must be an Ed25519 key with
/// its private half; it should be one that signs nothing else.
///
/// # Errors
/// [`WriteError`], which names the folder.
pub fn write(
    record: &Record,
    folder: &Path,
    key: Option<&Jwk>,
    now: Time,
) -> Result<(), WriteError> {
    ready(folder, key)?;
    put(&Files::of(record, key, now)?, folder)
}

/// Writes files as a folder: all of it, or nothing. It must not exist, or be empty.
///
/// # Errors
/// [`WriteError`], which names the folder.
pub fn put(files: &Files, folder: &Path) -> Result<(), WriteError> {
    free(folder)?;
    let failed = |error| WriteError::Unwritable(folder.to_owned(), error);
    let parent = parent(folder);
    fs::create_dir_all(parent).map_err(failed)?;
    // On the same file system, so that the last step is one that happens or does not.
    let half = half_in(parent).map_err(failed)?;
    for (name, text) in files.iter() {
        let mut file = File::create_new(half.path().join(name)).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    open_to_readers(half.path()).map_err(failed)?;
    fs::rename(half.path(), folder).map_err(failed)?;
    // It is no longer where it would be removed.
    let _ = half.keep();
    Ok(())
}

/// Temporary folders are for their owner alone, and evidence is for others to read.
fn open_to_readers(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BUNDLE, REPORT, WriteError, free, write};
    use crate::evidence::samples;
    use crate::keyfile::Jwk;

    fn names(folder: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_no_folder_can_be_put_in_the_place_of_is_told_before_there_is_anything_to_write() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        fs::write(&file, "").unwrap();
        fs::create_dir(home.path().join("empty")).unwrap();
        std::os::unix::fs::symlink(home.path().join("empty"), &link).unwrap();
        for there in [&file, &link] {
            let refused = free(there).unwrap_err();
            assert!(matches!(refused, WriteError::NoFolder(_)), "{refused}");
        }
        let below_a_file = free(&file.join("evidence")).unwrap_err();
        assert!(
            matches!(below_a_file, WriteError::Unwritable(..)),
            "{below_a_file}"
        );
        let mounted = free(std::path::Path::new("/proc")).unwrap_err();
        assert!(matches!(mounted, WriteError::Mounted(_)), "{mounted}");
        free(&home.path().join("empty")).unwrap();
        free(&home.path().join("new/and/deeper")).unwrap();
        for relative in ["nowhere", "nowhere/at/all"] {
            free(std::path::Path::new(relative)).unwrap();
        }
        assert_eq!(names(home.path()), ["empty", "file", "link"]);
    }

    #[test]
    fn a_folder_without_a_key_has_no_bundle_and_its_report_says_so() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("deep/evidence");
        write(&samples::passed(), &folder, None, samples::signing_time()).unwrap();
        assert_eq!(
            names(&folder),
            ["junit.xml", "report.html", REPORT, "report.md"]
        );
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains("<strong>Not signed.</strong>"));
    }

    #[test]
    fn evidence_is_not_overwritten_and_nothing_is_left_half_done() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("evidence");
        fs::create_dir(&folder).unwrap();
        let key = Jwk::ed25519("audit".parse().unwrap(), &[7; 32]).unwrap();
        let now = samples::signing_time;
        write(&samples::passed(), &folder, Some(&key), now()).unwrap();
        let before = fs::read(folder.join(BUNDLE)).unwrap();
        let again = write(&samples::failed(), &folder, Some(&key), now()).unwrap_err();
        assert!(matches!(again, WriteError::Exists(_)), "{again}");
        assert_eq!(fs::read(folder.join(BUNDLE)).unwrap(), before);

        let public = key.public().unwrap();
        let other = home.path().join("other");
        assert!(write(&samples::passed(), &other, Some(&public), now()).is_err());
        assert_eq!(names(home.path()), ["evidence"]);
    }
}
