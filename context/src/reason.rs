//! Why a drill context is refused.

use std::fmt;

/// Why a drill context is refused: a closed set with stable codes.
///
/// The code is what a client finds in `x-drill-verdict`, what the audit record carries and
/// what a metric is named after. Codes are never renamed.
///
/// ```
/// use drill_context::Reason;
/// assert_eq!(Reason::BadSignature.code(), "bad-signature");
/// assert_eq!(Reason::from_code("stale"), Some(Reason::Stale));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not exactly one header value: several fields, or one joined with commas.
    DuplicateHeader,
    /// The value is longer than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    TooLarge,
    /// Not a JWS in Compact Serialization with a well-formed header.
    Malformed,
    /// The JWS header has a parameter outside `alg`, `typ`, `kid`.
    UnsupportedParameter,
    /// `typ` is not that of a drill token.
    WrongType,
    /// No key with this `kid` is configured.
    UnknownKey,
    /// `alg` is not the algorithm that the key is bound to.
    WrongAlgorithm,
    /// The MAC or signature does not match.
    BadSignature,
    /// Correctly signed, but a claim is missing or has a wrong type or form.
    BadClaims,
    /// Signed for a time that has not come (`iat` or `nbf` beyond the allowed skew).
    NotYetValid,
    /// `exp` has come.
    Expired,
    /// Signed longer ago than the gate's maximum age.
    Stale,
    /// The drill is not in the gate's active list.
    UnknownDrill,
    /// The drill is active, but for another environment.
    WrongEnvironment,
    /// The drill's own end has come.
    DrillOver,
}

impl Reason {
    /// Every reason, mostly in the order in which the verifier looks.
    pub const ALL: [Reason; 15] = [
        Reason::DuplicateHeader,
        Reason::TooLarge,
        Reason::Malformed,
        Reason::UnsupportedParameter,
        Reason::WrongType,
        Reason::UnknownKey,
        Reason::WrongAlgorithm,
        Reason::BadSignature,
        Reason::BadClaims,
        Reason::NotYetValid,
        Reason::Expired,
        Reason::Stale,
        Reason::UnknownDrill,
        Reason::WrongEnvironment,
        Reason::DrillOver,
    ];

    /// The stable code: lower-case words joined by hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::DuplicateHeader => "duplicate-header",
            Reason::TooLarge => "too-large",
            Reason::Malformed => "malformed",
            Reason::UnsupportedParameter => "unsupported-parameter",
            Reason::WrongType => "wrong-type",
            Reason::UnknownKey => "unknown-key",
            Reason::WrongAlgorithm => "wrong-algorithm",
            Reason::BadSignature => "bad-signature",
            Reason::BadClaims => "bad-claims",
            Reason::NotYetValid => "not-yet-valid",
            Reason::Expired => "expired",
            Reason::Stale => "stale",
            Reason::UnknownDrill => "unknown-drill",
            Reason::WrongEnvironment => "wrong-environment",
            Reason::DrillOver => "drill-over",
        }
    }

    /// One sentence for a person: what is wrong and what mends it.
    pub const fn explanation(self) -> &'static str {
        match self {
            Reason::DuplicateHeader => "send X-Drill-Context exactly once, with one value",
            Reason::TooLarge => "the value is longer than 1024 bytes",
            Reason::Malformed => {
                "the value is not a JWS in Compact Serialization with a well-formed header"
            }
            Reason::UnsupportedParameter => {
                "the JWS header may hold alg, typ and kid and nothing else"
            }
            Reason::WrongType => "the JWS header needs typ drill+jwt",
            Reason::UnknownKey => "the gate has no key with this kid",
            Reason::WrongAlgorithm => "alg is not the algorithm of the key that kid names",
            Reason::BadSignature => "the signature does not match: sign with the gate's key",
            Reason::BadClaims => {
                "sub must be the drill UUID in lower case, aud the environment tag, iat the epoch in seconds"
            }
            Reason::NotYetValid => {
                "signed for a time that has not come: compare the signer's clock with the gateway's"
            }
            Reason::Expired => "exp has come: sign anew",
            Reason::Stale => "signed longer ago than the gate allows: sign anew",
            Reason::UnknownDrill => "the gate has no active drill with this UUID",
            Reason::WrongEnvironment => "the drill is active for another environment",
            Reason::DrillOver => "the drill has ended",
        }
    }

    /// The reason with this code, or `None`.
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.explanation())
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_distinct_lower_case_words_and_lead_back_to_their_reason() {
        for reason in Reason::ALL {
            let code = reason.code();
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert_eq!(Reason::from_code(code), Some(reason));
        }
        assert_eq!(Reason::from_code("Malformed"), None);
    }
}
