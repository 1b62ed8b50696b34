//! Keys: each bound to one algorithm, and refused when it is too weak to use.

use std::fmt;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{KeyId, Reason};

/// The shortest HS256 secret that is accepted, in bytes
/// ([RFC 7518, 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2): as long as the hash).
pub const MIN_SECRET_BYTES: usize = 32;

/// What a key signs with. A key has one algorithm; a token cannot choose another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 ([RFC 7518](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
    Hs256,
    /// Ed25519 ([RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)).
    Ed25519,
}

impl Algorithm {
    /// Whether the header parameter `alg` names this algorithm, case-sensitively.
    ///
    /// Ed25519 has two registered names: `EdDSA` (RFC 8037) and the fully specified `Ed25519`
    /// ([RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)).
    pub fn has_name(self, alg: &str) -> bool {
        match self {
            Algorithm::Hs256 => alg == "HS256",
            Algorithm::Ed25519 => alg == "EdDSA" || alg == "Ed25519",
        }
    }

    /// The `alg` that we write: the name that every library reads.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Ed25519 => "EdDSA",
        }
    }
}

/// A key that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// An HS256 secret shorter than [`MIN_SECRET_BYTES`].
    ShortSecret {
        /// The key's name.
        kid: KeyId,
        /// Its length in bytes.
        bytes: usize,
    },
    /// An Ed25519 key that is not 32 bytes long.
    WrongLength {
        /// The key's name.
        kid: KeyId,
        /// Its length in bytes.
        bytes: usize,
    },
    /// 32 bytes that are not an Ed25519 public key, or one of small order, which would
    /// accept signatures that nobody made.
    WeakPublicKey {
        /// The key's name.
        kid: KeyId,
    },
    /// Two keys with one name.
    DuplicateKid {
        /// The name.
        kid: KeyId,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::ShortSecret { kid, bytes } => write!(
                f,
                "key {kid}: an HS256 secret needs at least {MIN_SECRET_BYTES} bytes, this one has {bytes}"
            ),
            KeyError::WrongLength { kid, bytes } => {
                write!(
                    f,
                    "key {kid}: an Ed25519 key has 32 bytes, this one has {bytes}"
                )
            }
            KeyError::WeakPublicKey { kid } => {
                write!(f, "key {kid}: not a usable Ed25519 public key")
            }
            KeyError::DuplicateKid { kid } => {
                write!(f, "key {kid}: the keyring already has a key with this kid")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// A key that verifies. `Debug` shows its name and algorithm only.
#[derive(Clone)]
pub struct Key {
    kid: KeyId,
    material: Material,
}

#[derive(Clone)]
enum Material {
    // The keyed state: cloning it saves two hash blocks for every token.
    Hs256(Hmac<Sha256>),
    Ed25519(VerifyingKey),
}

impl Key {
    /// An HS256 key with this secret.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`] below [`MIN_SECRET_BYTES`].
    pub fn hs256(kid: KeyId, secret: &[u8]) -> Result<Key, KeyError> {
        let mac = keyed_mac(&kid, secret)?;
        Ok(Key {
            kid,
            material: Material::Hs256(mac),
        })
    }

    /// An Ed25519 key with this public key, 32 bytes as in RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`]; [`KeyError::WeakPublicKey`] for what is no point of the
    /// curve or one of small order.
    pub fn ed25519(kid: KeyId, public: &[u8]) -> Result<Key, KeyError> {
        let Ok(bytes) = <&[u8; 32]>::try_from(public) else {
            let bytes = public.len();
            return Err(KeyError::WrongLength { kid, bytes });
        };
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() => Ok(Key {
                kid,
                material: Material::Ed25519(key),
            }),
            _ => Err(KeyError::WeakPublicKey { kid }),
        }
    }

    /// The key's name.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The one algorithm that the key is bound to.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Hs256(_) => Algorithm::Hs256,
            Material::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Checks a MAC (in constant time) or a signature over `message`.
    ///
    /// # Errors
    /// [`Reason::BadSignature`], also for a signature of another length.
    pub fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let matches = match &self.material {
            Material::Hs256(mac) => mac
                .clone()
                .chain_update(message)
                .verify_slice(signature)
                .is_ok(),
            Material::Ed25519(key) => Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature))
                .is_ok(),
        };
        if matches {
            Ok(())
        } else {
            Err(Reason::BadSignature)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {:?})", self.kid, self.algorithm())
    }
}

/// `Hmac` itself would take a secret of any length, also of none.
fn keyed_mac(kid: &KeyId, secret: &[u8]) -> Result<Hmac<Sha256>, KeyError> {
    match Hmac::new_from_slice(secret) {
        Ok(mac) if secret.len() >= MIN_SECRET_BYTES => Ok(mac),
        _ => Err(KeyError::ShortSecret {
            kid: kid.clone(),
            bytes: secret.len(),
        }),
    }
}

/// A key that signs. `Debug` shows its name and algorithm only.
#[derive(Clone)]
pub struct SigningKey {
    verifying: Key,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Hs256(Hmac<Sha256>),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// An HS256 key with this secret.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`] below [`MIN_SECRET_BYTES`].
    pub fn hs256(kid: KeyId, secret: &[u8]) -> Result<SigningKey, KeyError> {
        let mac = keyed_mac(&kid, secret)?;
        Ok(SigningKey {
            secret: Secret::Hs256(mac.clone()),
            verifying: Key {
                kid,
                material: Material::Hs256(mac),
            },
        })
    }

    /// An Ed25519 key with this seed, 32 bytes: the private key of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`].
    pub fn ed25519(kid: KeyId, seed: &[u8]) -> Result<SigningKey, KeyError> {
        let Ok(bytes) = <&[u8; 32]>::try_from(seed) else {
            let bytes = seed.len();
            return Err(KeyError::WrongLength { kid, bytes });
        };
        let secret = ed25519_dalek::SigningKey::from_bytes(bytes);
        Ok(SigningKey {
            verifying: Key::ed25519(kid, secret.verifying_key().as_bytes())?,
            secret: Secret::Ed25519(secret),
        })
    }

    /// The key that verifies what this one signs.
    pub fn verifying_key(&self) -> Key {
        self.verifying.clone()
    }

    /// The key's name.
    pub fn kid(&self) -> &KeyId {
        &self.verifying.kid
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The Ed25519 public key, 32 bytes; `None` for HS256, which has none.
    pub fn public_bytes(&self) -> Option<[u8; 32]> {
        match &self.secret {
            Secret::Hs256(_) => None,
            Secret::Ed25519(key) => Some(key.verifying_key().to_bytes()),
        }
    }

    /// A MAC or a signature over `message`, which must say what it is: nothing that is signed may be
    /// taken for something else, as for a token.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Hs256(mac) => {
                let tag = mac.clone().chain_update(message).finalize();
                tag.into_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {:?})", self.kid(), self.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError, SigningKey};
    use crate::KeyId;

    fn kid() -> KeyId {
        "k1".parse().unwrap()
    }

    #[test]
    fn a_short_secret_is_refused_and_its_length_named() {
        for bytes in [0, 1, 31] {
            let secret = vec![7; bytes];
            let error = Key::hs256(kid(), &secret).unwrap_err();
            assert_eq!(error, KeyError::ShortSecret { kid: kid(), bytes });
            assert!(SigningKey::hs256(kid(), &secret).is_err());
        }
        assert!(Key::hs256(kid(), &[7; 32]).is_ok());
        assert!(Key::hs256(kid(), &[7; 65]).is_ok());
    }

    #[test]
    fn an_ed25519_key_of_another_length_is_refused() {
        for bytes in [0, 31, 33, 64] {
            let key = vec![7; bytes];
            let wrong = KeyError::WrongLength { kid: kid(), bytes };
            assert_eq!(Key::ed25519(kid(), &key).unwrap_err(), wrong);
            assert_eq!(SigningKey::ed25519(kid(), &key).unwrap_err(), wrong);
        }
    }

    #[test]
    fn a_public_key_of_small_order_or_off_the_curve_is_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        for public in [[0; 32], neutral, off_curve] {
            assert_eq!(
                Key::ed25519(kid(), &public).unwrap_err(),
                KeyError::WeakPublicKey { kid: kid() }
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SigningKey::hs256(kid(), b"hunter2hunter2hunter2hunter2hunter2").unwrap();
        let shown = format!("{key:?} {:?}", key.verifying_key());
        assert_eq!(shown, "SigningKey(k1, Hs256) Key(k1, Hs256)");
    }
}
