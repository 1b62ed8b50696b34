//! What `drillgate keys show` tells of a key.

use drill_context::Algorithm;
use serde::Serialize;
use serde_json::Value;

use crate::cli::output;
use crate::keyfile::{Jwk, KeyFile};

/// The key's entry for the filter's configuration, with a secret only when that is wanted.
pub(super) fn config(jwk: &Jwk, secret: bool) -> Result<Value, String> {
    if jwk.algorithm() == Algorithm::Hs256 && !secret {
        let kid = jwk.kid();
        return Err(format!(
            "the entry of key {kid} holds its secret: add --secret to print it"
        ));
    }
    Ok(jwk.expose_config())
}

/// What `keys show` tells; also the form of `--output json`.
#[derive(Serialize)]
pub(super) struct Shown {
    kid: String,
    alg: &'static str,
    holds: &'static str,
    thumbprint: Option<String>,
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Value>,
}

impl Shown {
    pub(super) fn of(file: &KeyFile, secret: bool) -> Result<Shown, serde_json::Error> {
        let jwk = &file.jwk;
        Ok(Shown {
            kid: jwk.kid().to_string(),
            alg: match jwk.algorithm() {
                Algorithm::Hs256 => "HS256",
                Algorithm::Ed25519 => "Ed25519",
            },
            holds: match (jwk.algorithm(), jwk.is_secret()) {
                (Algorithm::Hs256, _) => "secret",
                (Algorithm::Ed25519, true) => "private key",
                (Algorithm::Ed25519, false) => "public key",
            },
            thumbprint: jwk.thumbprint(),
            mode: file.mode.map(|mode| format!("{mode:04o}")),
            jwk: match secret {
                true => Some(serde_json::from_str(&jwk.expose())?),
                false => None,
            },
        })
    }

    pub(super) fn text(&self) -> String {
        let mut rows = vec![
            ("kid", self.kid.clone()),
            ("algorithm", self.alg.to_owned()),
            ("holds", self.holds.to_owned()),
        ];
        let jwk = self.jwk.as_ref().map(Value::to_string);
        let more = [
            ("thumbprint", self.thumbprint.clone()),
            ("mode", self.mode.clone()),
            ("jwk", jwk),
        ];
        rows.extend(
            more.into_iter()
                .filter_map(|(label, value)| Some((label, value?))),
        );
        output::rows(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{Shown, config};
    use crate::keyfile::{Jwk, KeyFile};

    const SECRET: &[u8; 32] = b"hunter2hunter2hunter2hunter2hunt";
    const BASE64: &str = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ";

    fn hs256() -> Jwk {
        Jwk::hs256("k1".parse().unwrap(), SECRET).unwrap()
    }

    fn ed25519() -> Jwk {
        Jwk::ed25519("k1".parse().unwrap(), SECRET).unwrap()
    }

    fn shown(jwk: Jwk, secret: bool) -> Shown {
        let mode = Some(0o600);
        Shown::of(&KeyFile { jwk, mode }, secret).unwrap()
    }

    #[test]
    fn a_key_is_shown_without_its_secret_unless_asked() {
        assert_eq!(
            shown(hs256(), false).text(),
            "  kid          k1\n  algorithm    HS256\n  holds        secret\n  mode         0600\n"
        );
        for jwk in [hs256(), ed25519()] {
            let hidden = shown(jwk.clone(), false);
            assert!(!hidden.text().contains(BASE64));
            assert!(!serde_json::to_string(&hidden).unwrap().contains(BASE64));
            assert!(shown(jwk, true).text().contains(BASE64));
        }
    }

    #[test]
    fn an_ed25519_key_is_shown_by_its_thumbprint() {
        let (private, public) = (shown(ed25519(), false), ed25519().public().unwrap());
        assert_eq!(private.holds, "private key");
        let public = shown(public, true);
        assert_eq!(public.holds, "public key");
        assert_eq!(private.thumbprint, public.thumbprint);
        assert!(!public.text().contains(BASE64));
    }

    #[test]
    fn a_configuration_with_a_secret_must_be_asked_for() {
        let error = config(&hs256(), false).unwrap_err();
        assert!(error.contains("add --secret"), "{error}");
        assert!(config(&hs256(), true).unwrap().to_string().contains(BASE64));
        let public = config(&ed25519(), false).unwrap().to_string();
        assert!(!public.contains(BASE64));
    }
}
