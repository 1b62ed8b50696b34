//! From the text of a key file to a key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::json::{self, Object, Value};
use drill_context::{Algorithm, KeyId};

use super::{Jwk, JwkError, Material};

const KTY: &str = "\"oct\" (for HS256) or \"OKP\" (for Ed25519)";
const CRV: &str = "\"Ed25519\"";
const KID: &str = "the key's name: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'";
const BASE64URL: &str = "base64url without padding";
const USE: &str = "\"sig\"";
const KEY_OPS: &str = "an array of \"sign\" and \"verify\"";
const EXT: &str = "true or false";

pub(super) fn parse(text: &[u8]) -> Result<Jwk, JwkError> {
    if text.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Err(JwkError::Pem);
    }
    let mut members = Members(json::parse_object(text).map_err(JwkError::Json)?);
    if members.0.contains("keys") {
        return Err(JwkError::KeySet);
    }
    let kty = members.text("kty", KTY)?;
    let may_sign = members.purpose()?;
    let mut jwk = match kty.as_str() {
        "oct" => oct(&mut members)?,
        "OKP" => okp(&mut members)?,
        _ => return Err(member("kty", KTY)),
    };
    members.finish()?;
    if !may_sign {
        jwk.signing = None;
    }
    Ok(jwk)
}

fn oct(members: &mut Members) -> Result<Jwk, JwkError> {
    members.algorithm(Algorithm::Hs256, "\"HS256\" for kty \"oct\"")?;
    let kid = members.kid()?;
    let secret = members.bytes("k")?;
    Jwk::hs256(kid, &secret).map_err(JwkError::Key)
}

fn okp(members: &mut Members) -> Result<Jwk, JwkError> {
    if members.text("crv", CRV)? != "Ed25519" {
        return Err(member("crv", CRV));
    }
    members.algorithm(Algorithm::Ed25519, "\"EdDSA\" for kty \"OKP\"")?;
    let kid = members.kid()?;
    let public = members.bytes("x")?;
    if !members.0.contains("d") {
        return Jwk::ed25519_public(kid, &public).map_err(JwkError::Key);
    }
    let seed = members.bytes("d")?;
    let jwk = Jwk::ed25519(kid, &seed).map_err(JwkError::Key)?;
    match jwk.material {
        Material::Ed25519 { public: own, .. } if own.as_slice() == public => Ok(jwk),
        _ => Err(JwkError::Mismatch),
    }
}

/// The members that have not been read yet.
struct Members<'a>(Object<'a>);

impl Members<'_> {
    fn text(&mut self, name: &'static str, form: &'static str) -> Result<String, JwkError> {
        match self.0.take(name) {
            Some(Value::Text(text)) => Ok(text.into_owned()),
            Some(_) => Err(member(name, form)),
            None => Err(JwkError::Missing { member: name, form }),
        }
    }

    fn kid(&mut self) -> Result<KeyId, JwkError> {
        let kid = self.text("kid", KID)?;
        kid.parse().map_err(|_| member("kid", KID))
    }

    fn bytes(&mut self, name: &'static str) -> Result<Vec<u8>, JwkError> {
        let text = self.text(name, BASE64URL)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| member(name, BASE64URL))
    }

    /// `alg` is demanded although RFC 7517 leaves it optional: the key is what binds a token
    /// to its algorithm.
    fn algorithm(&mut self, algorithm: Algorithm, form: &'static str) -> Result<(), JwkError> {
        match self.text("alg", form)? {
            alg if algorithm.has_name(&alg) => Ok(()),
            _ => Err(member("alg", form)),
        }
    }

    /// What the key is meant for (RFC 7517, 4.2 and 4.3), and the `ext` of Web Crypto, which
    /// writes all its keys with it. Says whether the key may sign.
    fn purpose(&mut self) -> Result<bool, JwkError> {
        match self.0.take("use") {
            None => {}
            Some(Value::Text(text)) if text == "sig" => {}
            Some(_) => return Err(member("use", USE)),
        }
        match self.0.take("ext") {
            None | Some(Value::Bool(_)) => {}
            Some(_) => return Err(member("ext", EXT)),
        }
        match self.0.take("key_ops") {
            None => Ok(true),
            Some(Value::Array(operations))
                if operations
                    .iter()
                    .all(|op| is(op, "sign") || is(op, "verify")) =>
            {
                Ok(operations.iter().any(|op| is(op, "sign")))
            }
            Some(_) => Err(member("key_ops", KEY_OPS)),
        }
    }

    fn finish(&self) -> Result<(), JwkError> {
        match self.0.any_name() {
            None => Ok(()),
            Some(name) => Err(JwkError::Unknown(name.to_owned())),
        }
    }
}

fn is(value: &Value, text: &str) -> bool {
    matches!(value, Value::Text(held) if held == text)
}

fn member(member: &'static str, form: &'static str) -> JwkError {
    JwkError::Member { member, form }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Jwk, JwkError};

    // RFC 8037, appendix A.1
    const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn oct() -> Value {
        json!({"kty": "oct", "kid": "k1", "alg": "HS256", "k": D})
    }

    fn okp() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "x": X, "d": D})
    }

    fn parse(jwk: &Value) -> Result<Jwk, JwkError> {
        Jwk::parse(jwk.to_string().as_bytes())
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Result<Jwk, JwkError> {
        jwk[name] = value;
        parse(&jwk)
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let mut public = okp();
        public.as_object_mut().unwrap().remove("d");
        for jwk in [oct(), okp(), public] {
            let read = parse(&jwk).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&read.expose()).unwrap(), jwk);
        }
    }

    #[test]
    fn each_member_is_demanded_and_named() {
        for jwk in [oct(), okp()] {
            for member in ["kty", "crv", "kid", "alg", "k", "x"] {
                let mut jwk = jwk.clone();
                if jwk.as_object_mut().unwrap().remove(member).is_some() {
                    let error = parse(&jwk).unwrap_err().to_string();
                    let start = format!("member {member:?} is missing: it must be ");
                    assert!(error.starts_with(&start), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_member_in_another_form_is_named_and_not_shown() {
        let wrong = [json!("hunter2="), json!(null), json!(["hunter2"]), json!(7)];
        let optional = ["use", "key_ops", "ext"];
        for (jwk, members) in [
            (oct(), ["kty", "kid", "alg", "k"]),
            (okp(), ["crv", "alg", "x", "d"]),
        ] {
            for (member, value) in members
                .iter()
                .chain(&optional)
                .flat_map(|member| wrong.iter().map(move |value| (member, value)))
            {
                let error = with(jwk.clone(), member, value.clone()).unwrap_err();
                let error = error.to_string();
                let start = format!("member {member:?} must be ");
                assert!(error.starts_with(&start), "{error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        }
    }

    #[test]
    fn a_key_has_the_one_algorithm_of_its_type() {
        for alg in ["HS512", "none", "EdDSA", "hs256", "RS256"] {
            assert!(with(oct(), "alg", json!(alg)).is_err(), "{alg}");
        }
        for alg in ["HS256", "none", "ES256", "eddsa"] {
            assert!(with(okp(), "alg", json!(alg)).is_err(), "{alg}");
        }
        assert!(with(okp(), "alg", json!("Ed25519")).is_ok());
        for (member, value) in [("kty", "RSA"), ("kty", "EC"), ("crv", "X25519")] {
            assert!(with(okp(), member, json!(value)).is_err(), "{value}");
        }
    }

    #[test]
    fn what_web_crypto_writes_is_accepted() {
        let mut jwk = okp();
        jwk["ext"] = json!(true);
        jwk["use"] = json!("sig");
        assert!(with(jwk.clone(), "key_ops", json!(["sign"])).is_ok());
        assert!(with(jwk.clone(), "key_ops", json!(["encrypt"])).is_err());
        assert!(with(jwk, "use", json!("enc")).is_err());
    }

    #[test]
    fn a_key_whose_operations_leave_out_sign_does_not_sign() {
        let jwk = with(oct(), "key_ops", json!(["verify"])).unwrap();
        assert!(jwk.signing_key().is_none() && jwk.is_secret());
        let jwk = with(oct(), "key_ops", json!(["sign", "verify"])).unwrap();
        assert!(jwk.signing_key().is_some());
    }

    #[test]
    fn members_of_other_keys_are_refused() {
        for (jwk, member) in [(oct(), "x"), (okp(), "k"), (oct(), "x5u"), (okp(), "note")] {
            let error = with(jwk, member, json!("hunter2")).unwrap_err();
            assert_eq!(error, JwkError::Unknown(member.to_owned()));
        }
    }

    #[test]
    fn duplicate_members_are_refused_in_any_spelling() {
        let text = oct().to_string().replacen('{', r#"{"\u006b":"AAAA","#, 1);
        let error = Jwk::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(r#"duplicate member "k""#), "{error}");
    }

    #[test]
    fn a_public_key_of_another_private_key_is_refused() {
        let other = "D4EGUYtReuQIWfpmgm_0MV85SR0Q1ACUkGCENqdqvDw";
        assert_eq!(
            with(okp(), "x", json!(other)).unwrap_err(),
            JwkError::Mismatch
        );
    }

    #[test]
    fn weak_keys_are_refused() {
        assert!(matches!(
            with(oct(), "k", json!("AAAA")),
            Err(JwkError::Key(_))
        ));
        assert!(matches!(
            with(okp(), "d", json!("AAAA")),
            Err(JwkError::Key(_))
        ));
    }

    #[test]
    fn other_formats_are_recognized() {
        let pem = b"\n-----BEGIN PRIVATE KEY-----\n";
        assert_eq!(Jwk::parse(pem).unwrap_err(), JwkError::Pem);
        let set = json!({"keys": [oct()]});
        assert_eq!(parse(&set).unwrap_err(), JwkError::KeySet);
        for text in [&b""[..], b"[]", b"hunter2", b"\xff"] {
            let error = Jwk::parse(text).unwrap_err();
            assert!(matches!(&error, JwkError::Json(_)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
