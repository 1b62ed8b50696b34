//! What holds for every token, not only for those in a table.

// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use drill_context::{
    Claims, DrillId, Keyring, Limits, MAX_VALUE_BYTES, SigningKey, TokenType, sign, single_value,
    validate_claims, verify,
};
use proptest::prelude::*;

fn claims() -> impl Strategy<Value = Claims> {
    (
        any::<u128>().prop_filter("not nil", |n| *n != 0),
        "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        0..253_402_300_000_i64,
        proptest::option::of(0..253_402_300_799_i64),
        proptest::option::of(1..700_i64),
        proptest::option::of("[!#-\\[\\]-~]{1,128}"),
    )
        .prop_map(
            |(drill, environment, issued_at, not_before, lifetime, token_id)| {
                let drill = DrillId::new(uuid::Uuid::from_u128(drill)).unwrap();
                let mut claims = Claims::new(drill, environment.parse().unwrap(), issued_at);
                claims.not_before = not_before;
                claims.expires_at = lifetime.map(|seconds| issued_at + seconds);
                claims.token_id = token_id.map(|id| id.parse().unwrap());
                claims
            },
        )
}

/// How another library may write the same claims.
#[derive(Debug, Clone)]
struct Style {
    fractions: bool,
    array: bool,
    escapes: bool,
    reversed: bool,
    space: &'static str,
    unknown: bool,
}

fn style() -> impl Strategy<Value = Style> {
    let space = prop::sample::select(vec!["", " ", "\n\t", "\r\n"]);
    (any::<[bool; 5]>(), space).prop_map(
        |([fractions, array, escapes, reversed, unknown], space)| Style {
            fractions,
            array,
            escapes,
            reversed,
            space,
            unknown,
        },
    )
}

impl Style {
    fn write(&self, claims: &Claims) -> String {
        let aud = self.text(claims.environment.as_str());
        let mut members = vec![
            ("sub", self.text(&claims.drill.to_string())),
            ("aud", if self.array { format!("[{aud}]") } else { aud }),
            ("iat", self.time(claims.issued_at)),
        ];
        let optional = [("nbf", claims.not_before), ("exp", claims.expires_at)];
        for (name, time) in optional {
            members.extend(time.map(|time| (name, self.time(time))));
        }
        let token_id = claims.token_id.as_ref();
        members.extend(token_id.map(|id| ("jti", self.text(id.as_str()))));
        if self.unknown {
            members.push(("iss", r#"{"sub":[null,-1.5e3]}"#.to_owned()));
        }
        if self.reversed {
            members.reverse();
        }
        let space = self.space;
        let member = |(name, value)| format!("{space}{}{space}:{space}{value}", self.text(name));
        let members: Vec<String> = members.into_iter().map(member).collect();
        format!("{space}{{{}{space}}}{space}", members.join(","))
    }

    fn text(&self, text: &str) -> String {
        if !self.escapes {
            return format!("\"{text}\"");
        }
        let escaped: String = text.bytes().map(|b| format!("\\u{b:04x}")).collect();
        format!("\"{escaped}\"")
    }

    /// A quarter is exact in every reader of decimals.
    fn time(&self, seconds: i64) -> String {
        let fraction = if self.fractions { ".25" } else { "" };
        format!("{seconds}{fraction}")
    }
}

fn signer() -> impl Strategy<Value = SigningKey> {
    ("[A-Za-z0-9._-]{1,64}", any::<[u8; 32]>(), any::<bool>()).prop_map(|(kid, secret, hmac)| {
        let kid = kid.parse().unwrap();
        if hmac {
            SigningKey::hs256(kid, &secret).unwrap()
        } else {
            SigningKey::ed25519(kid, &secret).unwrap()
        }
    })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_signed_verifies_and_says_the_same(claims in claims(), key in signer()) {
        let value = sign(&key, TokenType::Drill, &claims);
        prop_assert!(value.len() <= MAX_VALUE_BYTES);
        let keyring = Keyring::new([key.verifying_key()]).unwrap();
        let verified = verify(single_value([value.as_bytes()]).unwrap(), &keyring).unwrap();
        prop_assert_eq!(verified.kid(), key.kid());
        prop_assert_eq!(verified.claims(), Ok(claims));
    }

    #[test]
    fn claims_that_another_library_wrote_are_the_same_once_we_have_written_them(
        claims in claims(),
        style in style(),
        key in signer(),
    ) {
        let foreign = style.write(&claims);
        let read = validate_claims(foreign.as_bytes());
        prop_assert_eq!(&read, &Ok(claims.clone()), "{}", foreign);
        let keyring = Keyring::new([key.verifying_key()]).unwrap();
        let value = sign(&key, TokenType::Drill, &read.unwrap());
        prop_assert_eq!(verify(&value, &keyring).unwrap().claims(), Ok(claims));
    }

    #[test]
    fn a_token_that_is_read_and_signed_again_is_the_same_to_the_byte(
        claims in claims(),
        key in signer(),
        probe in any::<bool>(),
    ) {
        let token_type = if probe { TokenType::Probe } else { TokenType::Drill };
        let value = sign(&key, token_type, &claims);
        let keyring = Keyring::new([key.verifying_key()]).unwrap();
        let read = verify(&value, &keyring).unwrap();
        let again = sign(&key, read.token_type(), &read.claims().unwrap());
        prop_assert_eq!(again, value);
    }

    #[test]
    fn a_token_with_one_bit_flipped_is_refused(claims in claims(), key in signer(), at in any::<prop::sample::Index>()) {
        let mut value = sign(&key, TokenType::Drill, &claims).into_bytes();
        let bit = at.index(value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        let keyring = Keyring::new([key.verifying_key()]).unwrap();
        let verdict = single_value([value.as_slice()]).and_then(|value| verify(value, &keyring));
        prop_assert!(verdict.is_err(), "bit {} of {:?}", bit, String::from_utf8_lossy(&value));
    }

    #[test]
    fn another_key_of_the_same_name_does_not_verify(claims in claims(), key in signer()) {
        let other = SigningKey::hs256(key.kid().clone(), &[0x5a; 33]).unwrap();
        let value = sign(&key, TokenType::Drill, &claims);
        let keyring = Keyring::new([other.verifying_key()]).unwrap();
        prop_assert!(verify(&value, &keyring).is_err());
    }

    #[test]
    fn any_bytes_get_a_verdict_and_never_a_crash(value in proptest::collection::vec(any::<u8>(), 0..1200), now in any::<i64>()) {
        let key = SigningKey::hs256("k".parse().unwrap(), &[1; 32]).unwrap();
        let keyring = Keyring::new([key.verifying_key()]).unwrap();
        let verdict = single_value([value.as_slice()]).and_then(|value| verify(value, &keyring));
        prop_assert!(verdict.is_err());
        if let Ok(claims) = validate_claims(&value) {
            let _ = Limits::default().check(&claims, now);
        }
    }
}

#[test]
fn every_single_bit_of_a_token_counts() {
    let key = SigningKey::hs256("k1".parse().unwrap(), &[1; 32]).unwrap();
    let keyring = Keyring::new([key.verifying_key()]).unwrap();
    let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
    let claims = Claims::new(drill, "orders-dr".parse().unwrap(), 1_790_000_000);
    let value = sign(&key, TokenType::Drill, &claims).into_bytes();
    for bit in 0..value.len() * 8 {
        let mut flipped = value.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let verdict = single_value([flipped.as_slice()]).and_then(|value| verify(value, &keyring));
        assert!(verdict.is_err(), "bit {bit}");
    }
}
