//! How far a token's times may lie from now.

use std::fmt;

use crate::{Claims, Reason};

/// The largest clock skew that can be allowed, in seconds.
pub const MAX_SKEW_SECONDS: i64 = 60;

const MAX_AGE_SECONDS: i64 = 24 * 60 * 60;

/// A limit outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitError {
    /// The skew is not 0 to [`MAX_SKEW_SECONDS`] seconds.
    Skew,
    /// The maximum age is not 1 second to 24 hours.
    MaxAge,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitError::Skew => write!(f, "must be 0 to {MAX_SKEW_SECONDS} seconds"),
            LimitError::MaxAge => write!(f, "must be 1 to {MAX_AGE_SECONDS} seconds"),
        }
    }
}

impl std::error::Error for LimitError {}

/// The time limits of a gate, in seconds: a skew of 30 and a maximum age of one hour, unless
/// set otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    skew: i64,
    max_age: i64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            skew: 30,
            max_age: 3600,
        }
    }
}

impl Limits {
    /// These limits: how far ahead of ours the signer's clock may be, and how long a token
    /// counts after it was signed, both in seconds.
    ///
    /// # Errors
    /// [`LimitError`] for a value outside its range.
    pub fn new(skew: i64, max_age: i64) -> Result<Limits, LimitError> {
        if !(0..=MAX_SKEW_SECONDS).contains(&skew) {
            return Err(LimitError::Skew);
        }
        if !(1..=MAX_AGE_SECONDS).contains(&max_age) {
            return Err(LimitError::MaxAge);
        }
        Ok(Limits { skew, max_age })
    }

    /// Checks the claims' times against `now`, in seconds of the Unix epoch.
    ///
    /// The skew is granted to the start of a token's life only: an expiry is an expiry.
    ///
    /// # Errors
    /// [`Reason::NotYetValid`], [`Reason::Expired`] (also at the very second of `exp`) or
    /// [`Reason::Stale`].
    ///
    /// ```
    /// use drill_context::{Claims, Limits, Reason};
    /// let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse()?;
    /// let claims = Claims::new(drill, "orders-dr".parse()?, 1_000_000);
    /// let limits = Limits::new(30, 3600)?;
    /// assert_eq!(limits.check(&claims, 1_003_600), Ok(()));
    /// assert_eq!(limits.check(&claims, 1_003_601), Err(Reason::Stale));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, claims: &Claims, now: i64) -> Result<(), Reason> {
        let starts = claims.issued_at.max(claims.not_before.unwrap_or(0));
        if starts > now.saturating_add(self.skew) {
            return Err(Reason::NotYetValid);
        }
        if claims
            .expires_at
            .is_some_and(|expires_at| now >= expires_at)
        {
            return Err(Reason::Expired);
        }
        if now.saturating_sub(claims.issued_at) > self.max_age {
            return Err(Reason::Stale);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitError, Limits};
    use crate::{Claims, Reason};

    fn claims(issued_at: i64) -> Claims {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        Claims::new(drill, "orders-dr".parse().unwrap(), issued_at)
    }

    #[test]
    fn limits_outside_their_range_are_refused() {
        assert!(Limits::new(0, 1).is_ok());
        assert!(Limits::new(60, 86_400).is_ok());
        for skew in [-1, 61, i64::MIN, i64::MAX] {
            assert_eq!(Limits::new(skew, 60), Err(LimitError::Skew));
        }
        for max_age in [0, -1, 86_401, i64::MAX] {
            assert_eq!(Limits::new(30, max_age), Err(LimitError::MaxAge));
        }
    }

    #[test]
    fn a_signer_ahead_is_accepted_up_to_the_exact_second_of_the_skew() {
        let limits = Limits::new(30, 3600).unwrap();
        assert_eq!(limits.check(&claims(1030), 1000), Ok(()));
        assert_eq!(limits.check(&claims(1031), 1000), Err(Reason::NotYetValid));
    }

    #[test]
    fn not_before_is_heeded() {
        let mut claims = claims(1000);
        claims.not_before = Some(1100);
        let limits = Limits::new(30, 3600).unwrap();
        assert_eq!(limits.check(&claims, 1069), Err(Reason::NotYetValid));
        assert_eq!(limits.check(&claims, 1070), Ok(()));
    }

    #[test]
    fn an_expiry_takes_effect_at_its_very_second_and_is_not_extended_by_the_skew() {
        let mut claims = claims(1000);
        claims.expires_at = Some(1010);
        let limits = Limits::default();
        assert_eq!(limits.check(&claims, 1009), Ok(()));
        assert_eq!(limits.check(&claims, 1010), Err(Reason::Expired));
        assert_eq!(limits.check(&claims, 1011), Err(Reason::Expired));
    }

    #[test]
    fn age_is_bounded_at_the_exact_second() {
        let limits = Limits::default();
        assert_eq!(limits.check(&claims(1000), 4600), Ok(()));
        assert_eq!(limits.check(&claims(1000), 4601), Err(Reason::Stale));
    }

    #[test]
    fn a_clock_at_either_end_of_time_does_not_overflow() {
        let limits = Limits::default();
        assert_eq!(limits.check(&claims(0), i64::MAX), Err(Reason::Stale));
        assert_eq!(limits.check(&claims(0), i64::MIN), Err(Reason::NotYetValid));
    }
}
