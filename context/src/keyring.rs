//! Several keys at once, so that a key can be replaced without a pause.

use crate::{Key, KeyError};

/// The keys that a gate accepts, found by exact `kid`.
///
/// Rotation is: add the new key, sign with it, remove the old one.
///
/// ```
/// use drill_context::{Key, Keyring};
/// let old = Key::hs256("ci-1".parse()?, &[1; 32])?;
/// let new = Key::hs256("ci-2".parse()?, &[2; 32])?;
/// let keyring = Keyring::new([old, new])?;
/// assert!(keyring.get("ci-2").is_some());
/// assert!(keyring.get("CI-2").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    // A handful: during a rotation there are two.
    keys: Vec<Key>,
}

impl Keyring {
    /// A keyring of these keys.
    ///
    /// # Errors
    /// [`KeyError::DuplicateKid`] when two keys have one name: which of them was meant would
    /// be a guess.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Keyring, KeyError> {
        let mut keyring = Keyring::default();
        for key in keys {
            if keyring.get(key.kid().as_str()).is_some() {
                let kid = key.kid().clone();
                return Err(KeyError::DuplicateKid { kid });
            }
            keyring.keys.push(key);
        }
        Ok(keyring)
    }

    /// The key with exactly this name.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid().as_str() == kid)
    }
}

#[cfg(test)]
mod tests {
    use super::Keyring;
    use crate::{Key, KeyError};

    #[test]
    fn two_keys_with_one_kid_are_refused_even_when_they_are_the_same_key() {
        let key = Key::hs256("k1".parse().unwrap(), &[1; 32]).unwrap();
        let error = Keyring::new([key.clone(), key]).unwrap_err();
        assert_eq!(
            error,
            KeyError::DuplicateKid {
                kid: "k1".parse().unwrap()
            }
        );
    }

    #[test]
    fn a_key_is_found_by_its_exact_name_only() {
        let key = Key::hs256("k1".parse().unwrap(), &[1; 32]).unwrap();
        let keyring = Keyring::new([key]).unwrap();
        assert!(keyring.get("k1").is_some());
        for other in ["K1", "k", "k10", ""] {
            assert!(keyring.get(other).is_none(), "{other}");
        }
    }
}
