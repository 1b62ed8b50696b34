//! Key files: one JSON Web Key ([RFC 7517]) a file, so that any JWT library reads it.
//!
//! ```json
//! {"kty":"oct","kid":"ci-2026","alg":"HS256","k":"<base64url>"}
//! {"kty":"OKP","crv":"Ed25519","kid":"ci-2026","alg":"EdDSA","x":"<base64url>","d":"<base64url>"}
//! ```
//!
//! The second form without `d` is a public key: it verifies and does not sign.
//!
//! ```
//! use drillgate::keyfile::Jwk;
//! let jwk = Jwk::ed25519("ci-2026".parse()?, &[7; 32])?;
//! let again = Jwk::parse(jwk.expose().as_bytes())?;
//! assert_eq!(again.expose(), jwk.expose());
//! let public = jwk.public().ok_or("an Ed25519 key has a public half")?;
//! assert!(public.signing_key().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

mod error;
mod file;
mod parse;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Algorithm, Key, KeyError, KeyId, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use error::JwkError;
pub use file::{KeyFile, KeyFileError, MAX_KEY_BYTES, create, read};

/// A key as a key file holds it. `Debug` shows its name and algorithm only.
#[derive(Clone)]
pub struct Jwk {
    verifying: Key,
    signing: Option<SigningKey>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Hs256 {
        secret: Vec<u8>,
    },
    Ed25519 {
        public: [u8; 32],
        seed: Option<[u8; 32]>,
    },
}

impl Jwk {
    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    /// [`JwkError::NoRandom`] when the system has none to give.
    pub fn generate(kid: KeyId, algorithm: Algorithm) -> Result<Jwk, JwkError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(JwkError::NoRandom)?;
        let jwk = match algorithm {
            Algorithm::Hs256 => Jwk::hs256(kid, &random),
            Algorithm::Ed25519 => Jwk::ed25519(kid, &random),
        };
        jwk.map_err(JwkError::Key)
    }

    /// Reads the text of a key file, strictly: what the format leaves open is refused.
    ///
    /// # Errors
    /// [`JwkError`], which names the member and never shows a value.
    pub fn parse(text: &[u8]) -> Result<Jwk, JwkError> {
        parse::parse(text)
    }

    /// An HS256 key with this secret.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs256(kid: KeyId, secret: &[u8]) -> Result<Jwk, KeyError> {
        let signing = SigningKey::hs256(kid, secret)?;
        Ok(Jwk {
            verifying: signing.verifying_key(),
            signing: Some(signing),
            material: Material::Hs256 {
                secret: secret.to_vec(),
            },
        })
    }

    /// An Ed25519 key with this seed, 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`].
    pub fn ed25519(kid: KeyId, seed: &[u8]) -> Result<Jwk, KeyError> {
        let signing = SigningKey::ed25519(kid.clone(), seed)?;
        let (Ok(seed), Some(public)) = (seed.try_into(), signing.public_bytes()) else {
            let bytes = seed.len();
            return Err(KeyError::WrongLength { kid, bytes });
        };
        let seed = Some(seed);
        Ok(Jwk {
            verifying: signing.verifying_key(),
            signing: Some(signing),
            material: Material::Ed25519 { public, seed },
        })
    }

    /// An Ed25519 public key, 32 bytes: it verifies and does not sign.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`] and [`KeyError::WeakPublicKey`].
    pub fn ed25519_public(kid: KeyId, public: &[u8]) -> Result<Jwk, KeyError> {
        let verifying = Key::ed25519(kid.clone(), public)?;
        let Ok(public) = public.try_into() else {
            let bytes = public.len();
            return Err(KeyError::WrongLength { kid, bytes });
        };
        let seed = None;
        Ok(Jwk {
            verifying,
            signing: None,
            material: Material::Ed25519 { public, seed },
        })
    }

    /// The key's name.
    pub fn kid(&self) -> &KeyId {
        self.verifying.kid()
    }

    /// The one algorithm that the key is bound to.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The key that verifies.
    pub fn verifying_key(&self) -> &Key {
        &self.verifying
    }

    /// The key that signs; `None` for a public key and for one whose `key_ops` leave `sign`
    /// out.
    pub fn signing_key(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }

    /// Whether whoever reads the file can sign with it.
    pub fn is_secret(&self) -> bool {
        !matches!(self.material, Material::Ed25519 { seed: None, .. })
    }

    /// The public half of an Ed25519 key; `None` for HS256, which has none.
    pub fn public(&self) -> Option<Jwk> {
        match self.material {
            Material::Hs256 { .. } => None,
            Material::Ed25519 { public, .. } => Some(Jwk {
                verifying: self.verifying.clone(),
                signing: None,
                material: Material::Ed25519 { public, seed: None },
            }),
        }
    }

    /// The text of the key file on one line, **with the secret** where the key has one.
    pub fn expose(&self) -> String {
        // Neither a kid nor base64url has a character that JSON would escape.
        let kid = self.kid();
        match &self.material {
            Material::Hs256 { secret } => {
                let k = base64url(secret);
                format!(r#"{{"kty":"oct","kid":"{kid}","alg":"HS256","k":"{k}"}}"#)
            }
            Material::Ed25519 { public, seed } => {
                let x = base64url(public);
                let d = match seed {
                    Some(seed) => format!(r#","d":"{}""#, base64url(seed)),
                    None => String::new(),
                };
                format!(
                    r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","alg":"EdDSA","x":"{x}"{d}}}"#
                )
            }
        }
    }

    /// The key's entry in the `keys` of the filter's configuration. For HS256 it **holds the
    /// secret**, since the gate verifies with what the client signs with.
    pub fn expose_config(&self) -> Value {
        let entry = match &self.material {
            Material::Hs256 { secret } => json!({"alg": "HS256", "secret": base64url(secret)}),
            Material::Ed25519 { public, .. } => {
                json!({"alg": "Ed25519", "publicKey": base64url(public)})
            }
        };
        json!({self.kid().as_str(): entry})
    }

    /// The thumbprint of an Ed25519 key ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)):
    /// the same for both halves. `None` for HS256, where it would be a hash of the secret.
    pub fn thumbprint(&self) -> Option<String> {
        let Material::Ed25519 { public, .. } = &self.material else {
            return None;
        };
        // The required members in lexical order, without white space (RFC 8037, 2).
        let members = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            base64url(public)
        );
        Some(base64url(&Sha256::digest(members)))
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({}, {:?})", self.kid(), self.algorithm())
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use drill_context::{Algorithm, Claims, Keyring, TokenType, sign, verify};
    use serde_json::json;

    use super::Jwk;

    const SECRET: &[u8; 32] = b"hunter2hunter2hunter2hunter2hunt";
    const BASE64: &str = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ";

    /// Appendix A.1, with a name and an algorithm.
    const RFC_8037: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"rfc","alg":"EdDSA",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn hs256() -> Jwk {
        Jwk::hs256("k1".parse().unwrap(), SECRET).unwrap()
    }

    fn ed25519() -> Jwk {
        Jwk::ed25519("k1".parse().unwrap(), SECRET).unwrap()
    }

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        let jwk = ed25519();
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        let claims = Claims::new(drill, "orders-dr".parse().unwrap(), 5);
        let value = sign(jwk.signing_key().unwrap(), TokenType::Drill, &claims);

        let public = jwk.public().unwrap();
        assert!(public.signing_key().is_none() && !public.is_secret());
        let keyring = Keyring::new([public.verifying_key().clone()]).unwrap();
        assert!(verify(&value, &keyring).is_ok());
        assert!(hs256().public().is_none());
    }

    #[test]
    fn a_public_key_is_written_without_the_secret() {
        assert!(ed25519().expose().contains(BASE64));
        assert!(!ed25519().public().unwrap().expose().contains(BASE64));
        assert!(!ed25519().expose_config().to_string().contains(BASE64));
    }

    #[test]
    fn the_entry_for_the_filter_is_what_verifies() {
        assert_eq!(
            hs256().expose_config(),
            json!({"k1": {"alg": "HS256", "secret": BASE64}})
        );
        let jwk = Jwk::parse(RFC_8037.as_bytes()).unwrap();
        let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(
            jwk.expose_config(),
            json!({"rfc": {"alg": "Ed25519", "publicKey": public}})
        );
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
        let jwk = Jwk::parse(RFC_8037.as_bytes()).unwrap();
        let thumbprint = jwk.thumbprint().unwrap();
        assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(
            ed25519().thumbprint(),
            ed25519().public().unwrap().thumbprint()
        );
        assert_eq!(hs256().thumbprint(), None);
    }

    #[test]
    fn two_generated_keys_differ() {
        for algorithm in [Algorithm::Hs256, Algorithm::Ed25519] {
            let [one, two] =
                [(); 2].map(|()| Jwk::generate("k1".parse().unwrap(), algorithm).unwrap());
            assert_eq!(one.algorithm(), algorithm);
            assert_ne!(one.expose(), two.expose());
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", hs256()), "Jwk(k1, Hs256)");
        assert_eq!(format!("{:?}", ed25519()), "Jwk(k1, Ed25519)");
    }
}
