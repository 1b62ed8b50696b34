//! The keys of the tables, those of `vectors.json`; signing is by hand, as `sign` makes no
//! malformed tokens.

use drill_context::{Key, Keyring};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a token is signed with, by the name that the tables have for it.
#[derive(Debug, Clone, Copy)]
pub enum Signatory {
    Hs,
    Ed,
    /// HS256 with the Ed25519 public key, its 32 bytes, for a secret.
    PublicKey,
    /// The same with the public key as text.
    PublicText,
    EmptySecret,
}

impl Signatory {
    pub fn from_name(name: &str) -> Signatory {
        match name {
            "hs" => Signatory::Hs,
            "ed" => Signatory::Ed,
            "public" => Signatory::PublicKey,
            "public-text" => Signatory::PublicText,
            "empty" => Signatory::EmptySecret,
            other => panic!("no key {other}"),
        }
    }

    pub fn sign(self, message: &[u8]) -> Vec<u8> {
        let public = ed25519().verifying_key().to_bytes();
        match self {
            Signatory::Hs => mac(&secret(), message),
            Signatory::Ed => ed25519().sign(message).to_bytes().to_vec(),
            Signatory::PublicKey => mac(&public, message),
            Signatory::PublicText => mac(PUBLIC_TEXT.as_bytes(), message),
            Signatory::EmptySecret => mac(b"", message),
        }
    }
}

/// As it stands in a gate's configuration.
const PUBLIC_TEXT: &str = "Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc";

pub fn keyring() -> Keyring {
    let hs = Key::hs256("hs".parse().unwrap(), &secret());
    let other = Key::hs256("hs-2".parse().unwrap(), &[0x5a; 32]);
    let public = ed25519().verifying_key().to_bytes();
    let ed = Key::ed25519("ed".parse().unwrap(), &public);
    Keyring::new([hs.unwrap(), other.unwrap(), ed.unwrap()]).unwrap()
}

pub fn secret() -> Vec<u8> {
    (0..32).collect()
}

fn ed25519() -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|i| 32 + i as u8))
}

fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}
