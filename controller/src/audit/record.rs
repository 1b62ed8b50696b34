//! One drill request, as the edge has recorded it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What an audit record says. A field that is not known is absent; one that is not known here is
/// left out. `docs/siem.md` says what each means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// `routed`, `sandbox-unreachable`, `unanswered`, `probe` or `refused`.
    pub verdict: String,
    /// The code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The drill's UUID, from a token whose signature has held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<String>,
    /// The drill's environment, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The key that the token was signed with, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The token's own name, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The host that the request named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Its path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status that the client got.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "number")]
    pub status: Option<u64>,
    /// Envoy's own reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_details: Option<String>,
    /// Where the request was steered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_cluster: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "number")]
    pub duration_ms: Option<u64>,
    /// The gateway's name for the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who sent it, as the gateway sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// The number of the filter's configuration.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "number")]
    pub generation: Option<u64>,
}

/// The names under which an access log has the fields that are not called as in the record: the
/// keys of the filter state.
const OF_FILTER_STATE: [(&str, &str); 7] = [
    ("drill_verdict", "verdict"),
    ("drill_reason", "reason"),
    ("drill_id", "drill"),
    ("drill_environment", "environment"),
    ("drill_key", "kid"),
    ("drill_token", "jti"),
    ("drill_generation", "generation"),
];

impl Record {
    /// The record that the filter itself has written.
    pub(super) fn of_filter(object: &Map<String, Value>) -> Option<Record> {
        let is_one = object.get("event").and_then(Value::as_str) == Some("drill-request");
        let record = is_one.then(|| Record::deserialize(object).ok()).flatten()?;
        (!record.verdict.is_empty()).then_some(record)
    }

    /// The record of an access log that has the filter state under its own keys. Envoy writes a
    /// field that is not known as `-`, or null, or as an empty text.
    pub(super) fn of_access_log(object: &Map<String, Value>) -> Option<Record> {
        let known = |value: &&Value| !matches!(value.as_str(), Some("" | "-")) && !value.is_null();
        object.get("drill_verdict").filter(known)?;
        let mut fields = Map::new();
        for (name, value) in object.iter().filter(|(_, value)| known(value)) {
            let renamed = OF_FILTER_STATE.iter().find(|(key, _)| key == name);
            let name = renamed.map_or(name.as_str(), |(_, field)| field);
            fields.insert(name.to_owned(), value.clone());
        }
        Record::deserialize(&fields).ok()
    }
}

/// A number, or a text of digits: access logs write both.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let read = match &value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    Ok(read)
}
