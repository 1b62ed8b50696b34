//! Why a text is not a key that can be used.

use std::fmt;

use drill_context::KeyError;

/// A text that is not a usable JWK.
///
/// The message names the member and the mend. It never shows a member's value: the text is
/// a secret, also when it is not in its form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkError {
    /// Not a JSON object, or one with duplicate members.
    Json(String),
    /// A PEM block.
    Pem,
    /// A JWK Set: several keys in one file.
    KeySet,
    /// A member that is not there.
    Missing {
        /// The member's name.
        member: &'static str,
        /// What to write.
        form: &'static str,
    },
    /// A member with a wrong type or form.
    Member {
        /// The member's name.
        member: &'static str,
        /// What to write.
        form: &'static str,
    },
    /// A member that such a key does not have.
    Unknown(String),
    /// The public key `x` is not that of the private key `d`.
    Mismatch,
    /// Well-formed, and refused as a key.
    Key(KeyError),
    /// The operating system has no random numbers to give.
    NoRandom(getrandom::Error),
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwkError::Json(error) => write!(f, "not a JWK: {error}"),
            JwkError::Pem => f.write_str(
                "a PEM block and not a JWK: convert it, or make a key with `drillgate keys new`",
            ),
            JwkError::KeySet => {
                f.write_str("a JWK Set: write each of its keys to a file of its own")
            }
            JwkError::Missing { member, form } => {
                write!(f, "member {member:?} is missing: it must be {form}")
            }
            JwkError::Member { member, form } => write!(f, "member {member:?} must be {form}"),
            JwkError::Unknown(member) => write!(
                f,
                "member {member:?} is not one of such a key: remove it"
            ),
            JwkError::Mismatch => f.write_str(
                "members \"x\" and \"d\" belong to different keys: restore the file, or make a key with `drillgate keys new`",
            ),
            JwkError::Key(error) => write!(f, "{error}: make a key with `drillgate keys new`"),
            JwkError::NoRandom(error) => {
                write!(f, "the operating system gives no random numbers: {error}")
            }
        }
    }
}

impl std::error::Error for JwkError {}
