//! A file that holds a signed value and is renewed before that expires.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::time::sleep;

use super::error::Error;
use super::signer::Signer;

/// How often the clock is looked at: it may be set, and the machine may have slept.
const LOOK: Duration = Duration::from_millis(250);

/// A file that holds a signed value and nothing else, not even a line's end. Only its owner can
/// read it. Dropped, the file is removed.
#[derive(Debug)]
pub struct ContextFile {
    path: PathBuf,
    signer: Arc<Signer>,
    clock: fn() -> i64,
    written_at: i64,
}

impl ContextFile {
    /// Writes the file with a fresh value; `clock` gives the time in seconds of the Unix epoch.
    ///
    /// # Errors
    /// [`Error::ContextFile`] and [`Error::Clock`].
    pub fn create(
        path: impl Into<PathBuf>,
        signer: Arc<Signer>,
        clock: fn() -> i64,
    ) -> Result<ContextFile, Error> {
        let path = path.into();
        let written_at = clock();
        write(&path, &signer, written_at)?;
        Ok(ContextFile {
            path,
            signer,
            clock,
            written_at,
        })
    }

    /// Keeps the value fresh until `stop`, and removes the file.
    ///
    /// What fails is tried again for as long as the value in the file counts.
    ///
    /// # Errors
    /// [`Error::ContextFile`] and [`Error::Clock`], once that is no longer so.
    pub async fn keep(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::select! {
            () = stop => Ok(()),
            Err(error) = self.renew_always() => Err(error),
        }
    }

    async fn renew_always(&mut self) -> Result<(), Error> {
        loop {
            sleep(LOOK).await;
            let now = (self.clock)();
            if !is_due(self.written_at, self.signer.lifetime(), now) {
                continue;
            }
            match write(&self.path, &self.signer, now) {
                Ok(()) => self.written_at = now,
                Err(error) if now >= self.written_at.saturating_add(self.signer.lifetime()) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
    }
}

impl Drop for ContextFile {
    fn drop(&mut self) {
        // Whoever removed it before us was right, too.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Whether half of the value's life is over, or the clock was set back.
fn is_due(written_at: i64, lifetime: i64, now: i64) -> bool {
    let age = now.saturating_sub(written_at);
    age < 0 || age >= lifetime / 2
}

/// Puts a fresh value in the place of what was there: a reader sees the one or the other.
fn write(path: &Path, signer: &Signer, now: i64) -> Result<(), Error> {
    let value = signer.value(now)?;
    let replace = || -> io::Result<()> {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // Made for its owner alone.
        let mut file = NamedTempFile::with_prefix_in(".drill-context-", folder)?;
        file.write_all(value.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    replace().map_err(|error| Error::ContextFile(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use drill_context::{Keyring, verify};
    use tempfile::TempDir;
    use tokio::sync::oneshot;
    use tokio::time::{sleep, timeout};

    use super::{ContextFile, is_due};
    use crate::keyfile::Jwk;
    use crate::proxy::{Error, Signer};

    /// For what happens: a test that waits for it is broken.
    const LONG: Duration = Duration::from_secs(60);

    fn jwk() -> Jwk {
        Jwk::hs256("k1".parse().unwrap(), &[7; 32]).unwrap()
    }

    fn signer(lifetime: i64) -> Arc<Signer> {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        let environment = "orders-dr".parse().unwrap();
        let signer = Signer::new(jwk(), drill, environment, lifetime, "file-");
        Arc::new(signer.unwrap())
    }

    fn now() -> i64 {
        jiff::Timestamp::now().as_second()
    }

    /// The name of the value in the file, which must verify.
    fn token_id(path: &Path) -> String {
        let keyring = Keyring::new([jwk().verifying_key().clone()]).unwrap();
        let value = fs::read_to_string(path).unwrap();
        let claims = verify(&value, &keyring).unwrap().claims().unwrap();
        claims.token_id.unwrap().to_string()
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn half_of_a_life_is_the_end_of_a_value() {
        for (lifetime, age, due) in [
            (300, 0, false),
            (300, 149, false),
            (300, 150, true),
            (2, 0, false),
            (2, 1, true),
            (1, 0, true),
            (300, -1, true),
        ] {
            assert_eq!(is_due(1000, lifetime, 1000 + age), due, "{lifetime} {age}");
        }
    }

    #[test]
    fn the_file_is_the_value_for_its_owner_alone_and_goes_with_its_keeper() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context");
        fs::write(&path, "what was there before").unwrap();
        let file = ContextFile::create(&path, signer(300), now).unwrap();
        assert_eq!(token_id(&path), "file-1");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(&folder), ["context"]);
        drop(file);
        assert!(names(&folder).is_empty());
    }

    #[tokio::test]
    async fn the_value_is_renewed_until_told_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context");
        let file = ContextFile::create(&path, signer(2), now).unwrap();
        let (stop, stopped) = oneshot::channel();
        let keeping = tokio::spawn(file.keep(async { stopped.await.unwrap_or_default() }));
        let renewed = async {
            while token_id(&path) != "file-3" {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, renewed).await.unwrap();
        stop.send(()).unwrap();
        timeout(LONG, keeping).await.unwrap().unwrap().unwrap();
        assert!(names(&folder).is_empty());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_renewed_ends_it_once_the_value_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone").join("context");
        fs::create_dir(folder.path().join("gone")).unwrap();
        let file = ContextFile::create(&path, signer(2), now).unwrap();
        fs::remove_dir_all(folder.path().join("gone")).unwrap();
        let ended = timeout(LONG, file.keep(std::future::pending())).await;
        let error = ended.unwrap().unwrap_err();
        assert!(
            matches!(&error, Error::ContextFile(of, _) if *of == path),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("context");
        let error = ContextFile::create(&path, signer(300), now).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("none/context cannot be written: "),
            "{error}"
        );
    }
}
