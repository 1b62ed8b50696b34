//! `keys`: a map from `kid` to what verifies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Key, KeyId, Keyring};

use super::ConfigError;
use super::members::Members;

pub(super) fn read(
    entries: Members,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Keyring, ConfigError> {
    let nothing = entries.wrong_here("needs at least one key");
    let mut keys = Vec::new();
    for entry in entries.into_entries() {
        let (kid, members) = entry?;
        keys.push(key(&kid, members, env)?);
    }
    if keys.is_empty() {
        return Err(nothing);
    }
    Keyring::new(keys).map_err(|error| ConfigError::new("keys", error))
}

fn key(
    kid: &str,
    mut members: Members,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Key, ConfigError> {
    let kid: KeyId = kid
        .parse()
        .map_err(|error| members.wrong_here(format_args!("the kid {error}")))?;
    let key = match members.required_text("alg")?.as_str() {
        "HS256" => {
            let (member, secret) = secret(&mut members, env)?;
            Key::hs256(kid, &secret).map_err(|error| members.wrong(member, error))?
        }
        "Ed25519" => {
            let public = members.required_text("publicKey")?;
            let public = decode(&public, "publicKey", &members)?;
            Key::ed25519(kid, &public).map_err(|error| members.wrong("publicKey", error))?
        }
        _ => return Err(members.wrong("alg", "must be HS256 or Ed25519")),
    };
    members.finish()?;
    Ok(key)
}

/// The secret, and the member that gave it.
fn secret(
    members: &mut Members,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<(&'static str, Vec<u8>), ConfigError> {
    match (members.text("secret")?, members.text("env")?) {
        (Some(inline), None) => Ok(("secret", decode(&inline, "secret", members)?)),
        (None, Some(name)) => {
            let value = env(&name).ok_or_else(|| {
                members.wrong(
                    "env",
                    "names a variable that the VM does not have (vmConfig.env)",
                )
            })?;
            Ok(("env", decode(value.trim(), "env", members)?))
        }
        _ => Err(members.wrong_here("needs either secret or env")),
    }
}

fn decode(text: &str, member: &str, members: &Members) -> Result<Vec<u8>, ConfigError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| members.wrong(member, "must be base64url without padding"))
}
