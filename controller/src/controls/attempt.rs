//! What is tried: functions of the drill, the keys and the time.

use std::fmt;

use drill_context::{Claims, DrillId, Environment, SigningKey, TokenId, TokenType, sign};

/// How long a token of a control counts, in seconds.
const LIFETIME: i64 = 60;

/// The control of the gate's policy: where it does not bite, nothing keeps production from what bears
/// the header.
pub const WITHOUT_HEADER: &str = "without-header";

/// The control of a sandbox that is away.
pub const SANDBOX_AWAY: &str = "sandbox-away";

/// A host that no drill is about, and that nobody serves (RFC 6761).
const NOBODYS_HOST: &str = "drillgate-control.invalid";

/// Which drill, and through which edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The drill.
    pub drill: DrillId,
    /// What its tokens are signed for.
    pub environment: Environment,
    /// One of its hosts.
    pub host: String,
    /// The gate's drill domain.
    pub domain: String,
}

/// A request, and what has to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What is wrong with it.
    pub name: &'static str,
    /// The host that it names.
    pub host: String,
    /// The values of its headers `X-Drill-Context`.
    pub values: Vec<String>,
    /// What has to come back.
    pub wanted: Wanted,
}

/// What has to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The gate's policy refuses: 403, without a verdict of the filter.
    Policy,
    /// The filter refuses with one of these codes.
    Codes(&'static [&'static str]),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Policy => f.write_str("403 of the gate's policy"),
            Wanted::Codes(codes) => f.write_str(&codes.join(" or ")),
        }
    }
}

/// The host under the drill domain that no drill has.
pub(super) fn guarded_host(domain: &str) -> String {
    format!("drillgate-control.{domain}")
}

/// Everything that an edge has to refuse while the drill is active. `key` is one of the gate's;
/// `forged` has its name and its algorithm, and is another one; `stranger` is no drill of the gate.
/// `now` is in seconds of the Unix epoch.
pub fn attempts(
    subject: &Subject,
    key: &SigningKey,
    forged: &SigningKey,
    stranger: DrillId,
    now: i64,
) -> Vec<Attempt> {
    let good = |number: usize| signed(key, claims(subject, &format!("control-{number}"), now));
    let to_drill = |name, values, codes| Attempt {
        name,
        host: subject.host.clone(),
        values,
        wanted: Wanted::Codes(codes),
    };
    let changed = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims(subject, "control-changed", now);
        change(&mut claims);
        vec![signed(key, claims)]
    };
    let guarded = guarded_host(&subject.domain);
    vec![
        Attempt {
            name: WITHOUT_HEADER,
            host: guarded.clone(),
            values: Vec::new(),
            wanted: Wanted::Policy,
        },
        to_drill("no-token", vec!["true".to_owned()], &["malformed"]),
        to_drill(
            "forged",
            vec![signed(forged, claims(subject, "control-forged", now))],
            &["bad-signature"],
        ),
        to_drill(
            "expired",
            changed(&|claims| {
                claims.issued_at = now.saturating_sub(2 * LIFETIME);
                claims.expires_at = Some(now.saturating_sub(LIFETIME));
            }),
            &["expired"],
        ),
        to_drill(
            "wrong-environment",
            changed(&|claims| claims.environment = other_than(&subject.environment)),
            &["wrong-environment"],
        ),
        to_drill(
            "unknown-drill",
            changed(&|claims| claims.drill = stranger),
            &["unknown-drill"],
        ),
        to_drill("duplicated", vec![good(1), good(2)], &["duplicate-header"]),
        Attempt {
            name: "spoofed-authority",
            host: guarded,
            values: vec![good(3)],
            wanted: Wanted::Codes(&["spoofed-authority"]),
        },
        Attempt {
            name: "uncovered-host",
            host: NOBODYS_HOST.to_owned(),
            values: vec![good(4)],
            wanted: Wanted::Codes(&["uncovered-host"]),
        },
    ]
}

/// What the edge has to refuse once the drill is over: a token that was good while it lasted.
pub fn after_the_drill(subject: &Subject, key: &SigningKey, now: i64) -> Attempt {
    Attempt {
        name: "after-the-drill",
        host: subject.host.clone(),
        values: vec![signed(key, claims(subject, "control-after", now))],
        wanted: Wanted::Codes(&["unknown-drill", "drill-over", "sandbox-unreachable"]),
    }
}

/// What the edge has to answer while the sandbox was taken away on purpose: a token that is good.
pub fn while_away(subject: &Subject, key: &SigningKey, now: i64) -> Attempt {
    Attempt {
        name: SANDBOX_AWAY,
        host: subject.host.clone(),
        values: vec![signed(key, claims(subject, "control-away", now))],
        wanted: Wanted::Codes(&["sandbox-unreachable"]),
    }
}

fn claims(subject: &Subject, token: &str, now: i64) -> Claims {
    let mut claims = Claims::new(subject.drill, subject.environment.clone(), now);
    claims.expires_at = Some(now.saturating_add(LIFETIME));
    claims.token_id = token.parse::<TokenId>().ok();
    claims
}

fn signed(key: &SigningKey, claims: Claims) -> String {
    sign(key, TokenType::Drill, &claims)
}

/// Another environment.
fn other_than(environment: &Environment) -> Environment {
    let names = ["drillgate-control", "drillgate-other"];
    let mut others = names.iter().filter_map(|name| name.parse().ok());
    others
        .find(|other| other != environment)
        .unwrap_or_else(|| environment.clone())
}

#[cfg(test)]
mod tests {
    use drill_context::{Keyring, SigningKey, verify};

    use super::{Attempt, Subject, WITHOUT_HEADER, Wanted, after_the_drill, attempts};

    const NOW: i64 = 1_790_000_000;

    fn key(seed: u8) -> SigningKey {
        SigningKey::ed25519("ci".parse().unwrap(), &[seed; 32]).unwrap()
    }

    fn subject() -> Subject {
        Subject {
            drill: "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap(),
            environment: "orders-dr".parse().unwrap(),
            host: "orders.example.com".to_owned(),
            domain: "drill.internal".to_owned(),
        }
    }

    fn all() -> Vec<Attempt> {
        let stranger = "00000000-0000-4000-8000-000000000000".parse().unwrap();
        attempts(&subject(), &key(7), &key(8), stranger, NOW)
    }

    /// What the gate's key says of each value of an attempt.
    fn judged(name: &str) -> Vec<Result<drill_context::Claims, drill_context::Reason>> {
        let keyring = Keyring::new([key(7).verifying_key()]).unwrap();
        let attempt = all().into_iter().find(|attempt| attempt.name == name);
        let values = attempt.unwrap().values;
        let judged = values.iter().map(|value| verify(value, &keyring)?.claims());
        judged.collect()
    }

    #[test]
    fn each_has_one_fault_and_is_good_but_for_that() {
        let good = |claims: &drill_context::Claims| {
            (
                claims.drill == subject().drill,
                claims.environment == subject().environment,
            )
        };
        assert_eq!(judged("forged"), [Err(drill_context::Reason::BadSignature)]);
        assert_eq!(judged("no-token"), [Err(drill_context::Reason::Malformed)]);
        for (name, same_drill, same_environment, lasts) in [
            ("expired", true, true, false),
            ("wrong-environment", true, false, true),
            ("unknown-drill", false, true, true),
            ("duplicated", true, true, true),
            ("spoofed-authority", true, true, true),
            ("uncovered-host", true, true, true),
        ] {
            for claims in judged(name) {
                let claims = claims.unwrap();
                assert_eq!(good(&claims), (same_drill, same_environment), "{name}");
                assert_eq!(claims.expires_at.unwrap() > NOW, lasts, "{name}");
            }
        }
        assert_eq!(judged("duplicated").len(), 2);
    }

    #[test]
    fn only_what_the_policy_refuses_bears_no_header() {
        for attempt in all() {
            let by_policy = attempt.wanted == Wanted::Policy;
            assert_eq!(attempt.values.is_empty(), by_policy, "{}", attempt.name);
            let under = attempt.host.ends_with(".drill.internal");
            let names_it = [WITHOUT_HEADER, "spoofed-authority"].contains(&attempt.name);
            assert_eq!(under, names_it, "{}", attempt.name);
        }
    }

    #[test]
    fn after_the_drill_a_good_token_is_tried() {
        let keyring = Keyring::new([key(7).verifying_key()]).unwrap();
        let attempt = after_the_drill(&subject(), &key(7), NOW);
        let claims = verify(&attempt.values[0], &keyring)
            .unwrap()
            .claims()
            .unwrap();
        assert_eq!(claims.drill, subject().drill);
        assert_eq!(attempt.host, subject().host);
    }
}
