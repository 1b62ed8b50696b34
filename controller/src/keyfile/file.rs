//! Key files on disk.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Jwk, JwkError};

/// The longest key that is read, in bytes.
pub const MAX_KEY_BYTES: u64 = 16 * 1024;

/// What a key file holds, and who may read it.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub jwk: Jwk,
    /// The file's permissions (`0o600`); `None` for a pipe and the like.
    pub mode: Option<u32>,
}

impl KeyFile {
    /// The permissions, when they let others than the owner read a secret.
    pub fn open_to_others(&self) -> Option<u32> {
        self.mode
            .filter(|mode| self.jwk.is_secret() && mode & 0o077 != 0)
    }
}

/// A key file that cannot be read or made.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system refused to read it.
    Unreadable(PathBuf, io::Error),
    /// Longer than [`MAX_KEY_BYTES`].
    TooLarge(PathBuf),
    /// Its text is no usable key.
    Invalid(PathBuf, JwkError),
    /// A new key would overwrite it.
    Exists(PathBuf),
    /// The system refused to write it.
    Unwritable(PathBuf, io::Error),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFileError::Unreadable(path, error) if error.kind() == io::ErrorKind::NotFound => {
                let path = path.display();
                write!(
                    f,
                    "key file {path} does not exist: make it with `drillgate keys new --out {path}`"
                )
            }
            KeyFileError::Unreadable(path, error) => {
                write!(f, "key file {} cannot be read: {error}", path.display())
            }
            KeyFileError::TooLarge(path) => {
                let path = path.display();
                write!(
                    f,
                    "key file {path} is longer than {MAX_KEY_BYTES} bytes: name the file with the JWK"
                )
            }
            KeyFileError::Invalid(path, error) => {
                write!(f, "key file {}: {error}", path.display())
            }
            KeyFileError::Exists(path) => {
                let path = path.display();
                write!(
                    f,
                    "key file {path} exists and is never overwritten: name another file, or remove it first"
                )
            }
            KeyFileError::Unwritable(path, error) if error.kind() == io::ErrorKind::NotFound => {
                let path = path.display();
                write!(f, "key file {path} cannot be made: make its folder first")
            }
            KeyFileError::Unwritable(path, error) => {
                write!(f, "key file {} cannot be written: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for KeyFileError {}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`], which names the file and never shows what is in it.
pub fn read(path: &Path) -> Result<KeyFile, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut text = Vec::new();
    // One byte more than is accepted shows that the file is too long.
    file.take(MAX_KEY_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_KEY_BYTES {
        return Err(KeyFileError::TooLarge(path.to_owned()));
    }
    Ok(KeyFile {
        jwk: Jwk::parse(&text).map_err(|error| KeyFileError::Invalid(path.to_owned(), error))?,
        mode: metadata
            .is_file()
            .then(|| metadata.permissions().mode() & 0o777),
    })
}

/// Writes a new key file that its owner alone can read.
///
/// # Errors
/// [`KeyFileError::Exists`]: a key that is lost cannot be had again, so none is ever
/// overwritten; [`KeyFileError::Unwritable`].
pub fn create(path: &Path, jwk: &Jwk) -> Result<(), KeyFileError> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = match opened {
        Ok(mut file) => writeln!(file, "{}", jwk.expose()).and_then(|()| file.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyFileError::Exists(path.to_owned()));
        }
        Err(error) => return Err(KeyFileError::Unwritable(path.to_owned(), error)),
    };
    written.map_err(|error| {
        // Half a key is of no use and would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        KeyFileError::Unwritable(path.to_owned(), error)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::{KeyFileError, MAX_KEY_BYTES, create, read};
    use crate::keyfile::Jwk;

    fn jwk() -> Jwk {
        Jwk::ed25519("k1".parse().unwrap(), &[7; 32]).unwrap()
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_reads_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k1.jwk");
        create(&path, &jwk()).unwrap();
        let file = read(&path).unwrap();
        assert_eq!(file.mode, Some(0o600));
        assert_eq!(file.open_to_others(), None);
        assert_eq!(file.jwk.expose(), jwk().expose());
    }

    #[test]
    fn a_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k1.jwk");
        fs::write(&path, "precious").unwrap();
        let error = create(&path, &jwk()).unwrap_err();
        assert!(matches!(error, KeyFileError::Exists(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn only_a_secret_that_others_can_read_is_open() {
        let folder = tempfile::tempdir().unwrap();
        for (name, jwk, open) in [
            ("secret", jwk(), Some(0o640)),
            ("public", jwk().public().unwrap(), None),
        ] {
            let path = folder.path().join(name);
            create(&path, &jwk).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            assert_eq!(read(&path).unwrap().open_to_others(), open, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k1.jwk");
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("k1.jwk does not exist: make it with"),
            "{error}"
        );
        fs::write(&path, vec![b' '; MAX_KEY_BYTES as usize + 1]).unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::TooLarge(_))));
        fs::write(&path, "{}").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains(r#"k1.jwk: member "kty" is missing"#),
            "{error}"
        );
    }
}
