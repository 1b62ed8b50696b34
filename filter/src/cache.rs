//! Tokens that were verified before, so that each signature is checked once.

use std::collections::VecDeque;
use std::rc::Rc;

use drill_context::{Claims, KeyId, TokenType};

/// How many tokens are remembered. At most 1 KiB each.
const CAPACITY: usize = 512;

/// What a token with a valid signature says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authentic {
    pub(crate) kid: KeyId,
    pub(crate) token_type: TokenType,
    pub(crate) claims: Claims,
    /// What its requests carry to the sandbox as `baggage`.
    pub(crate) baggage: String,
}

/// Verified tokens by their whole text; the oldest goes first.
///
/// It belongs to one configuration: a key that is removed takes what it signed along. Only
/// what does not change with time is remembered, so times are checked on every hit.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    tokens: VecDeque<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    tail: Option<[u8; TAIL]>,
    token: Box<str>,
    authentic: Rc<Authentic>,
}

/// The end of a token, that of its signature: 48 bits that tell tokens apart.
const TAIL: usize = 8;

impl TokenCache {
    pub(crate) fn get(&self, token: &str) -> Option<Rc<Authentic>> {
        let tail = token.as_bytes().last_chunk();
        // The latest first: what comes now most likely came just before.
        let mut latest = self.tokens.iter().rev();
        let found = latest.find(|held| held.tail.as_ref() == tail && same(&held.token, token))?;
        Some(found.authentic.clone())
    }

    /// Remembers a token that [`TokenCache::get`] did not find.
    pub(crate) fn insert(&mut self, token: &str, authentic: Rc<Authentic>) {
        if self.tokens.len() >= CAPACITY {
            self.tokens.pop_front();
        }
        self.tokens.push_back(Remembered {
            tail: token.as_bytes().last_chunk().copied(),
            token: token.into(),
            authentic,
        });
    }
}

/// Whether two tokens are one, in a time that does not depend on where they differ: it must not
/// tell how much of a guess is right.
fn same(held: &str, token: &str) -> bool {
    let pairs = held.bytes().zip(token.bytes());
    held.len() == token.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use drill_context::{Claims, TokenType};

    use super::{Authentic, CAPACITY, TokenCache};

    fn authentic() -> Rc<Authentic> {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        Rc::new(Authentic {
            kid: "k1".parse().unwrap(),
            token_type: TokenType::Drill,
            claims: Claims::new(drill, "orders-dr".parse().unwrap(), 1),
            baggage: String::new(),
        })
    }

    #[test]
    fn a_token_is_found_by_its_whole_text_only() {
        let mut cache = TokenCache::default();
        for token in ["a.b.c", "header.payload.signature"] {
            cache.insert(token, authentic());
            assert!(cache.get(token).is_some());
        }
        for other in [
            "a.b.d",
            "a.b",
            "a.b.cc",
            "",
            "signature",
            "header.payloaD.signature",
            "header.payload.sIgnature",
            "header.payload.signaturE",
            ".header.payload.signature",
        ] {
            assert!(cache.get(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_cache_is_bounded_and_the_oldest_goes_first() {
        let mut cache = TokenCache::default();
        for n in 0..3 * CAPACITY {
            cache.insert(&n.to_string(), authentic());
        }
        assert_eq!(cache.tokens.len(), CAPACITY);
        assert!(cache.get(&(2 * CAPACITY - 1).to_string()).is_none());
        assert!(cache.get(&(2 * CAPACITY).to_string()).is_some());
    }
}
