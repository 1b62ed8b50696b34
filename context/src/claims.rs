//! What a drill context says, once its signature has been verified.

use std::str::FromStr;

use serde::Serialize;

use crate::json::{self, Object, Value};
use crate::{DrillId, Environment, Reason, TokenId};

/// The latest time that is accepted: the end of the year 9999, in seconds of the Unix epoch.
pub const MAX_TIME: i64 = 253_402_300_799;

/// The claims of a drill context ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).
///
/// Times are whole seconds of the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// `sub`: the drill.
    pub drill: DrillId,
    /// `aud`: the environment that the drill runs in.
    pub environment: Environment,
    /// `iat`: when the token was signed.
    pub issued_at: i64,
    /// `nbf`: the token counts from then on.
    pub not_before: Option<i64>,
    /// `exp`: the token counts before then.
    pub expires_at: Option<i64>,
    /// `jti`: a name for the token, for the record.
    pub token_id: Option<TokenId>,
}

impl Claims {
    /// Claims with the required members only.
    pub fn new(drill: DrillId, environment: Environment, issued_at: i64) -> Claims {
        Claims {
            drill,
            environment,
            issued_at,
            not_before: None,
            expires_at: None,
            token_id: None,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Members<'a> {
            aud: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            exp: Option<i64>,
            iat: i64,
            #[serde(skip_serializing_if = "Option::is_none")]
            jti: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nbf: Option<i64>,
            sub: String,
        }
        let members = Members {
            aud: self.environment.as_str(),
            exp: self.expires_at,
            iat: self.issued_at,
            jti: self.token_id.as_ref().map(TokenId::as_str),
            nbf: self.not_before,
            sub: self.drill.to_string(),
        };
        // Texts and numbers always can be written as JSON.
        serde_json::to_string(&members).unwrap_or_default()
    }
}

/// Reads the claims of a payload whose signature has been verified.
///
/// A member that is present with a wrong type is refused, never taken for absent. Members
/// that a drill context does not define are ignored, as RFC 7519 asks; duplicates of any
/// member are refused. Times may be written with a fraction (PyJWT does), which is cut off.
///
/// # Errors
/// [`Reason::BadClaims`].
///
/// ```
/// use drill_context::{Reason, validate_claims};
/// let claims = validate_claims(
///     br#"{"sub":"6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f","aud":"orders-dr","iat":1790000000.25}"#,
/// )?;
/// assert_eq!(claims.issued_at, 1_790_000_000);
/// assert_eq!(validate_claims(b"{}"), Err(Reason::BadClaims));
/// # Ok::<(), Reason>(())
/// ```
pub fn validate_claims(payload: &[u8]) -> Result<Claims, Reason> {
    let mut members = json::parse_object(payload).map_err(|_| Reason::BadClaims)?;
    let claims = read(&mut members).ok_or(Reason::BadClaims)?;
    match claims.expires_at {
        Some(expires_at) if expires_at <= claims.issued_at => Err(Reason::BadClaims),
        _ => Ok(claims),
    }
}

/// `None` when a member is missing or not in its form.
fn read(members: &mut Object) -> Option<Claims> {
    Some(Claims {
        drill: text(members.take("sub")?)?,
        environment: audience(members.take("aud")?)?,
        issued_at: time(members.take("iat")?)?,
        not_before: optional(members.take("nbf"), time)?,
        expires_at: optional(members.take("exp"), time)?,
        token_id: optional(members.take("jti"), text)?,
    })
}

/// `Some(None)` for an absent member, `None` for one that is present and cannot be read.
fn optional<'a, T>(
    member: Option<Value<'a>>,
    read: fn(Value<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match member {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn text<T: FromStr>(value: Value) -> Option<T> {
    match value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// `aud` as one text, or as an array of exactly one, which some libraries write.
fn audience(value: Value) -> Option<Environment> {
    match value {
        Value::Array(texts) => {
            let [only] = <[Value; 1]>::try_from(texts).ok()?;
            text(only)
        }
        value => text(value),
    }
}

fn time(value: Value) -> Option<i64> {
    let seconds = match value {
        Value::Integer(whole) => whole,
        // Past the range of i64 the cast saturates, and the range below refuses it.
        Value::Float(fraction) => fraction.floor() as i64,
        _ => return None,
    };
    (0..=MAX_TIME).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Claims, MAX_TIME, validate_claims};
    use crate::Reason;

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

    fn with(name: &str, value: Value) -> Result<Claims, Reason> {
        let mut claims = json!({"sub": DRILL, "aud": "orders-dr", "iat": 1_790_000_000});
        claims[name] = value;
        validate_claims(claims.to_string().as_bytes())
    }

    #[test]
    fn every_claim_is_read() {
        let claims = validate_claims(
            format!(
                r#"{{"sub":"{DRILL}","aud":"orders-dr","iat":5,"nbf":6,"exp":7,"jti":"run-1"}}"#
            )
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(claims.drill.to_string(), DRILL);
        assert_eq!(claims.environment.as_str(), "orders-dr");
        assert_eq!(claims.issued_at, 5);
        assert_eq!(claims.not_before, Some(6));
        assert_eq!(claims.expires_at, Some(7));
        assert_eq!(claims.token_id.unwrap().as_str(), "run-1");
    }

    #[test]
    fn each_required_claim_is_demanded() {
        for missing in ["sub", "aud", "iat"] {
            let mut claims = json!({"sub": DRILL, "aud": "orders-dr", "iat": 5});
            claims.as_object_mut().unwrap().remove(missing);
            let refusal = validate_claims(claims.to_string().as_bytes());
            assert_eq!(refusal, Err(Reason::BadClaims), "{missing}");
        }
    }

    #[test]
    fn a_claim_of_a_wrong_type_is_refused_and_not_taken_for_absent() {
        let wrong = [
            Value::Null,
            json!(true),
            json!([]),
            json!({}),
            json!(""),
            json!("5 "),
        ];
        for name in ["sub", "aud", "iat", "nbf", "exp"] {
            for value in &wrong {
                assert_eq!(
                    with(name, value.clone()),
                    Err(Reason::BadClaims),
                    "{name} {value}"
                );
            }
        }
        for value in [Value::Null, json!(5), json!(["a"]), json!("")] {
            assert_eq!(
                with("jti", value.clone()),
                Err(Reason::BadClaims),
                "{value}"
            );
        }
    }

    #[test]
    fn the_audience_is_one_text_or_an_array_of_one() {
        assert!(with("aud", json!(["orders-dr"])).is_ok());
        for aud in [
            json!(["orders-dr", "b"]),
            json!([["orders-dr"]]),
            json!([1]),
            json!("Orders"),
        ] {
            assert_eq!(with("aud", aud.clone()), Err(Reason::BadClaims), "{aud}");
        }
    }

    #[test]
    fn times_are_finite_numbers_in_range_and_fractions_are_cut_off() {
        for (iat, seconds) in [
            (json!(0), 0),
            (json!(-0.0), 0),
            (json!(5.999), 5),
            (json!(MAX_TIME), MAX_TIME),
            (json!(1.79e9), 1_790_000_000),
        ] {
            assert_eq!(with("iat", iat).unwrap().issued_at, seconds);
        }
        for iat in [
            json!(-1),
            json!(-0.5),
            json!(MAX_TIME + 1),
            json!(u64::MAX),
            json!(1e300),
        ] {
            assert_eq!(with("iat", iat.clone()), Err(Reason::BadClaims), "{iat}");
        }
    }

    #[test]
    fn an_expiry_lies_after_the_signing() {
        assert!(with("exp", json!(1_790_000_001)).is_ok());
        for exp in [json!(1_790_000_000), json!(1_790_000_000.9), json!(0)] {
            assert_eq!(with("exp", exp.clone()), Err(Reason::BadClaims), "{exp}");
        }
    }

    #[test]
    fn duplicates_are_refused_and_unknown_claims_ignored() {
        assert!(with("iss", json!("ci")).is_ok());
        let twice = format!(r#"{{"sub":"{DRILL}","aud":"a","iat":5,"i\u0061t":6}}"#);
        assert_eq!(validate_claims(twice.as_bytes()), Err(Reason::BadClaims));
        let twice = format!(r#"{{"sub":"{DRILL}","aud":"a","iat":5,"x":1,"x":1}}"#);
        assert_eq!(validate_claims(twice.as_bytes()), Err(Reason::BadClaims));
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for payload in [&b"[]"[..], b"null", b"", b"x", b"\xff"] {
            assert_eq!(validate_claims(payload), Err(Reason::BadClaims));
        }
    }
}
