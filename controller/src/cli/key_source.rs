//! Where a command finds its key: a file, standard input or the environment.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use drill_context::KeyId;

use super::output;
use crate::keyfile::{self, Jwk, JwkError, KeyFile, KeyFileError, MAX_KEY_BYTES};

const FILE_VARIABLE: &str = "DRILLGATE_KEY_FILE";
const TEXT_VARIABLE: &str = "DRILLGATE_KEY";

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Stdin,
    /// The text of the key itself, as CI systems hand out secrets.
    Variable(OsString),
}

#[derive(Debug)]
pub(super) enum SourceError {
    NoKey,
    StdinTwice,
    TextForFile,
    File(KeyFileError),
    Stdin(io::Error),
    Invalid(Source, JwkError),
    CannotSign(Source, KeyId),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::NoKey => write!(
                f,
                "no key: name a file with --key FILE or {FILE_VARIABLE}, or put the JWK itself into {TEXT_VARIABLE}"
            ),
            SourceError::StdinTwice => {
                f.write_str("standard input can be read once: name a file in place of one -")
            }
            SourceError::TextForFile => write!(
                f,
                "a key file is named by its path, and this is a JWK itself: put it into {TEXT_VARIABLE} or a file"
            ),
            SourceError::File(error) => error.fmt(f),
            SourceError::Stdin(error) => {
                write!(f, "the key on standard input cannot be read: {error}")
            }
            SourceError::Invalid(source, error) => write!(f, "{source}: {error}"),
            SourceError::CannotSign(source, kid) => write!(
                f,
                "{source}: {kid} verifies and does not sign: name the file with the private key"
            ),
        }
    }
}

impl std::error::Error for SourceError {}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, "key file {}", path.display()),
            Source::Stdin => f.write_str("the key on standard input"),
            Source::Variable(_) => write!(f, "the key in {TEXT_VARIABLE}"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// The source that was named, or else that of the environment.
pub(super) fn one(named: Option<&Path>) -> Result<Source, SourceError> {
    match named {
        Some(path) => Source::named(path),
        None => of_environment(|name| env::var_os(name)),
    }
}

/// The key that was named, or else that of the environment, which must sign; nothing if there is
/// neither.
pub(super) fn signing(named: Option<&Path>) -> Result<Option<Jwk>, SourceError> {
    let source = match one(named) {
        Err(SourceError::NoKey) => return Ok(None),
        source => source?,
    };
    let file = source.load()?;
    source.warn_when_open(&file);
    if file.jwk.signing_key().is_none() {
        let kid = file.jwk.kid().clone();
        return Err(SourceError::CannotSign(source, kid));
    }
    Ok(Some(file.jwk))
}

/// The sources that were named, or else that of the environment.
pub(super) fn several(named: &[PathBuf]) -> Result<Vec<Source>, SourceError> {
    if named.is_empty() {
        return Ok(vec![one(None)?]);
    }
    let sources: Vec<Source> = named
        .iter()
        .map(|path| Source::named(path))
        .collect::<Result<_, _>>()?;
    if sources.iter().filter(|s| **s == Source::Stdin).count() > 1 {
        return Err(SourceError::StdinTwice);
    }
    Ok(sources)
}

fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Source, SourceError> {
    // CI systems set a variable to nothing where a secret is withheld.
    let variable = |name| variable(name).filter(|text: &OsString| !text.is_empty());
    if let Some(path) = variable(FILE_VARIABLE) {
        Source::named(Path::new(&path))
    } else if let Some(text) = variable(TEXT_VARIABLE) {
        Ok(Source::Variable(text))
    } else {
        Err(SourceError::NoKey)
    }
}

impl Source {
    /// A file, or standard input for `-`.
    ///
    /// The text of a key is refused before an error about "the file" would show it.
    pub(super) fn named(path: &Path) -> Result<Source, SourceError> {
        let name = path.as_os_str().as_encoded_bytes();
        if name.trim_ascii_start().starts_with(b"{") {
            return Err(SourceError::TextForFile);
        }
        if name == b"-" {
            return Ok(Source::Stdin);
        }
        Ok(Source::File(path.to_owned()))
    }

    pub(super) fn load(&self) -> Result<KeyFile, SourceError> {
        let jwk = match self {
            Source::File(path) => return keyfile::read(path).map_err(SourceError::File),
            Source::Stdin => {
                let mut text = Vec::new();
                io::stdin()
                    .lock()
                    .take(MAX_KEY_BYTES)
                    .read_to_end(&mut text)
                    .map_err(SourceError::Stdin)?;
                Jwk::parse(&text)
            }
            Source::Variable(text) => Jwk::parse(text.as_encoded_bytes()),
        };
        let jwk = jwk.map_err(|error| SourceError::Invalid(self.clone(), error))?;
        Ok(KeyFile { jwk, mode: None })
    }

    /// Warns of a secret that others than the file's owner can read.
    pub(super) fn warn_when_open(&self, file: &KeyFile) {
        if let (Some(mode), Source::File(path)) = (file.open_to_others(), self) {
            let path = path.display();
            output::warning(&format!(
                "key file {path} has mode {mode:04o}, so others than its owner can read the secret: chmod 600 {path}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use super::{Source, SourceError, of_environment, one, several};

    fn file(path: &str) -> Source {
        Source::File(PathBuf::from(path))
    }

    fn variables(
        set: &'static [(&'static str, &'static str)],
    ) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let (_, value) = set.iter().find(|(set, _)| *set == name)?;
            Some(OsString::from(value))
        }
    }

    #[test]
    fn what_is_named_is_taken() {
        assert_eq!(one(Some(Path::new("a.jwk"))).unwrap(), file("a.jwk"));
        let named = [PathBuf::from("a.jwk"), PathBuf::from("-")];
        assert_eq!(several(&named).unwrap(), [file("a.jwk"), Source::Stdin]);
    }

    #[test]
    fn a_file_of_the_environment_comes_before_a_key_in_it() {
        let both = variables(&[("DRILLGATE_KEY_FILE", "env.jwk"), ("DRILLGATE_KEY", "{}")]);
        assert_eq!(of_environment(both).unwrap(), file("env.jwk"));
        let source = of_environment(variables(&[("DRILLGATE_KEY", "{}")])).unwrap();
        assert_eq!(source, Source::Variable("{}".into()));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let empty = variables(&[("DRILLGATE_KEY_FILE", ""), ("DRILLGATE_KEY", "")]);
        assert!(matches!(of_environment(empty), Err(SourceError::NoKey)));
    }

    #[test]
    fn standard_input_is_named_at_most_once() {
        let named = [PathBuf::from("-"), PathBuf::from("-")];
        assert!(matches!(several(&named), Err(SourceError::StdinTwice)));
    }

    #[test]
    fn the_text_of_a_key_in_place_of_a_path_is_not_shown() {
        let error = one(Some(Path::new(r#"{"k":"hunter2"}"#))).unwrap_err();
        assert!(matches!(error, SourceError::TextForFile));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn an_error_shows_no_key_of_the_environment() {
        let source = Source::Variable("hunter2".into());
        let error = source.load().unwrap_err().to_string();
        assert!(error.starts_with("the key in DRILLGATE_KEY: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
