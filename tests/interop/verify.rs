//! Verifies a value of ours with jsonwebtoken and prints its claims: verify KEYFILE ENVIRONMENT VALUE

use std::error::Error;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [key_file, environment, value] = args.as_slice() else {
        return Err("usage: verify KEYFILE ENVIRONMENT VALUE".into());
    };
    let jwk: Value = serde_json::from_str(&std::fs::read_to_string(key_file)?)?;
    let member = |name: &str| jwk[name].as_str().ok_or("a member of the key is missing");
    let (algorithm, key) = if member("kty")? == "oct" {
        let secret = BASE64_URL_SAFE_NO_PAD.decode(member("k")?)?;
        (Algorithm::HS256, DecodingKey::from_secret(&secret))
    } else {
        (
            Algorithm::EdDSA,
            DecodingKey::from_ed_components(member("x")?)?,
        )
    };

    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[environment]);
    validation.set_required_spec_claims(&["sub", "aud"]);
    validation.validate_nbf = true;
    let token = decode::<Value>(value, &key, &validation)?;
    // jsonwebtoken leaves typ to its caller.
    if token.header.typ.as_deref() != Some("drill+jwt") {
        return Err("refused: typ".into());
    }
    println!("{}", token.claims);
    Ok(())
}
