//! Why a folder of evidence is not written, or not believed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{BUNDLE, REPORT};
use crate::evidence::RenderError;
use crate::evidence::document::{MAX_BYTES, ReadError};
use crate::evidence::envelope::EnvelopeError;

/// Why a folder could not be written.
#[derive(Debug)]
pub enum WriteError {
    /// There is something in it.
    Exists(PathBuf),
    /// There is something, and it is no folder.
    NoFolder(PathBuf),
    /// It is the root of a file system, and stays there.
    Mounted(PathBuf),
    /// The file system does not take it.
    Unwritable(PathBuf, io::Error),
    /// The report would have so many bytes, and could not be read again.
    TooLarge(usize),
    /// A report cannot be made.
    Render(RenderError),
    /// The key does not sign.
    Key(EnvelopeError),
}

/// Why files are not those that a drill leaves.
#[derive(Debug, PartialEq, Eq)]
pub enum FilesError {
    /// A drill leaves no file with this name.
    Unknown(String),
    /// It leaves one with this name, always.
    Missing(&'static str),
}

/// Why a folder is not believed.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read at all.
    Unreadable(PathBuf, io::Error),
    /// It has no signature.
    Unsigned,
    /// A file is missing.
    Missing(String),
    /// A file is there that was not signed.
    Extra(String),
    /// A name stands for no plain file.
    NoFile(String),
    /// A file is not the one that was signed.
    Changed(String),
    /// A file is larger than any that is written.
    TooLarge(String),
    /// The envelope is not believed.
    Bundle(EnvelopeError),
    /// What was signed is nothing that drillgate signs.
    Statement(String),
    /// The report was signed, and cannot be read.
    Report(ReadError),
    /// What was stated is not what the report says.
    Contradiction(&'static str),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Exists(folder) => {
                let folder = folder.display();
                write!(
                    f,
                    "{folder} is not empty, and evidence is never overwritten: name another folder"
                )
            }
            WriteError::NoFolder(folder) => {
                let folder = folder.display();
                write!(f, "{folder} is there and is no folder: name another one")
            }
            WriteError::Mounted(folder) => {
                let folder = folder.display();
                write!(
                    f,
                    "{folder} is a mounted volume, which no folder can take the place of: name a folder inside of it, such as {folder}/evidence"
                )
            }
            WriteError::Unwritable(folder, error) => {
                write!(
                    f,
                    "evidence folder {} cannot be written: {error}",
                    folder.display()
                )
            }
            WriteError::TooLarge(bytes) => write!(
                f,
                "the report has {bytes} bytes, and at most {MAX_BYTES} can be read again"
            ),
            WriteError::Render(error) => error.fmt(f),
            WriteError::Key(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilesError::Unknown(name) => write!(f, "no drill leaves a file {name:?}"),
            FilesError::Missing(name) => write!(f, "{name:?} is missing"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Refusal::Unsigned => write!(f, "{BUNDLE} is missing: the folder is not signed"),
            Refusal::Missing(name) => write!(f, "{name:?} was signed and is missing"),
            Refusal::Extra(name) => write!(f, "{name:?} is in the folder and was not signed"),
            Refusal::NoFile(name) => write!(f, "{name:?} is no plain file"),
            Refusal::Changed(name) => write!(f, "{name:?} is not the file that was signed"),
            Refusal::TooLarge(name) => {
                write!(f, "{name:?} is larger than any file that is signed")
            }
            Refusal::Bundle(error) => write!(f, "{BUNDLE}: {error}"),
            Refusal::Statement(why) => write!(f, "{BUNDLE}: what was signed is no drill: {why}"),
            Refusal::Report(error) => write!(f, "{REPORT}: {error}"),
            Refusal::Contradiction(what) => write!(
                f,
                "{BUNDLE} and {REPORT} do not agree about {what}, although both were signed"
            ),
        }
    }
}

impl std::error::Error for FilesError {}
impl std::error::Error for WriteError {}
impl std::error::Error for Refusal {}

impl From<RenderError> for WriteError {
    fn from(error: RenderError) -> WriteError {
        WriteError::Render(error)
    }
}

impl From<EnvelopeError> for WriteError {
    fn from(error: EnvelopeError) -> WriteError {
        WriteError::Key(error)
    }
}
