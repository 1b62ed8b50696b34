//! Configurations: good ones, nearly good ones, and any text.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::SigningKey;
use serde_json::{Value, json};

use crate::moment::Moment;

use super::inputs::NOW;

/// The first two are in the active list, the third is in nobody's.
pub const DRILLS: [&str; 3] = [
    "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f",
    "0b8f7a52-59a3-4c55-8a63-5f7e4f0f2a11",
    "99999999-59a3-4c55-8a63-5f7e4f0f2a11",
];
pub const ENVIRONMENTS: [&str; 2] = ["orders-dr", "billing-dr"];
pub const ROUTE_KEYS: [&str; 2] = ["mzxw6ytboi4dinzsgy3tqobzga", "abcdefghijklmnopqrstuvwxyz"];

/// The public key of the seed 2.
pub static PUBLIC: LazyLock<String> = LazyLock::new(|| public(2));

pub fn public(seed: u8) -> String {
    let key = SigningKey::ed25519("ed".parse().unwrap(), &[seed; 32]).unwrap();
    URL_SAFE_NO_PAD.encode(key.public_bytes().unwrap())
}

pub fn secret(byte: u8) -> String {
    URL_SAFE_NO_PAD.encode([byte; 32])
}

#[derive(Arbitrary, Debug)]
pub enum Config<'a> {
    Good(Settings),
    /// A good one with one byte changed.
    Touched(Settings, u16, u8),
    Any(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
pub struct Settings {
    pub log: bool,
    pub filter_state: bool,
    pub own_domain: bool,
    /// Skew and greatest age.
    pub limits: Option<(u8, u16)>,
    pub ends: [Moment; 2],
    pub owned: [bool; 2],
}

impl Config<'_> {
    pub fn text(&self) -> Vec<u8> {
        match self {
            Config::Good(settings) => settings.json().to_string().into_bytes(),
            Config::Touched(settings, at, byte) => {
                let mut text = settings.json().to_string().into_bytes();
                let at = usize::from(*at) % text.len();
                text[at] = *byte;
                text
            }
            Config::Any(text) => text.to_vec(),
        }
    }
}

impl Settings {
    fn json(&self) -> Value {
        let drill = |n: usize| {
            let mut drill = json!({
                "environment": ENVIRONMENTS[0],
                "routeKey": ROUTE_KEYS[n],
                "notAfter": NOW + self.ends[n].offset(),
                "mode": if self.owned[n] { "owned" } else { "authority" },
            });
            if self.owned[n] {
                drill["hosts"] = json!(["orders.example.com", "10.0.0.1"]);
            }
            json!([drill])
        };
        let (skew, max_age) = self.limits.unwrap_or((30, 3599));
        json!({
            "version": 1,
            "generation": 7,
            "domain": if self.own_domain { "drill.example.com" } else { "drill.internal" },
            "skewSeconds": skew % 61,
            "maxAgeSeconds": i64::from(max_age) + 1,
            "keys": {
                "hs": {"alg": "HS256", "secret": secret(1)},
                "ed": {"alg": "Ed25519", "publicKey": *PUBLIC},
            },
            "drills": {DRILLS[0]: drill(0), DRILLS[1]: drill(1)},
            "audit": {"log": self.log, "filterState": self.filter_state, "level": "info"},
        })
    }
}
