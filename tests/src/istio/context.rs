//! Contexts for the drills of a stage, and requests with them.

use drill_context::{Claims, HEADER_NAME, TokenType, sign};
use drillgate::lab::Request;

use crate::gate::{self, now};

/// The environment of a stage's drills.
pub const ENVIRONMENT: &str = "orders-dr";

/// The `kid` of the key that a stage's gate has.
pub const KEY: &str = "ci";

/// A GET of the drilled host with a fresh context for the drill `id`.
pub fn drill_request(id: &str) -> Request {
    request_with(&claims(id))
}

/// The claims of a fresh context for the drill `id`.
pub fn claims(id: &str) -> Claims {
    let environment = ENVIRONMENT.parse().expect("a label");
    Claims::new(id.parse().expect("a UUID"), environment, now())
}

/// A GET of the drilled host with a context of these claims.
pub fn request_with(claims: &Claims) -> Request {
    Request::get("orders.example.com", "/drill").header(HEADER_NAME, signed(claims, KEY))
}

/// These claims, signed with the key of this `kid`; [`KEY`] is the one that a stage's gate has.
pub fn signed(claims: &Claims, kid: &str) -> String {
    sign(&gate::key(kid), TokenType::Drill, claims)
}
