//! Checks that send requests through the edge.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::parts::{DNS_NAME, is_default};

/// One request, and what must come back. `${name}` in the path, the headers, the body and in what is
/// expected stands for what an earlier step has captured; `$${` for `${` itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpStep {
    /// One of the drill's hosts; the first of its routes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub host: Option<String>,

    /// The method.
    #[serde(default = "default_method")]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Z]+$"))]
    pub method: String,

    /// Path and query.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 2048))]
    pub path: String,

    /// Headers of the request. What it says about drills is drillgate's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,

    /// The body of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub body: Option<String>,

    /// What must come back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expect: HttpExpect,

    /// What is kept of the answer for later steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub capture: Vec<Capture>,
}

/// What must come back: all of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpExpect {
    /// One of these statuses; any 2xx if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        with = "Vec<i32>",
        length(max = 16),
        inner(range(min = 100, max = 599)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub status: Vec<u16>,

    /// Headers with exactly these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,

    /// A text that the body contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub body: Option<String>,

    /// What the body, as JSON, has where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub json: Vec<JsonExpect>,

    /// A JSON Schema that the body, as JSON, satisfies. References out of it are not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub schema: Option<Value>,

    /// How many milliseconds it may take until the whole answer is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 3_600_000))]
    pub max_millis: Option<u32>,
}

/// What the JSON of a body has at a place: exactly one of equals, matches and exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonExpect {
    /// The place, as a JSONPath (RFC 9535): `$.items[0].state`. Where it names several values, all
    /// of them must be as wanted, and at least one must be there.
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,

    /// The value, any JSON.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "any_json")]
    pub equals: Option<Value>,

    /// A regular expression that finds something in the value as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,

    /// Whether there is anything at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// What is kept of an answer: from its JSON or from a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// What later steps call it. One whose name says that it is a secret (token, password, session,
    /// key and the like) is shown nowhere.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// The first value at this JSONPath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub json: Option<String>,

    /// The value of this header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,
}

impl Default for HttpStep {
    fn default() -> HttpStep {
        HttpStep {
            host: None,
            method: default_method(),
            path: default_path(),
            headers: BTreeMap::new(),
            body: None,
            expect: HttpExpect::default(),
            capture: Vec::new(),
        }
    }
}

fn default_method() -> String {
    "GET".to_owned()
}

fn default_path() -> String {
    "/".to_owned()
}

/// A member that is there with null is there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 8192},
    })
}

pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn any_json(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}
