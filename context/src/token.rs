//! The drill profile of a JWS: which token for which purpose, under which key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::{Claims, Jws, KeyId, Keyring, Reason, SigningKey, validate_claims};

/// What a token is for. The header parameter `typ` keeps the two apart
/// ([RFC 8725, 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// A request of a drill.
    Drill,
    /// A question to the filter itself: what is it running? It never reaches an upstream.
    Probe,
}

impl TokenType {
    /// The value of `typ` that we write.
    pub const fn name(self) -> &'static str {
        match self {
            TokenType::Drill => "drill+jwt",
            TokenType::Probe => "drill-probe+jwt",
        }
    }

    /// Media types ignore case, and `application/` may be left out (RFC 7515, 4.1.9).
    fn from_typ(typ: &str) -> Option<TokenType> {
        const PREFIX: &str = "application/";
        let name = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => typ,
        };
        [TokenType::Drill, TokenType::Probe]
            .into_iter()
            .find(|token_type| name.eq_ignore_ascii_case(token_type.name()))
    }
}

/// A token whose signature was verified with a key of the keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    kid: KeyId,
    token_type: TokenType,
    payload: Vec<u8>,
}

impl Verified {
    /// The key that signed it.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// What the token is for.
    pub fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// The claims.
    ///
    /// # Errors
    /// [`Reason::BadClaims`], as [`validate_claims`].
    pub fn claims(&self) -> Result<Claims, Reason> {
        validate_claims(&self.payload)
    }
}

/// Verifies a header value, as [`single_value`](crate::single_value) gives it, against the
/// keys of a gate.
///
/// Claims are not looked at: that is for [`Verified::claims`], once the signature holds.
///
/// # Errors
/// The [`Reason`]; where there are several, in general the first of [`Reason::ALL`].
pub fn verify(value: &str, keyring: &Keyring) -> Result<Verified, Reason> {
    let jws = Jws::parse(value)?;
    let typ = jws.typ().ok_or(Reason::WrongType)?;
    let token_type = TokenType::from_typ(typ).ok_or(Reason::WrongType)?;
    let kid: KeyId = jws
        .kid()
        .and_then(|kid| kid.parse().ok())
        .ok_or(Reason::Malformed)?;
    let key = keyring.get(kid.as_str()).ok_or(Reason::UnknownKey)?;
    let payload = jws.verify(key)?;
    Ok(Verified {
        kid,
        token_type,
        payload,
    })
}

/// Signs claims: the value of `X-Drill-Context`, always shorter than
/// [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
pub fn sign(key: &SigningKey, token_type: TokenType, claims: &Claims) -> String {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'a str,
        kid: &'a str,
        typ: &'a str,
    }
    let header = Header {
        alg: key.algorithm().name(),
        kid: key.kid().as_str(),
        typ: token_type.name(),
    };
    // Texts always can be written as JSON.
    let header = serde_json::to_string(&header).unwrap_or_default();
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_json(), &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

#[cfg(test)]
mod tests {
    use super::{TokenType, sign, verify};
    use crate::{Claims, Key, Keyring, MAX_VALUE_BYTES, Reason, SigningKey};

    fn claims() -> Claims {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        Claims::new(drill, "orders-dr".parse().unwrap(), 1_790_000_000)
    }

    fn signer(kid: &str) -> SigningKey {
        SigningKey::hs256(kid.parse().unwrap(), &[1; 32]).unwrap()
    }

    fn with_header(header: &str) -> String {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let key = signer("k1");
        let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(header));
        format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()))
        )
    }

    #[test]
    fn what_is_signed_verifies_with_the_key_that_kid_names() {
        let keyring = Keyring::new([
            signer("k1").verifying_key(),
            Key::hs256("k2".parse().unwrap(), &[2; 32]).unwrap(),
        ])
        .unwrap();
        let verified = verify(&sign(&signer("k1"), TokenType::Drill, &claims()), &keyring).unwrap();
        assert_eq!(verified.kid().as_str(), "k1");
        assert_eq!(verified.token_type(), TokenType::Drill);
        assert_eq!(verified.claims().unwrap(), claims());
        // Signed with the secret of k1, but saying k2: the key is looked up, never guessed.
        let value = sign(&signer("k2"), TokenType::Drill, &claims());
        assert_eq!(verify(&value, &keyring), Err(Reason::BadSignature));
        let value = sign(&signer("k3"), TokenType::Drill, &claims());
        assert_eq!(verify(&value, &keyring), Err(Reason::UnknownKey));
    }

    #[test]
    fn typ_is_one_of_two_media_types_in_any_case() {
        let keyring = Keyring::new([signer("k1").verifying_key()]).unwrap();
        for (typ, token_type) in [
            ("drill+jwt", TokenType::Drill),
            ("Drill+JWT", TokenType::Drill),
            ("application/drill+jwt", TokenType::Drill),
            ("APPLICATION/drill+jwt", TokenType::Drill),
            ("drill-probe+jwt", TokenType::Probe),
            ("application/drill-probe+jwt", TokenType::Probe),
        ] {
            let value = with_header(&format!(r#"{{"alg":"HS256","typ":"{typ}","kid":"k1"}}"#));
            assert_eq!(
                verify(&value, &keyring).unwrap().token_type(),
                token_type,
                "{typ}"
            );
        }
        for typ in [
            "JWT",
            "",
            "drill",
            "drill+jwt ",
            "application/",
            "text/drill+jwt",
            "drıll+jwt",
        ] {
            let value = with_header(&format!(r#"{{"alg":"HS256","typ":"{typ}","kid":"k1"}}"#));
            assert_eq!(verify(&value, &keyring), Err(Reason::WrongType), "{typ}");
        }
        let value = with_header(r#"{"alg":"HS256","kid":"k1"}"#);
        assert_eq!(verify(&value, &keyring), Err(Reason::WrongType));
    }

    #[test]
    fn a_kid_that_is_missing_or_out_of_form_is_malformed() {
        let keyring = Keyring::new([signer("k1").verifying_key()]).unwrap();
        for kid in ["", "a/b", "k1\\u0000", &"k".repeat(65)] {
            let value = with_header(&format!(
                r#"{{"alg":"HS256","typ":"drill+jwt","kid":"{kid}"}}"#
            ));
            assert_eq!(verify(&value, &keyring), Err(Reason::Malformed), "{kid}");
        }
        let value = with_header(r#"{"alg":"HS256","typ":"drill+jwt"}"#);
        assert_eq!(verify(&value, &keyring), Err(Reason::Malformed));
    }

    #[test]
    fn claims_are_looked_at_only_after_the_signature() {
        let keyring = Keyring::new([signer("k1").verifying_key()]).unwrap();
        let value = with_header(r#"{"alg":"HS256","typ":"drill+jwt","kid":"k1"}"#);
        let verified = verify(&value, &keyring).unwrap();
        assert_eq!(verified.claims(), Err(Reason::BadClaims));
    }

    #[test]
    fn the_longest_token_that_can_be_signed_fits_the_header() {
        let key = SigningKey::ed25519("k".repeat(64).parse().unwrap(), &[1; 32]).unwrap();
        let mut claims = claims();
        claims.environment = "e".repeat(63).parse().unwrap();
        claims.not_before = Some(253_402_300_799);
        claims.expires_at = Some(253_402_300_799);
        claims.token_id = Some("j".repeat(128).parse().unwrap());
        assert!(sign(&key, TokenType::Probe, &claims).len() <= MAX_VALUE_BYTES);
    }
}
