//! What a gate would say of a value, and how that is shown.

use drill_context::{
    Claims, DrillId, Environment, Jws, KeyId, Keyring, Limits, Reason, TokenId, TokenType,
    single_value, verify,
};
use serde::Serialize;

use crate::cli::output::{self, BAD, GOOD};
use crate::cli::time;

/// What a value is held against.
pub(super) struct Demands {
    pub(super) keyring: Keyring,
    pub(super) limits: Limits,
    pub(super) drill: Option<DrillId>,
    pub(super) environment: Option<Environment>,
    pub(super) now: i64,
}

/// What was found, as far as the examination went.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) refusal: Option<Reason>,
    /// What the value says of itself: it helps to find the key that is missing.
    claimed_kid: Option<KeyId>,
    signed: Option<(KeyId, TokenType)>,
    claims: Option<Claims>,
}

impl Verdict {
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a [u8]>, demands: &Demands) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.refusal = verdict.examine(values, demands).err();
        verdict
    }

    fn examine<'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a [u8]>,
        demands: &Demands,
    ) -> Result<(), Reason> {
        let value = single_value(values)?;
        self.claimed_kid = Jws::parse(value)
            .ok()
            .and_then(|jws| jws.kid()?.parse().ok());
        let verified = verify(value, &demands.keyring)?;
        self.signed = Some((verified.kid().clone(), verified.token_type()));
        let claims = self.claims.insert(verified.claims()?);
        demands.limits.check(claims, demands.now)?;
        if demands.drill.is_some_and(|drill| drill != claims.drill) {
            return Err(Reason::UnknownDrill);
        }
        match &demands.environment {
            Some(environment) if *environment != claims.environment => {
                Err(Reason::WrongEnvironment)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn text(&self, demands: &Demands) -> String {
        let mut text = match self.refusal {
            None => format!("{GOOD}accepted{GOOD:#}\n"),
            Some(reason) => format!(
                "{BAD}refused: {}{BAD:#}\n  {}\n",
                reason.code(),
                reason.explanation()
            ),
        };
        let mut rows = Vec::new();
        match (&self.signed, &self.claimed_kid) {
            (Some((kid, token_type)), _) => {
                rows.push(("kid", kid.to_string()));
                rows.push(("type", token_type.name().to_owned()));
            }
            (None, Some(kid)) => rows.push(("kid", format!("{kid} (not verified)"))),
            (None, None) => {}
        }
        if let Some(claims) = &self.claims {
            rows.extend(claim_rows(claims, demands.now));
        }
        text.push_str(&output::rows(rows));
        text
    }

    pub(super) fn report(&self) -> Report<'_> {
        let signed = self.signed.as_ref();
        let claims = self.claims.as_ref();
        Report {
            verdict: match self.refusal {
                None => "accepted",
                Some(_) => "refused",
            },
            reason: self.refusal.map(Reason::code),
            explanation: self.refusal.map(Reason::explanation),
            claimed_kid: self.claimed_kid.as_ref().map(KeyId::as_str),
            kid: signed.map(|(kid, _)| kid.as_str()),
            r#type: signed.map(|(_, token_type)| token_type.name()),
            drill: claims.map(|claims| claims.drill.to_string()),
            environment: claims.map(|claims| claims.environment.as_str()),
            issued_at: claims.map(|claims| time::rfc3339(claims.issued_at)),
            not_before: claims.and_then(|claims| claims.not_before.map(time::rfc3339)),
            expires_at: claims.and_then(|claims| claims.expires_at.map(time::rfc3339)),
            token_id: claims.and_then(|claims| claims.token_id.as_ref().map(TokenId::as_str)),
        }
    }
}

fn claim_rows(claims: &Claims, now: i64) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("drill", claims.drill.to_string()),
        ("environment", claims.environment.to_string()),
        ("issued", time::seen_from(now, claims.issued_at)),
    ];
    if let Some(not_before) = claims.not_before {
        rows.push(("not before", time::seen_from(now, not_before)));
    }
    rows.push((
        "expires",
        match claims.expires_at {
            Some(expires_at) => time::seen_from(now, expires_at),
            None => "at the gate's maximum age".to_owned(),
        },
    ));
    if let Some(token_id) = &claims.token_id {
        rows.push(("token id", token_id.to_string()));
    }
    rows
}

/// The form of `--output json`. Only `claimedKid` says what was not verified.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'a> {
    verdict: &'static str,
    reason: Option<&'static str>,
    explanation: Option<&'static str>,
    claimed_kid: Option<&'a str>,
    kid: Option<&'a str>,
    r#type: Option<&'static str>,
    drill: Option<String>,
    environment: Option<&'a str>,
    issued_at: Option<String>,
    not_before: Option<String>,
    expires_at: Option<String>,
    token_id: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use drill_context::{Claims, Keyring, Limits, Reason, SigningKey, TokenType, sign};
    use serde_json::json;

    use super::{Demands, Verdict};

    const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
    const NOW: i64 = 1_790_000_000;

    fn key(kid: &str) -> SigningKey {
        SigningKey::hs256(kid.parse().unwrap(), &[7; 32]).unwrap()
    }

    fn value(kid: &str) -> String {
        let mut claims = Claims::new(DRILL.parse().unwrap(), "orders-dr".parse().unwrap(), NOW);
        claims.expires_at = Some(NOW + 300);
        sign(&key(kid), TokenType::Drill, &claims)
    }

    fn demands() -> Demands {
        Demands {
            keyring: Keyring::new([key("k1").verifying_key()]).unwrap(),
            limits: Limits::default(),
            drill: Some(DRILL.parse().unwrap()),
            environment: Some("orders-dr".parse().unwrap()),
            now: NOW + 12,
        }
    }

    fn verdict(value: &str, demands: &Demands) -> Verdict {
        Verdict::of([value.as_bytes()], demands)
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn what_meets_every_demand_is_accepted_and_shown() {
        let verdict = verdict(&value("k1"), &demands());
        assert_eq!(
            plain(&verdict.text(&demands())),
            "accepted
  kid          k1
  type         drill+jwt
  drill        6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f
  environment  orders-dr
  issued       2026-09-21T14:13:20Z (12s ago)
  expires      2026-09-21T14:18:20Z (in 4m 48s)
"
        );
        assert_eq!(
            serde_json::to_value(verdict.report()).unwrap(),
            json!({
                "verdict": "accepted",
                "reason": null,
                "explanation": null,
                "claimedKid": "k1",
                "kid": "k1",
                "type": "drill+jwt",
                "drill": DRILL,
                "environment": "orders-dr",
                "issuedAt": "2026-09-21T14:13:20Z",
                "notBefore": null,
                "expiresAt": "2026-09-21T14:18:20Z",
                "tokenId": null,
            })
        );
    }

    #[test]
    fn each_demand_refuses_with_its_own_reason() {
        let other = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        for (change, reason) in [
            (
                (|d| d.now = NOW - 31) as fn(&mut Demands),
                Reason::NotYetValid,
            ),
            (|d| d.now = NOW + 300, Reason::Expired),
            (|d| d.limits = Limits::new(0, 11).unwrap(), Reason::Stale),
            (
                |d| d.environment = "b".parse().ok(),
                Reason::WrongEnvironment,
            ),
        ] {
            let mut demands = demands();
            change(&mut demands);
            let verdict = verdict(&value("k1"), &demands);
            assert_eq!(verdict.refusal, Some(reason));
        }
        let mut demands = demands();
        demands.drill = Some(other);
        demands.environment = "b".parse().ok();
        let verdict = verdict(&value("k1"), &demands);
        assert_eq!(verdict.refusal, Some(Reason::UnknownDrill));
    }

    #[test]
    fn a_refused_value_with_a_good_signature_is_shown() {
        let mut demands = demands();
        demands.now = NOW + 300;
        let text = plain(&verdict(&value("k1"), &demands).text(&demands));
        let start = "refused: expired\n  exp has come: sign anew\n  kid          k1\n";
        assert!(text.starts_with(start), "{text}");
        let expires = "\n  expires      2026-09-21T14:18:20Z (now)\n";
        assert!(text.contains(expires), "{text}");
    }

    #[test]
    fn of_a_value_without_a_good_signature_only_its_kid_is_shown() {
        let verdict = verdict(&value("k2"), &demands());
        assert_eq!(verdict.refusal, Some(Reason::UnknownKey));
        assert_eq!(
            plain(&verdict.text(&demands())),
            "refused: unknown-key
  the gate has no key with this kid
  kid          k2 (not verified)
"
        );
        let report = serde_json::to_value(verdict.report()).unwrap();
        assert_eq!(report["claimedKid"], "k2");
        assert_eq!(report["kid"], json!(null));
        assert_eq!(report["drill"], json!(null));
    }

    #[test]
    fn two_values_are_refused() {
        let value = value("k1");
        let verdict = Verdict::of([value.as_bytes(), value.as_bytes()], &demands());
        assert_eq!(verdict.refusal, Some(Reason::DuplicateHeader));
        assert_eq!(
            plain(&verdict.text(&demands())),
            "refused: duplicate-header\n  send X-Drill-Context exactly once, with one value\n"
        );
    }
}
