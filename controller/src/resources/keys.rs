//! From a gate's key references to keys.

use std::collections::BTreeMap;

use drill_context::KeyError;

use super::refusal::{Reason, Refusal};
use crate::api::{DrillGate, GateKey};
use crate::keyfile::{Jwk, JwkError};

/// The Secrets that a gate's keys are in: by name, then by entry. One that does not exist is absent.
pub type Secrets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// The keys of `gate`, as far as they are usable, and what is wrong with the others. No value of a
/// Secret is in a refusal.
pub fn resolve(gate: &DrillGate, secrets: &Secrets) -> (Vec<Jwk>, Vec<Refusal>) {
    let mut keys = Vec::new();
    let mut refusals = Vec::new();
    for (index, wanted) in gate.spec.keys.iter().enumerate() {
        match key(wanted, secrets) {
            Ok(key) => keys.push(key),
            Err((reason, message)) => {
                let field = format!("spec.keys[{index}]");
                refusals.push(Refusal::new(reason, field, message));
            }
        }
    }
    (keys, refusals)
}

fn key(wanted: &GateKey, secrets: &Secrets) -> Result<Jwk, (Reason, String)> {
    let (kid, name, entry) = (&wanted.kid, &wanted.secret_ref.name, &wanted.secret_ref.key);
    let Some(secret) = secrets.get(name) else {
        let message = format!(
            "key {kid} is to be in Secret {name}, which does not exist in the gate's namespace: make it with `kubectl create secret generic {name} --from-file={entry}=<key file>`"
        );
        return Err((Reason::SecretNotFound, message));
    };
    let Some(text) = secret.get(entry) else {
        let message = format!(
            "key {kid} is to be in entry {entry} of Secret {name}, which has no such entry: name the entry in secretRef.key"
        );
        return Err((Reason::SecretEntryNotFound, message));
    };
    let jwk = Jwk::parse(text).map_err(|error| {
        let message = format!("entry {entry} of Secret {name}, for key {kid}: {error}");
        (reason(&error), message)
    })?;
    if jwk.kid().as_str() != kid {
        let message = format!(
            "the key in entry {entry} of Secret {name} is named {}, and tokens carry that name: write kid: {} in place of {kid}",
            jwk.kid(),
            jwk.kid()
        );
        return Err((Reason::KeyNameMismatch, message));
    }
    Ok(jwk)
}

fn reason(error: &JwkError) -> Reason {
    match error {
        JwkError::Key(KeyError::ShortSecret { .. }) => Reason::KeyTooShort,
        // Another type of key, or an algorithm that is not for it.
        JwkError::Member {
            member: "kty" | "crv" | "alg",
            ..
        } => Reason::KeyUnsupported,
        _ => Reason::KeyInvalid,
    }
}
