//! A gate with one drill: its keys, the filter's configuration, and tokens for it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::{Claims, HEADER_NAME, SigningKey, TokenType, sign};
use drillgate::keyfile::Jwk;
use drillgate::lab::{Drill, Edge, Request};
use serde_json::{Value, json};

use crate::harness::{Harness, SANDBOX};
use crate::module::module;

/// The drill's UUID.
pub const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";

/// The environment that the drill is in.
pub const ENVIRONMENT: &str = "orders-dr";

/// The service that the drill covers.
pub const HOST: &str = "orders.example.com";

/// The random part of the drill's host.
pub const ROUTE_KEY: &str = "mzxw6ytboi4dinzsgy3tqobzga";

/// The `kid` of the gate's HS256 key.
pub const HS256: &str = "suite-hs256";

/// The `kid` of the gate's Ed25519 key.
pub const ED25519: &str = "suite-ed25519";

const SECRET: [u8; 32] = [7; 32];

/// The wall clock, in seconds of the Unix epoch: the edge's own, as it runs on this machine.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// One of the gate's keys, or a key that the gate does not have.
pub fn key(kid: &str) -> SigningKey {
    let kid = kid.parse().unwrap();
    match kid {
        kid if kid == ED25519.parse().unwrap() => SigningKey::ed25519(kid, &SECRET).unwrap(),
        kid => SigningKey::hs256(kid, &SECRET).unwrap(),
    }
}

/// The gate's HS256 key as a client has it.
pub fn jwk() -> Jwk {
    Jwk::hs256(HS256.parse().unwrap(), &SECRET).unwrap()
}

/// The filter's configuration with these active drills, a map by UUID.
pub fn configuration(generation: u64, drills: Value) -> Value {
    let public = key(ED25519).public_bytes().unwrap();
    json!({
        "version": 1,
        "generation": generation,
        "keys": {
            HS256: {"alg": "HS256", "secret": URL_SAFE_NO_PAD.encode(SECRET)},
            ED25519: {"alg": "Ed25519", "publicKey": URL_SAFE_NO_PAD.encode(public)},
        },
        "drills": drills,
    })
}

/// The filter's configuration with the drill, active for an hour.
pub fn good(generation: u64) -> Value {
    configuration(generation, active())
}

/// The active list with the drill in it, for an hour.
pub fn active() -> Value {
    active_until(now() + 3600)
}

/// The active list with the drill in it, until `not_after`.
pub fn active_until(not_after: i64) -> Value {
    json!({DRILL: [{"environment": ENVIRONMENT, "routeKey": ROUTE_KEY, "notAfter": not_after}]})
}

/// Fresh claims for the drill.
pub fn claims() -> Claims {
    Claims::new(DRILL.parse().unwrap(), ENVIRONMENT.parse().unwrap(), now())
}

/// A fresh token for the drill, signed with the gate's HS256 key.
pub fn token() -> String {
    signed(&claims())
}

/// A token of these claims, signed with the gate's HS256 key.
pub fn signed(claims: &Claims) -> String {
    sign(&key(HS256), TokenType::Drill, claims)
}

/// A fresh token whose signature does not match.
pub fn forged() -> String {
    tampered(token())
}

/// `token` with a signature that does not match.
pub fn tampered(mut token: String) -> String {
    let last = if token.pop() == Some('A') { 'E' } else { 'A' };
    token.push(last);
    token
}

/// A GET for the drill's host with a fresh token.
pub fn drill_request(path: &str) -> Request {
    Request::get(HOST, path).header(HEADER_NAME, token())
}

/// What a probe learns from `harness`: the generation of the configuration in use, and how many
/// drills are active.
pub async fn probe(harness: &Harness) -> (u64, u64) {
    let token = sign(&key(HS256), TokenType::Probe, &claims());
    let request = Request::get(HOST, "/").header(HEADER_NAME, token);
    let answer: Value = serde_json::from_slice(&harness.send(&request).await.body).unwrap();
    let number = |name: &str| answer[name].as_u64().unwrap();
    (number("generation"), number("activeDrills"))
}

/// The drill's routes.
pub fn drill() -> Drill {
    Drill::new(ROUTE_KEY, HOST, SANDBOX)
}

/// Gives `edge` the filter and the drill, active for an hour.
pub fn drilled(edge: &mut Edge) {
    edge.filter = module(good(1));
    edge.drills = vec![drill()];
}

/// An edge with the filter and the drill, active for an hour; `prepare` changes it before Envoy
/// starts.
pub async fn gate(prepare: impl FnOnce(&mut Edge)) -> Harness {
    Harness::start(|edge| {
        drilled(edge);
        prepare(edge);
    })
    .await
}
