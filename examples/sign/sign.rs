//! Prints the value of the header X-Drill-Context: sign KEYFILE DRILL ENVIRONMENT
//!
//! KEYFILE is a JWK, as `drillgate keys new` writes it. Needs the crates base64, serde_json and
//! jsonwebtoken with the feature aws_lc_rs or rust_crypto.

use std::error::Error;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

/// What makes a PKCS #8 file of an Ed25519 secret (RFC 8410): this, then the secret.
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [key_file, drill, environment] = args.as_slice() else {
        return Err("usage: sign KEYFILE DRILL ENVIRONMENT".into());
    };
    let jwk: Value = serde_json::from_str(&std::fs::read_to_string(key_file)?)?;
    let secret = jwk["k"].as_str().or(jwk["d"].as_str());
    let secret = BASE64_URL_SAFE_NO_PAD.decode(secret.ok_or("no secret to sign with")?)?;
    let (algorithm, key) = match jwk["kty"].as_str() {
        Some("oct") => (Algorithm::HS256, EncodingKey::from_secret(&secret)),
        _ => (
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(&[PKCS8, &secret].concat()),
        ),
    };

    let mut header = Header::new(algorithm);
    header.typ = Some("drill+jwt".to_owned()); // the gate refuses the default, "JWT"
    header.kid = jwk["kid"].as_str().map(str::to_owned); // the gate finds the key by it
    // The gate counts the value's age from iat.
    let claims = json!({"sub": drill, "aud": environment, "iat": get_current_timestamp()});
    println!("{}", encode(&header, &claims, &key)?);
    Ok(())
}
