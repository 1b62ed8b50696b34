//! What an upstream tells about a request.

use http::request::Parts;
use serde::{Deserialize, Serialize};

/// A request as the upstream saw it; the JSON body of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The name of the upstream that answered.
    pub who: String,
    /// The method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The `Host` header or `:authority`.
    pub authority: String,
    /// All other headers in the order they came, names in lower case; what is not UTF-8 is
    /// replaced.
    pub headers: Vec<(String, String)>,
    /// The length of the body in bytes; 0 in [`Upstream::requests`](super::Upstream::requests),
    /// which remembers heads only.
    pub body: usize,
}

impl Seen {
    /// What `who` saw of the request with this head.
    pub(super) fn new(who: &str, head: &Parts) -> Self {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let host = head.headers.get(http::header::HOST).map(text);
        let authority = head.uri.authority().map(ToString::to_string).or(host);
        Self {
            who: who.to_owned(),
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            authority: authority.unwrap_or_default(),
            headers: head
                .headers
                .iter()
                .filter(|(name, _)| *name != http::header::HOST)
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: 0,
        }
    }

    /// All values of the header `name`, given in lower case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(of, _)| of == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}
