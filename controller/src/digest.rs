//! Hashes as text.

use sha2::{Digest, Sha256};

/// The first `bytes` of the SHA-256 of `text`, in hexadecimal digits.
pub(crate) fn digest(text: &str, bytes: usize) -> String {
    let hash = Sha256::digest(text);
    let first = hash.iter().take(bytes);
    first.map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
