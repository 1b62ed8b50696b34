//! PostgreSQL's programs, and how they are run.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::lab::Error;

/// The environment variable that names the folder of `make databases`.
pub const DATABASES_VARIABLE: &str = "DRILLGATE_DATABASES";

/// Where distributions have them, each version in a folder of its own.
const DEBIAN: &str = "usr/lib/postgresql";

/// Where their shared libraries are in a folder of `make databases`.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Who runs them when we are root, whom PostgreSQL refuses: nobody.
const NOBODY: u32 = 65534;

/// Where PostgreSQL's programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    libraries: Option<PathBuf>,
}

impl Programs {
    /// Those in `databases`, which is laid out as a system's root; else those in PATH, or where
    /// Debian has them. Nothing if there are none.
    pub fn find(databases: Option<&Path>) -> Option<Programs> {
        if let Some(root) = databases.filter(|root| !root.as_os_str().is_empty()) {
            return Some(Programs {
                folder: newest(&root.join(DEBIAN))?,
                libraries: Some(root.join(LIBRARIES)),
            });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path);
        let folder = folders
            .find(|folder| is_there(folder))
            .or_else(|| newest(&Path::new("/").join(DEBIAN)))?;
        Some(Programs {
            folder,
            libraries: None,
        })
    }

    /// One of them, to be run by whom PostgreSQL accepts.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command
            .current_dir("/")
            .env("TZ", "UTC")
            .env_remove("PGSERVICE")
            .kill_on_drop(true);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs one with `input` and gives what it prints.
    pub(super) async fn run(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let doing = || Error::io(format!("run {}", self.folder.join(name).display()));
        let mut child = self
            .command(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(doing())?;
        let stdin = child.stdin.take();
        // At the same time: neither side may wait for the other with its pipe full.
        let (output, ()) = tokio::join!(child.wait_with_output(), async {
            if let Some(mut stdin) = stdin {
                // A program that needs no input may have ended.
                let _ = stdin.write_all(input).await;
            }
        });
        let output = output.map_err(doing())?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Error::Database(format!(
                "{name} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ))),
        }
    }
}

/// Gives a folder or file to whom the programs run as.
pub(super) fn give_away(path: &Path) -> std::io::Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn is_there(folder: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_dump", "pg_restore"]
        .iter()
        .all(|name| folder.join(name).is_file())
}

/// The programs of the newest version in a folder of versions.
fn newest(versions: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(versions).ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| Some((version(&path)?, path.join("bin"))))
        .filter(|(_, folder)| is_there(folder))
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Programs;

    #[test]
    fn the_newest_version_that_is_whole_is_taken() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Programs::find(Some(root.path())), None);
        for (version, programs) in [
            (
                "9",
                &["initdb", "postgres", "psql", "pg_dump", "pg_restore"][..],
            ),
            (
                "15",
                &["initdb", "postgres", "psql", "pg_dump", "pg_restore"],
            ),
            ("16", &["psql", "pg_dump"]),
        ] {
            let folder = root
                .path()
                .join("usr/lib/postgresql")
                .join(version)
                .join("bin");
            fs::create_dir_all(&folder).unwrap();
            programs
                .iter()
                .for_each(|name| fs::write(folder.join(name), "").unwrap());
        }
        let found = Programs::find(Some(root.path())).unwrap();
        assert!(found.folder.ends_with("postgresql/15/bin"), "{found:?}");
    }
}
