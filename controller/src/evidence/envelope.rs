//! The envelope of what is signed: DSSE v1, with exactly one signature by Ed25519.
//!
//! <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drill_context::Algorithm;
use serde::{Deserialize, Serialize};

use crate::keyfile::Jwk;

/// What the payload is.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why an envelope could not be made, or is not believed.
#[derive(Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The key is for another algorithm.
    Algorithm(String),
    /// The key verifies only.
    CannotSign(String),
    /// It is no envelope, or not as drillgate writes it.
    Form(String),
    /// It holds something else than a statement.
    PayloadType(String),
    /// It has none or several.
    Signatures(usize),
    /// It was signed by the key of this name, and another was given.
    Key {
        /// By whom it says that it was signed.
        signed_by: String,
        /// Who was given.
        given: String,
    },
    /// The signature is not that of the key over the payload.
    Signature(String),
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvelopeError::Algorithm(kid) => write!(
                f,
                "key {kid} is for HS256, and evidence is signed by Ed25519: whoever verified with it could sign. Make one with `drillgate keys new --alg Ed25519`"
            ),
            EnvelopeError::CannotSign(kid) => write!(
                f,
                "key {kid} verifies and does not sign: name the file with the private key"
            ),
            EnvelopeError::Form(why) => {
                write!(f, "it is no envelope as drillgate writes it: {why}")
            }
            EnvelopeError::PayloadType(other) => {
                write!(f, "it holds {other:?}, and {PAYLOAD_TYPE:?} is expected")
            }
            EnvelopeError::Signatures(count) => {
                write!(f, "it has {count} signatures, and exactly one is expected")
            }
            EnvelopeError::Key { signed_by, given } => {
                write!(
                    f,
                    "it names the key {signed_by:?}, and the key given is {given:?}"
                )
            }
            EnvelopeError::Signature(kid) => write!(
                f,
                "its signature is not that of key {kid} over what it holds: it was changed, or signed by another key of that name"
            ),
        }
    }
}

impl std::error::Error for EnvelopeError {}

/// The text of an envelope with this payload, signed by this key.
pub(super) fn seal(payload: &[u8], key: &Jwk) -> Result<String, EnvelopeError> {
    demand_ed25519(key)?;
    let kid = key.kid().to_string();
    let Some(signing) = key.signing_key() else {
        return Err(EnvelopeError::CannotSign(kid));
    };
    text(&Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: STANDARD.encode(payload),
        signatures: vec![Signature {
            keyid: kid,
            sig: STANDARD.encode(signing.sign(&authenticated(payload))),
        }],
    })
}

/// The payload of an envelope, if this key has signed it.
///
/// The text must be, byte for byte, what [`seal`] writes: an envelope has no second form that
/// verifies too.
pub(super) fn open(envelope: &[u8], key: &Jwk) -> Result<Vec<u8>, EnvelopeError> {
    demand_ed25519(key)?;
    let form = |why: String| EnvelopeError::Form(why);
    let read: Envelope = serde_json::from_slice(envelope).map_err(|e| form(e.to_string()))?;
    if text(&read)?.as_bytes() != envelope {
        return Err(form("its JSON is written in another way".to_owned()));
    }
    if read.payload_type != PAYLOAD_TYPE {
        return Err(EnvelopeError::PayloadType(read.payload_type));
    }
    let [signature] = read.signatures.as_slice() else {
        return Err(EnvelopeError::Signatures(read.signatures.len()));
    };
    let given = key.kid().to_string();
    if signature.keyid != given {
        let signed_by = signature.keyid.clone();
        return Err(EnvelopeError::Key { signed_by, given });
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|e| form(e.to_string()));
    let (payload, signature) = (decode(&read.payload)?, decode(&signature.sig)?);
    let verifying = key.verifying_key();
    match verifying.check(&authenticated(&payload), &signature) {
        Ok(()) => Ok(payload),
        Err(_) => Err(EnvelopeError::Signature(given)),
    }
}

fn demand_ed25519(key: &Jwk) -> Result<(), EnvelopeError> {
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(()),
        Algorithm::Hs256 => Err(EnvelopeError::Algorithm(key.kid().to_string())),
    }
}

fn text(envelope: &Envelope) -> Result<String, EnvelopeError> {
    let text = serde_json::to_string(envelope);
    let mut text = text.map_err(|error| EnvelopeError::Form(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// What is signed: the pre-authentication encoding of DSSE. No token begins like this.
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let (kind, length) = (PAYLOAD_TYPE, payload.len());
    let mut bytes = format!("DSSEv1 {} {kind} {length} ", kind.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EnvelopeError, authenticated, open, seal};
    use crate::keyfile::Jwk;

    fn key(kid: &str, seed: u8) -> Jwk {
        Jwk::ed25519(kid.parse().unwrap(), &[seed; 32]).unwrap()
    }

    fn opened(change: impl FnOnce(&mut Value)) -> EnvelopeError {
        let text = seal(b"{}", &key("audit", 1)).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        // Members in the order in which drillgate writes them.
        let signatures = value["signatures"].as_array().unwrap().iter();
        let signatures: Vec<String> = signatures
            .map(|s| format!(r#"{{"keyid":{},"sig":{}}}"#, s["keyid"], s["sig"]))
            .collect();
        let (kind, payload) = (&value["payloadType"], &value["payload"]);
        let signatures = signatures.join(",");
        let text = format!(
            "{{\"payloadType\":{kind},\"payload\":{payload},\"signatures\":[{signatures}]}}\n"
        );
        open(text.as_bytes(), &key("audit", 1)).unwrap_err()
    }

    #[test]
    fn what_is_signed_is_that_of_the_standard() {
        let bytes = authenticated(b"hello world");
        assert_eq!(
            bytes,
            b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
        );
    }

    #[test]
    fn what_one_key_has_sealed_its_public_half_opens_and_no_other() {
        let text = seal(b"{}", &key("audit", 1)).unwrap();
        let public = key("audit", 1).public().unwrap();
        assert_eq!(open(text.as_bytes(), &public).unwrap(), b"{}");
        let same_name = open(text.as_bytes(), &key("audit", 2)).unwrap_err();
        assert_eq!(same_name, EnvelopeError::Signature("audit".to_owned()));
        let other_name = open(text.as_bytes(), &key("other", 1)).unwrap_err();
        assert!(matches!(other_name, EnvelopeError::Key { .. }));
    }

    #[test]
    fn keys_of_another_kind_neither_sign_nor_verify() {
        let secret = Jwk::hs256("k1".parse().unwrap(), &[7; 32]).unwrap();
        let text = seal(b"{}", &key("k1", 1)).unwrap();
        for error in [
            seal(b"{}", &secret).unwrap_err(),
            open(text.as_bytes(), &secret).unwrap_err(),
        ] {
            assert_eq!(error, EnvelopeError::Algorithm("k1".to_owned()));
        }
        let public = key("k1", 1).public().unwrap();
        let error = seal(b"{}", &public).unwrap_err();
        assert_eq!(error, EnvelopeError::CannotSign("k1".to_owned()));
    }

    #[test]
    fn none_or_several_signatures_are_refused() {
        let none = opened(|value| value["signatures"] = json!([]));
        assert_eq!(none, EnvelopeError::Signatures(0));
        let twice = opened(|value| {
            let one = value["signatures"][0].clone();
            value["signatures"] = json!([one, one]);
        });
        assert_eq!(twice, EnvelopeError::Signatures(2));
    }

    #[test]
    fn another_type_another_payload_and_another_spelling_are_refused() {
        let kind = opened(|value| value["payloadType"] = json!("text/plain"));
        assert!(matches!(kind, EnvelopeError::PayloadType(_)));
        let payload = opened(|value| value["payload"] = json!("e30K"));
        assert!(matches!(payload, EnvelopeError::Signature(_)));
        let text = seal(b"{}", &key("audit", 1)).unwrap();
        let spaced = open(text.replace(':', ": ").as_bytes(), &key("audit", 1));
        assert!(matches!(spaced.unwrap_err(), EnvelopeError::Form(_)));
    }
}
