//! Known answers: tokens that other implementations made, and what must be said of each.

// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{
    Claims, Key, Keyring, Limits, Reason, SigningKey, TokenType, sign, single_value, verify,
    verify_jws,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn bytes(member: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap()
}

fn text(member: &Value) -> &str {
    member.as_str().unwrap()
}

fn keyring(vectors: &Value) -> Keyring {
    let hs = Key::hs256(
        "ci-hs".parse().unwrap(),
        &bytes(&vectors["keys"]["ci-hs"]["secret"]),
    );
    let ed = Key::ed25519(
        "ci-ed".parse().unwrap(),
        &bytes(&vectors["keys"]["ci-ed"]["publicKey"]),
    );
    Keyring::new([hs.unwrap(), ed.unwrap()]).unwrap()
}

fn accept(value: &str, keyring: &Keyring, now: i64) -> Result<Claims, Reason> {
    let claims = verify(single_value([value.as_bytes()])?, keyring)?.claims()?;
    Limits::default().check(&claims, now)?;
    Ok(claims)
}

#[test]
fn tokens_of_another_implementation_get_the_verdict_they_must() {
    let vectors = vectors();
    let keyring = keyring(&vectors);
    for vector in vectors["tokens"].as_array().unwrap() {
        let now = vector["now"].as_i64().unwrap();
        let verdict = match accept(text(&vector["value"]), &keyring, now) {
            Ok(claims) => {
                assert_eq!(
                    claims.drill.to_string(),
                    "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f"
                );
                assert_eq!(claims.environment.as_str(), "orders-dr");
                assert_eq!(claims.issued_at, 1_790_000_000);
                "accepted"
            }
            Err(reason) => reason.code(),
        };
        assert_eq!(verdict, text(&vector["verdict"]), "{}", vector["name"]);
    }
}

#[test]
fn the_examples_of_the_rfcs_verify_without_the_drill_profile() {
    for vector in vectors()["foreign"].as_array().unwrap() {
        let kid = "rfc".parse().unwrap();
        let key = match text(&vector["alg"]) {
            "HS256" => Key::hs256(kid, &bytes(&vector["key"])),
            _ => Key::ed25519(kid, &bytes(&vector["key"])),
        };
        let payload = verify_jws(text(&vector["value"]), &key.unwrap());
        let expected = text(&vector["payload"]).as_bytes().to_vec();
        assert_eq!(payload, Ok(expected), "{}", vector["name"]);
        // The same token is no drill context: it has no typ of ours.
        let refusal = verify(text(&vector["value"]), &keyring(&vectors()));
        assert_eq!(refusal, Err(Reason::WrongType), "{}", vector["name"]);
    }
}

#[test]
fn what_we_sign_is_byte_for_byte_what_the_other_implementation_computes() {
    let vectors = vectors();
    let keys = &vectors["keys"];
    let hs = SigningKey::hs256("ci-hs".parse().unwrap(), &bytes(&keys["ci-hs"]["secret"]));
    let ed = SigningKey::ed25519("ci-ed".parse().unwrap(), &bytes(&keys["ci-ed"]["seed"]));
    let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
    let claims = Claims::new(drill, "orders-dr".parse().unwrap(), 1_790_000_000);
    for key in [hs.unwrap(), ed.unwrap()] {
        let expected = text(&vectors["signed"][key.kid().as_str()]);
        assert_eq!(sign(&key, TokenType::Drill, &claims), expected);
    }
}
