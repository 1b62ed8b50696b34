//! The token verifier, met from two sides: with raw bytes, and with tokens that are nearly right.

pub mod bytes;
mod json;
mod keys;
mod members;
mod oracle;
pub mod structured;

use drill_context::{Claims, Limits, Reason, single_value, verify};

/// The time at which tokens are verified.
const NOW: i64 = 1_790_000_000;
const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
const ENVIRONMENT: &str = "orders-dr";

/// The product: from the header's fields to claims that hold now.
fn accept(fields: &[&[u8]], now: i64) -> Result<Claims, Reason> {
    thread_local!(static KEYRING: drill_context::Keyring = keys::keyring());
    let value = single_value(fields.iter().copied())?;
    let claims = KEYRING.with(|keyring| verify(value, keyring))?.claims()?;
    Limits::default().check(&claims, now)?;
    Ok(claims)
}

/// The product and the oracle must say the same of these fields.
fn compare(fields: &[&[u8]], now: i64) -> Result<Claims, Reason> {
    let verdict = accept(fields, now);
    let shown = || {
        let lossy = |field: &&[u8]| String::from_utf8_lossy(field).into_owned();
        fields.iter().map(lossy).collect::<Vec<_>>()
    };
    match (oracle::judge(fields, now), &verdict) {
        (oracle::Judgement::Either, _) | (oracle::Judgement::Refuse, Err(_)) => {}
        (oracle::Judgement::Accept(seen), Ok(claims)) => {
            assert_eq!(seen, oracle::Seen::of(claims), "{:?}", shown());
        }
        (judgement, verdict) => panic!("{judgement:?} but {verdict:?}: {:?}", shown()),
    }
    verdict
}
