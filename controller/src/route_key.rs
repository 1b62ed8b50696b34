//! Route keys: the part of a drill's host that no client can guess.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How many characters of five bits each hold 128 bits.
const LENGTH: usize = 26;

/// What a route key is derived for, so that the seed could serve another purpose one day.
const PURPOSE: &[u8] = b"drillgate route key";

/// A new route key from the operating system's random numbers: 26 of a-z and 2-7.
///
/// # Errors
/// What the operating system says when it has no random numbers to give.
///
/// ```
/// let key = drillgate::route_key::generate()?;
/// assert_eq!(key.len(), 26);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate() -> Result<String, getrandom::Error> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random)?;
    Ok(random.iter().filter_map(letter).collect())
}

/// The route key of a drill at the gate with this seed: always the same one, so that whoever was
/// interrupted finds it again, and as hard to guess as a random one for whoever lacks the seed.
///
/// ```
/// use drillgate::route_key::{Seed, derive};
/// let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse()?;
/// assert_eq!(derive(&Seed::from([7; 32]), drill), derive(&Seed::from([7; 32]), drill));
/// # Ok::<(), uuid::Error>(())
/// ```
pub fn derive(seed: &Seed, drill: Uuid) -> String {
    // HMAC fills a key up to its block with zeros; here that is done by hand, since the
    // constructor that does it can fail for other kinds of MAC.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(seed.0) {
        *to = from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(PURPOSE);
    mac.update(drill.as_bytes());
    let hash = mac.finalize().into_bytes();
    // A letter takes five bits, so each of the first 26 bytes gives one and 130 bits are used.
    hash.iter().take(LENGTH).filter_map(letter).collect()
}

fn letter(byte: &u8) -> Option<char> {
    ALPHABET
        .get(usize::from(byte % 32))
        .copied()
        .map(char::from)
}

/// What the route keys of a gate's drills are derived from: 256 random bits. `Debug` does not show
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A new seed from the operating system's random numbers.
    ///
    /// # Errors
    /// What the operating system says when it has no random numbers to give.
    pub fn generate() -> Result<Seed, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        Ok(Seed(random))
    }

    /// The seed in base64url without padding. Whoever reads it knows the hosts of all drills of
    /// the gate.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl From<[u8; 32]> for Seed {
    fn from(bytes: [u8; 32]) -> Seed {
        Seed(bytes)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A text that is no seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSeed;

impl fmt::Display for InvalidSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 32 bytes in base64url without padding")
    }
}

impl std::error::Error for InvalidSeed {}

impl FromStr for Seed {
    type Err = InvalidSeed;

    fn from_str(text: &str) -> Result<Seed, InvalidSeed> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidSeed)?;
        bytes.try_into().map(Seed).map_err(|_| InvalidSeed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Seed, derive, generate};

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

    fn is_what_the_filter_accepts(key: &str) -> bool {
        let base32 = |b: u8| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b);
        key.len() == 26 && key.bytes().all(base32)
    }

    #[test]
    fn a_route_key_is_what_the_filter_accepts_and_never_the_same() {
        let key = generate().unwrap();
        assert!(is_what_the_filter_accepts(&key), "{key}");
        assert_ne!(key, generate().unwrap());
    }

    #[test]
    fn a_derived_key_never_changes() {
        let key = derive(&Seed::from([7; 32]), DRILL.parse().unwrap());
        assert!(is_what_the_filter_accepts(&key), "{key}");
        assert_eq!(key, "hhm5rtth5x7gifjkiau7tuarxx");
    }

    #[test]
    fn another_drill_and_another_seed_have_another_key() {
        let drill = DRILL.parse().unwrap();
        let key = derive(&Seed::from([7; 32]), drill);
        assert_ne!(key, derive(&Seed::from([8; 32]), drill));
        let other = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e30".parse().unwrap();
        assert_ne!(key, derive(&Seed::from([7; 32]), other));
    }

    #[test]
    fn a_seed_is_read_back_and_not_shown() {
        let seed = Seed::generate().unwrap();
        assert_eq!(seed.expose().parse(), Ok(seed.clone()));
        assert_ne!(seed, Seed::generate().unwrap());
        assert_eq!(format!("{seed:?}"), "Seed(..)");
        for text in ["", "AAAA", "not a seed", &"A".repeat(44)] {
            assert!(text.parse::<Seed>().is_err(), "{text}");
        }
    }
}
