//! Raw bytes at every door that a client can reach.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Claims, TokenType, sign, validate_claims, verify_jws};

use super::keys::{self, Signatory};
use super::{DRILL, ENVIRONMENT, NOW, accept, compare};

/// The bytes as the header's value, as a JWS header and as a payload.
pub fn run(data: &[u8]) {
    as_value(data);
    as_header(data);
    as_payload(data);
}

/// Nothing is accepted but a token that was signed, to the byte.
fn as_value(data: &[u8]) {
    if let Ok(claims) = accept(&[data], NOW) {
        let value = std::str::from_utf8(data).unwrap().trim_matches([' ', '\t']);
        let found = signed().into_iter().find(|(token, _)| token == value);
        assert_eq!(found.map(|(_, claims)| claims), Some(claims), "{value}");
    }
    // In two fields, as a client may send it that hopes for them to be joined.
    let (one, other) = data.split_at(data.len() / 2);
    assert!(accept(&[one, other], NOW).is_err());
}

/// A header that says anything at all, correctly signed.
fn as_header(data: &[u8]) {
    let claims = format!(r#"{{"sub":"{DRILL}","aud":"{ENVIRONMENT}","iat":{NOW}}}"#);
    // An Ed25519 signature takes its time: only where the header can be one that asks for it.
    let ed = data.windows(2).any(|window| window == b"Ed");
    let signatory = if ed { Signatory::Ed } else { Signatory::Hs };
    let _ = compare(&[token(data, claims.as_bytes(), signatory).as_bytes()], NOW);
}

/// A payload that says anything at all, correctly signed.
fn as_payload(data: &[u8]) {
    let header = br#"{"alg":"HS256","typ":"drill+jwt","kid":"hs"}"#;
    let token = token(header, data, Signatory::Hs);
    let _ = compare(&[token.as_bytes()], NOW);
    // Any payload will do for a JWS: the bytes come back as they were.
    if !data.is_empty() && token.len() <= drill_context::MAX_VALUE_BYTES {
        let payload = verify_jws(&token, &keys::hs().verifying_key());
        assert_eq!(payload.as_deref(), Ok(data));
    }
    // What can be read can be written, and is then read the same.
    if let Ok(claims) = validate_claims(data) {
        let value = sign(&keys::hs(), TokenType::Drill, &claims);
        let again = drill_context::verify(&value, &keys::keyring()).unwrap();
        assert_eq!(again.claims(), Ok(claims));
    }
}

fn token(header: &[u8], payload: &[u8], signatory: Signatory) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = signatory.sign(input.as_bytes());
    format!("{input}.{}", encode(&signature))
}

/// The tokens that there are.
pub fn signed() -> Vec<(String, Claims)> {
    let mut claims = Claims::new(DRILL.parse().unwrap(), ENVIRONMENT.parse().unwrap(), NOW);
    let plain = claims.clone();
    claims.not_before = Some(NOW);
    claims.expires_at = Some(NOW + 60);
    claims.token_id = Some("run-42".parse().unwrap());
    let mut signed = Vec::new();
    for key in [keys::hs(), keys::ed()] {
        for claims in [&plain, &claims] {
            for token_type in [TokenType::Drill, TokenType::Probe] {
                signed.push((sign(&key, token_type, claims), claims.clone()));
            }
        }
    }
    signed
}
