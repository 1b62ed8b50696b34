//! Other JWT libraries, both ways: what the recipes of `examples/sign` print is accepted here, and
//! what is signed here is accepted by each library.
//!
//! `make interop` installs the libraries; a test that finds one missing says so and fails.

#[path = "interop/tool.rs"]
mod tool;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{
    Algorithm, Claims, Keyring, Limits, Reason, TokenType, sign, single_value, verify,
};
use drillgate::keyfile::{self, Jwk};
use serde_json::{Value, json};
use tempfile::TempDir;
use tool::Tool;

const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
const OTHER_DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e30";
const ENVIRONMENT: &str = "orders-dr";

/// A fresh key in the files that `drillgate keys` writes.
struct Key {
    jwk: Jwk,
    folder: TempDir,
}

impl Key {
    fn new(algorithm: Algorithm) -> Key {
        let folder = tempfile::tempdir().unwrap();
        let jwk = Jwk::generate("ci-2026".parse().unwrap(), algorithm).unwrap();
        let key = Key { jwk, folder };
        keyfile::create(&key.file("ci.jwk"), &key.jwk).unwrap();
        if let Some(public) = key.jwk.public() {
            keyfile::create(&key.file("ci.pub.jwk"), &public).unwrap();
        }
        key
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The key for whoever verifies: the public half, where there is one.
    fn verifying_file(&self) -> PathBuf {
        match self.jwk.public() {
            Some(_) => self.file("ci.pub.jwk"),
            None => self.file("ci.jwk"),
        }
    }

    fn keyring(&self) -> Keyring {
        Keyring::new([self.jwk.verifying_key().clone()]).unwrap()
    }

    /// A value of ours, in which every claim is set.
    fn sign(&self, token_type: TokenType) -> (String, Value) {
        let now = now();
        let mut claims = Claims::new(
            DRILL.parse().unwrap(),
            ENVIRONMENT.parse().unwrap(),
            now - 1,
        );
        claims.not_before = Some(now - 1);
        claims.expires_at = Some(now + 300);
        claims.token_id = Some("run-42".parse().unwrap());
        let written = json!({
            "sub": DRILL, "aud": ENVIRONMENT, "iat": now - 1, "nbf": now - 1, "exp": now + 300,
            "jti": "run-42",
        });
        let key = self.jwk.signing_key().unwrap();
        (sign(key, token_type, &claims), written)
    }
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    elapsed.as_secs().try_into().unwrap()
}

fn run(mut command: Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What the recipe prints: one line.
fn signed_by(tool: Tool, key: &Key) -> String {
    let mut command = tool.signer();
    command.arg(key.file("ci.jwk")).args([DRILL, ENVIRONMENT]);
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    let line = output.stdout.strip_suffix(b"\n").unwrap();
    single_value([line]).unwrap().to_owned()
}

/// The claims that the tool reads from a value, or what it refuses it for.
fn verified_by(tool: Tool, key: &Key, environment: &str, value: &str) -> Result<Value, String> {
    let mut command = tool.verifier();
    command.arg(key.verifying_file()).args([environment, value]);
    let output = run(command);
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    assert!(output.stdout.is_empty(), "{output:?}");
    Err(String::from_utf8(output.stderr).unwrap().to_lowercase())
}

/// The value with another drill in its claims, and with one bit of its signature changed.
fn tampered(value: &str) -> [String; 2] {
    let (input, signature) = value.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();

    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let other = claims.replace(DRILL, OTHER_DRILL);
    assert_ne!(claims, other);
    let other = URL_SAFE_NO_PAD.encode(other);

    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    let changed = URL_SAFE_NO_PAD.encode(bytes);
    [
        format!("{header}.{other}.{signature}"),
        format!("{input}.{changed}"),
    ]
}

fn its_value_is_accepted(tool: Tool, algorithm: Algorithm) {
    let key = Key::new(algorithm);
    let before = now();
    let value = signed_by(tool, &key);
    let verified = verify(&value, &key.keyring()).unwrap();
    assert_eq!(verified.token_type(), TokenType::Drill);

    let claims = verified.claims().unwrap();
    assert!((before..=now()).contains(&claims.issued_at), "{claims:?}");
    let (drill, environment) = (DRILL.parse().unwrap(), ENVIRONMENT.parse().unwrap());
    assert_eq!(claims, Claims::new(drill, environment, claims.issued_at));
    assert_eq!(Limits::default().check(&claims, now()), Ok(()));
}

fn its_value_is_refused_once_tampered_with_or_under_another_key(tool: Tool, algorithm: Algorithm) {
    let key = Key::new(algorithm);
    let value = signed_by(tool, &key);
    for value in tampered(&value) {
        assert_eq!(verify(&value, &key.keyring()), Err(Reason::BadSignature));
    }
    let other = Key::new(algorithm).keyring();
    assert_eq!(verify(&value, &other), Err(Reason::BadSignature));
}

fn our_value_is_accepted_with_the_same_claims(tool: Tool, algorithm: Algorithm) {
    let key = Key::new(algorithm);
    let (value, claims) = key.sign(TokenType::Drill);
    assert_eq!(verified_by(tool, &key, ENVIRONMENT, &value), Ok(claims));
}

fn our_value_is_refused_once_tampered_with_or_under_another_key(tool: Tool, algorithm: Algorithm) {
    let key = Key::new(algorithm);
    let (value, _) = key.sign(TokenType::Drill);
    for value in tampered(&value) {
        let refusal = verified_by(tool, &key, ENVIRONMENT, &value).unwrap_err();
        assert!(refusal.contains("signature"), "{refusal}");
    }
    let refusal = verified_by(tool, &Key::new(algorithm), ENVIRONMENT, &value).unwrap_err();
    assert!(refusal.contains("signature"), "{refusal}");
}

/// The verifiers look at the whole profile, so that their acceptance means something.
fn our_value_is_refused_out_of_its_place(tool: Tool, algorithm: Algorithm) {
    let key = Key::new(algorithm);
    let refusal = |key: &Key, environment: &str, token_type: TokenType, value: &Key| {
        verified_by(tool, key, environment, &value.sign(token_type).0).unwrap_err()
    };
    let typ = refusal(&key, ENVIRONMENT, TokenType::Probe, &key);
    assert!(typ.contains("typ"), "{typ}");
    let aud = refusal(&key, "orders-test", TokenType::Drill, &key);
    assert!(aud.contains("aud"), "{aud}");

    let other = Key::new(match algorithm {
        Algorithm::Hs256 => Algorithm::Ed25519,
        Algorithm::Ed25519 => Algorithm::Hs256,
    });
    let alg = refusal(&key, ENVIRONMENT, TokenType::Drill, &other);
    // golang-jwt calls an algorithm a signing method.
    assert!(
        alg.contains("alg") || alg.contains("signing method"),
        "{alg}"
    );
}

fn a_public_key_does_not_sign(tool: Tool) {
    let key = Key::new(Algorithm::Ed25519);
    let mut command = tool.signer();
    command.arg(key.verifying_file()).args([DRILL, ENVIRONMENT]);
    let output = run(command);
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no secret to sign with"), "{error}");
}

macro_rules! suite {
    ($tool:ident, $algorithm:ident: $($test:ident,)*) => {$(
        #[test]
        fn $test() {
            crate::$test(crate::Tool::$tool, crate::Algorithm::$algorithm);
        }
    )*};
    ($tool:ident, $algorithm:ident) => {
        suite! { $tool, $algorithm:
            its_value_is_accepted,
            its_value_is_refused_once_tampered_with_or_under_another_key,
            our_value_is_accepted_with_the_same_claims,
            our_value_is_refused_once_tampered_with_or_under_another_key,
            our_value_is_refused_out_of_its_place,
        }
    };
}

macro_rules! both_ways {
    ($($name:ident: $tool:ident,)*) => {$(
        mod $name {
            mod hs256 {
                suite!($tool, Hs256);
            }
            mod ed25519 {
                suite!($tool, Ed25519);

                #[test]
                fn a_public_key_does_not_sign() {
                    crate::a_public_key_does_not_sign(crate::Tool::$tool);
                }
            }
        }
    )*};
}

both_ways! {
    openssl: Openssl,
    pyjwt: Pyjwt,
    jose: Jose,
    golang_jwt: GolangJwt,
    jsonwebtoken: Jsonwebtoken,
}
