//! What signs: a key and all that a value says, but the time.

use std::sync::atomic::{AtomicU64, Ordering};

use drill_context::{
    Claims, DrillId, Environment, InvalidName, MAX_TIME, TokenId, TokenType, sign,
};
use http::HeaderValue;

use super::error::Error;
use crate::keyfile::Jwk;

/// Signs values for one drill, each with a name of its own.
#[derive(Debug)]
pub struct Signer {
    jwk: Jwk,
    drill: DrillId,
    environment: Environment,
    lifetime: i64,
    prefix: String,
    signed: AtomicU64,
}

impl Signer {
    /// A signer whose values count for `lifetime` seconds and are called `<prefix>1`,
    /// `<prefix>2`, and so on.
    ///
    /// # Errors
    /// [`Error::CannotSign`] for a public key; [`Error::Lifetime`] for less than a second;
    /// [`Error::Prefix`] for one that no token's name begins with.
    pub fn new(
        jwk: Jwk,
        drill: DrillId,
        environment: Environment,
        lifetime: i64,
        prefix: impl Into<String>,
    ) -> Result<Signer, Error> {
        if jwk.signing_key().is_none() {
            return Err(Error::CannotSign(jwk.kid().clone()));
        }
        if lifetime < 1 {
            return Err(Error::Lifetime);
        }
        let prefix = prefix.into();
        // The longest name that the counter can lead to.
        let longest = token_id(&prefix, u64::MAX);
        longest.map_err(|_| Error::Prefix(prefix.clone()))?;
        Ok(Signer {
            jwk,
            drill,
            environment,
            lifetime,
            prefix,
            signed: AtomicU64::new(0),
        })
    }

    /// A fresh value: signed at `now`, in seconds of the Unix epoch.
    ///
    /// # Errors
    /// [`Error::Clock`] for a time that no gate would accept.
    pub fn value(&self, now: i64) -> Result<String, Error> {
        let Some(key) = self.jwk.signing_key() else {
            return Err(Error::CannotSign(self.jwk.kid().clone()));
        };
        let expires_at = now.saturating_add(self.lifetime);
        if now < 0 || expires_at > MAX_TIME {
            return Err(Error::Clock(now));
        }
        let number = self
            .signed
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let mut claims = Claims::new(self.drill, self.environment.clone(), now);
        claims.expires_at = Some(expires_at);
        claims.token_id = token_id(&self.prefix, number).ok();
        Ok(sign(key, TokenType::Drill, &claims))
    }

    /// [`Signer::value`] as the header takes it; it is left out of debug output.
    ///
    /// # Errors
    /// [`Error::Clock`].
    pub fn header(&self, now: i64) -> Result<HeaderValue, Error> {
        // A JWS has no character that a header refuses.
        let mut value = HeaderValue::try_from(self.value(now)?).map_err(|_| Error::Clock(now))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// How many values were signed.
    pub fn signed(&self) -> u64 {
        self.signed.load(Ordering::Relaxed)
    }

    /// How long a value counts, in seconds.
    pub fn lifetime(&self) -> i64 {
        self.lifetime
    }
}

fn token_id(prefix: &str, number: u64) -> Result<TokenId, InvalidName> {
    format!("{prefix}{number}").parse()
}

#[cfg(test)]
mod tests {
    use drill_context::{Claims, Keyring, MAX_VALUE_BYTES, verify};

    use super::{MAX_TIME, Signer};
    use crate::keyfile::Jwk;
    use crate::proxy::Error;

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
    const NOW: i64 = 1_790_000_000;

    fn jwk() -> Jwk {
        Jwk::ed25519("k1".parse().unwrap(), &[7; 32]).unwrap()
    }

    fn signer(jwk: Jwk, lifetime: i64, prefix: &str) -> Result<Signer, Error> {
        let environment = "orders-dr".parse().unwrap();
        Signer::new(jwk, DRILL.parse().unwrap(), environment, lifetime, prefix)
    }

    fn claims(value: &str) -> Claims {
        let keyring = Keyring::new([jwk().verifying_key().clone()]).unwrap();
        verify(value, &keyring).unwrap().claims().unwrap()
    }

    #[test]
    fn each_value_counts_for_its_lifetime_and_has_a_name_of_its_own() {
        let signer = signer(jwk(), 300, "run-42/").unwrap();
        for (number, now) in [(1, NOW), (2, NOW), (3, NOW + 60)] {
            let claims = claims(&signer.value(now).unwrap());
            assert_eq!(claims.drill.to_string(), DRILL);
            assert_eq!(claims.environment.as_str(), "orders-dr");
            assert_eq!(claims.issued_at, now);
            assert_eq!(claims.expires_at, Some(now + 300));
            let name = format!("run-42/{number}");
            assert_eq!(claims.token_id.unwrap().as_str(), name);
        }
        assert_eq!(signer.signed(), 3);
    }

    #[test]
    fn a_clock_outside_of_time_signs_nothing() {
        let signer = signer(jwk(), 300, "a").unwrap();
        for now in [-1, i64::MIN, MAX_TIME - 299, MAX_TIME, i64::MAX] {
            assert!(matches!(signer.value(now), Err(Error::Clock(at)) if at == now));
        }
        assert_eq!(signer.signed(), 0);
        claims(&signer.value(0).unwrap());
        claims(&signer.value(MAX_TIME - 300).unwrap());
    }

    #[test]
    fn what_could_not_sign_is_refused_at_once() {
        let public = jwk().public().unwrap();
        assert!(matches!(
            signer(public, 300, "a"),
            Err(Error::CannotSign(kid)) if kid.as_str() == "k1"
        ));
        assert!(matches!(signer(jwk(), 0, "a"), Err(Error::Lifetime)));
        for prefix in ["two words", &"a".repeat(109)] {
            assert!(matches!(signer(jwk(), 1, prefix), Err(Error::Prefix(_))));
        }
    }

    #[test]
    fn the_longest_value_is_one_that_gates_read() {
        let value = signer(jwk(), 300, &"a".repeat(108)).unwrap().value(NOW);
        assert!(value.unwrap().len() <= MAX_VALUE_BYTES);
    }

    #[test]
    fn a_header_shows_no_value_in_debug_output() {
        let header = signer(jwk(), 300, "a").unwrap().header(NOW).unwrap();
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
