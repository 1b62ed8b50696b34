//! What the tables of HTTP/2 share: each row changes the fields or the frames of one request.

use crate::frames::{self, Field, field, headers};
use crate::stand::{Ends, Sent, Stand, assert_ends_by, sent};

/// As an HTTP/2 answer tells it: the verdict `routed` is in no body.
pub const BY_RULES: Ends = ["200 production", "200 sandbox", "403 bad-signature"];

/// Envoy ends the connection over it.
pub const CLOSED: Ends = ["closed"; 3];

/// The largest frame that every server takes.
pub const FRAME: usize = 16384;

/// What a row makes of the fields of a request: the frames that it sends on stream 1.
pub type Frames = fn(Vec<Field>) -> Vec<u8>;

/// The three requests of each row of `table`.
pub fn rows(stand: &Stand, method: &str, table: &[(&str, Frames, Ends)]) -> Vec<Sent> {
    let row = |(name, frames, ends): &(&str, Frames, Ends)| {
        let requests = stand.contexts.iter().zip(*ends).map(|(context, end)| {
            let fields = frames::request(method, "/", context.as_deref());
            sent(format!("{name}, {context:?}"), frames(fields), end)
        });
        requests.collect::<Vec<_>>()
    };
    table.iter().flat_map(row).collect()
}

/// Sends all of `requests`, each on a connection of its own, and gives their ends after it has
/// asserted them.
pub async fn assert_ends(stand: &Stand, requests: Vec<Sent>) -> Vec<String> {
    let address = stand.harness.address();
    let answer = move |bytes: Vec<u8>| async move { frames::outcome(address, &bytes, 1).await };
    assert_ends_by(answer, requests).await
}

/// As [`assert_ends`], then asserts that the upstreams got what they answered and no other.
pub async fn assert_all(stand: &Stand, requests: Vec<Sent>) {
    let ends = assert_ends(stand, requests).await;
    stand.assert_arrived(&ends).await;
}

/// A request without a body, in one frame unless it is long.
pub fn whole(fields: &[Field]) -> Vec<u8> {
    headers(1, fields, true, FRAME)
}

/// The same with one field more.
pub fn with(mut fields: Vec<Field>, name: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    fields.push(field(name, value));
    whole(&fields)
}
