//! Hashes as text.

use sha2::{Digest, Sha256};

/// The first `bytes` of the SHA-256 of `text`, in hexadecimal digits.
pub(crate) fn digest(text: &str, bytes: usize) -> String {
    hex(Sha256::digest(text).iter().take(bytes))
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).iter())
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
