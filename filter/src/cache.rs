//! Tokens that were verified before, so that a costly signature is checked once.

use std::collections::{BTreeMap, VecDeque};
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
}

/// Verified tokens by their whole text; the oldest goes first.
///
/// It belongs to one configuration: a key that is removed takes what it signed along. Only
/// what does not change with time is remembered, so times are checked on every hit.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    tokens: BTreeMap<Rc<str>, Rc<Authentic>>,
    order: VecDeque<Rc<str>>,
}

impl TokenCache {
    pub(crate) fn get(&self, token: &str) -> Option<Rc<Authentic>> {
        self.tokens.get(token).cloned()
    }

    pub(crate) fn insert(&mut self, token: &str, authentic: Rc<Authentic>) {
        let token: Rc<str> = token.into();
        if self.tokens.insert(token.clone(), authentic).is_none() {
            self.order.push_back(token);
        }
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
    }
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
        })
    }

    #[test]
    fn a_token_is_found_by_its_whole_text_only() {
        let mut cache = TokenCache::default();
        cache.insert("a.b.c", authentic());
        assert!(cache.get("a.b.c").is_some());
        for other in ["a.b.d", "a.b", "a.b.cc", ""] {
            assert!(cache.get(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_cache_is_bounded_and_the_oldest_goes_first() {
        let mut cache = TokenCache::default();
        for n in 0..3 * CAPACITY {
            cache.insert(&n.to_string(), authentic());
            cache.insert(&n.to_string(), authentic());
        }
        assert_eq!(cache.tokens.len(), CAPACITY);
        assert_eq!(cache.order.len(), CAPACITY);
        assert!(cache.get(&(2 * CAPACITY - 1).to_string()).is_none());
        assert!(cache.get(&(2 * CAPACITY).to_string()).is_some());
    }
}
