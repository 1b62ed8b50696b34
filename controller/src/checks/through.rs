//! Questions to the service behind the drill's route, whose answer is JSON.

use std::fmt;

use futures::future::BoxFuture;
use jsonpath_rust::JsonPath;
use serde_json::Value;

use crate::api::EdgeQuestion;

/// Which way a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With a signed context: the sandbox answers, or nobody does.
    Drill,
    /// As any user's request, without the header: production answers.
    Ordinary,
}

/// Who puts questions to the edge.
pub trait ThroughEdge: fmt::Debug + Send + Sync {
    /// The JSON that `host` answers at `path`; nothing where it answers 404. Whatever else is not
    /// the answer of whoever was asked is an error, in words.
    fn get_json<'a>(
        &'a self,
        way: Way,
        host: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>>;
}

/// What `question` picks out of the answer to `path`, as texts; nothing of an answer with 404.
///
/// # Errors
/// In words: why there is no answer, or what is wrong with the question.
pub(super) async fn asked(
    edge: Option<&dyn ThroughEdge>,
    way: Way,
    question: &EdgeQuestion,
    path: &str,
) -> Result<Vec<String>, String> {
    let edge =
        edge.ok_or("the address of the edge is not known, and the service is to be asked")?;
    match edge.get_json(way, &question.host, path).await? {
        Some(answer) => picked(&answer, &question.json),
        None => Ok(Vec::new()),
    }
}

fn picked(answer: &Value, path: &str) -> Result<Vec<String>, String> {
    let found = answer
        .query(path)
        .map_err(|error| format!("{path} is no JSONPath: {error}"))?;
    Ok(found.into_iter().map(text).collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::picked;

    #[test]
    fn texts_are_picked_as_they_are_and_the_rest_as_json() {
        let answer = json!({"version": "0007", "orders": [{"id": 1}, {"id": 2}], "ok": true});
        assert_eq!(picked(&answer, "$.version").unwrap(), ["0007"]);
        assert_eq!(picked(&answer, "$.orders[*].id").unwrap(), ["1", "2"]);
        assert_eq!(picked(&answer, "$.ok").unwrap(), ["true"]);
        assert!(picked(&answer, "$.none").unwrap().is_empty());
        assert!(picked(&answer, "$[").unwrap_err().contains("no JSONPath"));
    }
}
