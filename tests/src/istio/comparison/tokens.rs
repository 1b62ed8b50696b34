//! What the header says, for each way.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::Claims;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::row::Kind;
use super::ways::Way;
use crate::gate::{now, tampered};
use crate::istio::{ENVIRONMENT, KEY, signed};

/// A drill that is not there.
const STRANGER: &str = "0b9f2f0e-6d5e-4ec5-9d4b-5c3c1f0a7e11";

/// An environment that nobody drills.
const ELSEWHERE: &str = "search-dr";

/// Who signs claims, and with what.
const ISSUER: &str = "https://ci.example.com";
const SECRET: [u8; 32] = [7; 32];

/// The header's values, for a drill of this UUID.
pub(super) fn values(way: Way, kind: Kind, id: &str) -> Vec<String> {
    let signed = |drill: &str, age: i64, environment: &str| match way {
        // It has neither a signature, nor a time, nor an environment.
        Way::Rule => drill.to_owned(),
        Way::Claims | Way::Closed => jwt(drill, now() - age, environment),
        Way::Authority | Way::Owned => context(drill, now() - age, environment),
    };
    let valid = || signed(id, 0, ENVIRONMENT);
    let stranger = || signed(STRANGER, 0, ENVIRONMENT);
    match (kind, way) {
        (Kind::Plain | Kind::Inner, _) => Vec::new(),
        (Kind::Valid | Kind::OtherHost | Kind::Path, _) => vec![valid()],
        (Kind::Forged, Way::Rule) => vec![format!("{id}0")],
        (Kind::Forged, _) => vec![tampered(valid())],
        (Kind::Garbage, _) => vec!["a-drill-please".to_owned()],
        (Kind::Empty, _) => vec![String::new()],
        // Nothing in a plain value ends, or names an environment; this is the value of a drill that
        // was an hour ago, or of one that is elsewhere.
        (Kind::Expired | Kind::Elsewhere, Way::Rule) | (Kind::Stranger, _) => vec![stranger()],
        (Kind::Expired, _) => vec![signed(id, 3600, ENVIRONMENT)],
        (Kind::Elsewhere, _) => vec![signed(id, 0, ELSEWHERE)],
        (Kind::Duplicated, _) => vec![valid(), stranger()],
        (Kind::DuplicatedLast, _) => vec![stranger(), valid()],
    }
}

/// How RequestAuthentication knows a token.
pub(super) fn jwt_rule(header: &str) -> Value {
    let key =
        json!({"kty": "oct", "kid": "ci", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    json!({
        "issuer": ISSUER,
        "audiences": [ENVIRONMENT],
        "jwks": json!({"keys": [key]}).to_string(),
        "fromHeaders": [{"name": header}],
        "forwardOriginalToken": true,
    })
}

/// A JWT as RequestAuthentication takes it, good for a minute.
fn jwt(drill: &str, issued_at: i64, environment: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "ci"});
    let claims = json!({
        "iss": ISSUER, "sub": drill, "aud": environment, "iat": issued_at, "exp": issued_at + 60,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length will do");
    mac.update(input.as_bytes());
    format!(
        "{input}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// A context of drillgate's, good for a minute.
fn context(drill: &str, issued_at: i64, environment: &str) -> String {
    let (drill, environment) = (drill.parse(), environment.parse());
    let mut claims = Claims::new(
        drill.expect("a UUID"),
        environment.expect("a label"),
        issued_at,
    );
    claims.expires_at = Some(issued_at + 60);
    signed(&claims, KEY)
}
