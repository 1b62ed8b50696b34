//! JWS Compact Serialization, read strictly and verified with a given key.

use crate::json::{self, Object, Value};
use crate::{Key, MAX_VALUE_BYTES, Reason};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A JWS that was read and is not yet verified.
///
/// The payload can only be had through [`Jws::verify`].
#[derive(Debug)]
pub struct Jws<'a> {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads the three segments and the header.
    ///
    /// # Errors
    /// [`Reason::TooLarge`], [`Reason::Malformed`], or [`Reason::UnsupportedParameter`] for a
    /// header parameter besides `alg`, `typ` and `kid`: `crit`, `b64`, `zip`, `jwk`, `jku`,
    /// `x5u` and their like would change what is verified, or with which key.
    pub fn parse(value: &'a str) -> Result<Jws<'a>, Reason> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(Reason::TooLarge);
        }
        let (signing_input, signature) = value.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Reason::Malformed)?;
        let header = decode(header)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;

        let mut header = json::parse_object(&header).map_err(|_| Reason::Malformed)?;
        let alg = take_text(&mut header, "alg")?.ok_or(Reason::Malformed)?;
        let typ = take_text(&mut header, "typ")?;
        let kid = take_text(&mut header, "kid")?;
        if header.any_name().is_some() {
            return Err(Reason::UnsupportedParameter);
        }
        Ok(Jws {
            alg,
            typ,
            kid,
            signing_input,
            payload,
            signature,
        })
    }

    /// The header parameter `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The header parameter `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Checks the signature over the bytes as received and gives the payload.
    ///
    /// # Errors
    /// [`Reason::WrongAlgorithm`] when `alg` is not the key's own; [`Reason::BadSignature`].
    pub fn verify(self, key: &Key) -> Result<Vec<u8>, Reason> {
        if !key.algorithm().has_name(&self.alg) {
            return Err(Reason::WrongAlgorithm);
        }
        key.check(self.signing_input.as_bytes(), &self.signature)?;
        Ok(self.payload)
    }
}

/// Verifies any JWS with a given key and gives its payload, whatever that is.
///
/// This is the signature step alone, without the drill profile (`typ`, `kid`, claims), so
/// that published test vectors can be run against it.
///
/// # Errors
/// As [`Jws::parse`] and [`Jws::verify`].
///
/// ```
/// use drill_context::{Key, verify_jws};
/// // RFC 8037, appendix A.4
/// let public = [
///     0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
///     0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
///     0x51, 0x1a,
/// ];
/// let key = Key::ed25519("rfc8037".parse()?, &public)?;
/// let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
///            hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
/// assert_eq!(verify_jws(jws, &key)?, b"Example of Ed25519 signing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_jws(value: &str, key: &Key) -> Result<Vec<u8>, Reason> {
    Jws::parse(value)?.verify(key)
}

/// One segment: not empty, base64url without padding and with no stray bits at its end.
fn decode(segment: &str) -> Result<Vec<u8>, Reason> {
    if segment.is_empty() {
        return Err(Reason::Malformed);
    }
    URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| Reason::Malformed)
}

fn take_text(header: &mut Object, name: &str) -> Result<Option<String>, Reason> {
    match header.take(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.into_owned())),
        Some(_) => Err(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Jws, verify_jws};
    use crate::{Key, MAX_VALUE_BYTES, Reason, SigningKey};

    fn with_header(header: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        format!("{header}.e30.AA")
    }

    fn refusal(value: &str) -> Reason {
        Jws::parse(value).unwrap_err()
    }

    #[test]
    fn three_non_empty_segments_of_the_base64url_alphabet_are_demanded() {
        let good = with_header(r#"{"alg":"HS256"}"#);
        assert!(Jws::parse(&good).is_ok());
        for bad in [
            "", ".", "..", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c.", ".a.b.c",
        ] {
            assert_eq!(refusal(bad), Reason::Malformed, "{bad}");
        }
        for suffix in ["=", "==", "+", "/", " ", "\n", "\0", "ä"] {
            assert_eq!(refusal(&format!("{good}{suffix}")), Reason::Malformed);
        }
    }

    #[test]
    fn stray_bits_at_the_end_of_a_segment_are_refused() {
        let good = with_header(r#"{"alg":"HS256"}"#);
        assert!(good.ends_with(".AA"));
        for end in ["AB", "AP", "A"] {
            let bad = format!("{}.{end}", good.trim_end_matches(".AA"));
            assert_eq!(refusal(&bad), Reason::Malformed, "{end}");
        }
    }

    #[test]
    fn the_header_must_be_an_object_with_texts() {
        for header in [
            r#"["HS256"]"#,
            r#""HS256""#,
            "null",
            "{}",
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","typ":null}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"none"}"#,
            r#"{"alg":"HS256"} x"#,
        ] {
            assert_eq!(refusal(&with_header(header)), Reason::Malformed, "{header}");
        }
    }

    #[test]
    fn a_parameter_that_changes_how_a_token_is_verified_is_refused() {
        for name in [
            "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256",
            "url", "nonce", "ALG", "Kid", "",
        ] {
            let header = format!(r#"{{"alg":"HS256","kid":"k","{name}":"x"}}"#);
            let reason = refusal(&with_header(&header));
            assert_eq!(reason, Reason::UnsupportedParameter, "{name}");
        }
    }

    #[test]
    fn the_length_is_bounded() {
        assert_eq!(refusal(&"a".repeat(MAX_VALUE_BYTES + 1)), Reason::TooLarge);
    }

    #[test]
    fn the_algorithm_is_the_keys_and_never_the_tokens() {
        let hs256 = Key::hs256("k".parse().unwrap(), &[1; 32]).unwrap();
        for alg in [
            "none", "None", "", "hs256", "HS384", "HS512", "EdDSA", "Ed25519", "RS256",
        ] {
            let value = with_header(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(
                verify_jws(&value, &hs256),
                Err(Reason::WrongAlgorithm),
                "{alg}"
            );
        }
        let ed25519 = SigningKey::ed25519("k".parse().unwrap(), &[1; 32])
            .unwrap()
            .verifying_key();
        for alg in ["HS256", "none", "eddsa", "Ed448", "ES256"] {
            let value = with_header(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(
                verify_jws(&value, &ed25519),
                Err(Reason::WrongAlgorithm),
                "{alg}"
            );
        }
    }

    #[test]
    fn a_public_key_does_not_pass_as_an_hmac_secret() {
        let signer = SigningKey::ed25519("k".parse().unwrap(), &[1; 32]).unwrap();
        let public = signer.public_bytes().unwrap();
        let forger = SigningKey::hs256("k".parse().unwrap(), &public).unwrap();
        let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#));
        let forged = format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(forger.sign(input.as_bytes()))
        );
        assert!(verify_jws(&forged, &forger.verifying_key()).is_ok());
        assert_eq!(
            verify_jws(&forged, &signer.verifying_key()),
            Err(Reason::WrongAlgorithm)
        );
    }

    #[test]
    fn a_truncated_or_extended_mac_is_refused() {
        let key = SigningKey::hs256("k".parse().unwrap(), &[1; 32]).unwrap();
        let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#));
        let mac = key.sign(input.as_bytes());
        let value = |mac: &[u8]| format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac));
        let verifying = key.verifying_key();
        assert_eq!(verify_jws(&value(&mac), &verifying).unwrap(), b"{}");
        for bad in [
            &mac[..31],
            &mac[..16],
            &mac[..1],
            &[&mac[..], &[0]].concat(),
        ] {
            assert_eq!(
                verify_jws(&value(bad), &verifying),
                Err(Reason::BadSignature)
            );
        }
    }
}
