//! The keys of both token targets, and signing by hand: the product's own `sign` makes no
//! malformed tokens.

use drill_context::{Key, Keyring, SigningKey};
use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

pub const HS: &str = "hs";
pub const ED: &str = "ed";
const SECRET: [u8; 32] = [1; 32];
const SEED: [u8; 32] = [2; 32];

pub fn hs() -> SigningKey {
    SigningKey::hs256(HS.parse().unwrap(), &SECRET).unwrap()
}

pub fn ed() -> SigningKey {
    SigningKey::ed25519(ED.parse().unwrap(), &SEED).unwrap()
}

pub fn keyring() -> Keyring {
    let hs = Key::hs256(HS.parse().unwrap(), &SECRET).unwrap();
    Keyring::new([hs, ed().verifying_key()]).unwrap()
}

thread_local!(static KEY: ed25519_dalek::SigningKey = ed25519_dalek::SigningKey::from_bytes(&SEED));

/// Who signs: one of the gate's keys, or somebody who has none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatory {
    Hs,
    Ed,
    /// HS256 with the Ed25519 public key as the secret.
    PublicKeyAsSecret,
    Stranger,
}

impl Signatory {
    pub fn sign(self, message: &[u8]) -> Vec<u8> {
        match self {
            Signatory::Hs => hmac(&SECRET, message).to_vec(),
            Signatory::Ed => KEY.with(|key| key.sign(message).to_bytes().to_vec()),
            Signatory::PublicKeyAsSecret => {
                let public = KEY.with(|key| key.verifying_key().to_bytes());
                hmac(&public, message).to_vec()
            }
            Signatory::Stranger => hmac(&[9; 32], message).to_vec(),
        }
    }
}

/// HMAC with SHA-256 as RFC 2104 writes it, for a key no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| -> Vec<u8> {
        (0..64)
            .map(|i| key.get(i).copied().unwrap_or(0) ^ pad)
            .collect()
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}
