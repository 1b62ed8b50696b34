//! What later steps know of earlier ones: `${name}`.

use std::collections::BTreeMap;

use http::HeaderMap;
use jsonpath_rust::JsonPath;
use serde_json::Value;

use super::mask::{Mask, is_secret, is_secret_header};
use crate::api::Capture;

/// The values that were kept, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Captures(BTreeMap<String, Value>);

/// A piece of a text with references in it.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

impl Captures {
    /// Keeps what `wanted` says of an answer, and hides it where it is a secret. Gives what is not
    /// there, in sentences.
    pub(super) fn keep(
        &mut self,
        wanted: &[Capture],
        (headers, body): (&HeaderMap, Option<&Value>),
        mask: &mut Mask,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        for capture in wanted {
            match value(capture, headers, body) {
                Ok(value) => {
                    let header = capture.header.as_deref();
                    if is_secret(&capture.name) || header.is_some_and(is_secret_header) {
                        mask.hide(&as_text(&value));
                    }
                    self.0.insert(capture.name.clone(), value);
                }
                Err(why) => missing.push(format!("nothing to capture as {}: {why}", capture.name)),
            }
        }
        missing
    }

    /// `text` with the values in the place of their names; `shape` makes of each value what may
    /// stand there.
    ///
    /// # Errors
    /// The name that nothing was captured as.
    pub(super) fn fill_with(
        &self,
        text: &str,
        shape: impl Fn(String) -> String,
    ) -> Result<String, String> {
        let mut filled = String::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) => filled.push_str(&shape(as_text(self.of(name)?))),
            }
        }
        Ok(filled)
    }

    /// `text` with the values as they are.
    ///
    /// # Errors
    /// The name that nothing was captured as.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        self.fill_with(text, |value| value)
    }

    /// JSON with the values in all its texts. A text that is one name and nothing else becomes the
    /// value itself: a number stays one.
    ///
    /// # Errors
    /// The name that nothing was captured as.
    pub(super) fn fill_json(&self, json: &Value) -> Result<Value, String> {
        Ok(match json {
            Value::String(text) => match &pieces(text)?[..] {
                [Piece::Name(name)] => self.of(name)?.clone(),
                _ => Value::String(self.fill(text)?),
            },
            Value::Array(items) => {
                let items = items.iter().map(|item| self.fill_json(item));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.iter();
                let filled =
                    members.map(|(name, value)| Ok((name.clone(), self.fill_json(value)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    fn of(&self, name: &str) -> Result<&Value, String> {
        let value = self.0.get(name);
        value.ok_or_else(|| format!("${{{name}}} was captured by no earlier step"))
    }
}

/// The names that a text refers to.
///
/// # Errors
/// What is no reference, though it begins like one.
pub(super) fn names(text: &str) -> Result<Vec<&str>, String> {
    let pieces = pieces(text)?.into_iter();
    let names = pieces.filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    });
    Ok(names.collect())
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        // Doubled, it stands for itself.
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}') else {
            return Err("`${` has no end: write `$${` for the two characters".to_owned());
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Name(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn value(capture: &Capture, headers: &HeaderMap, body: Option<&Value>) -> Result<Value, String> {
    if let Some(name) = &capture.header {
        let value = headers.get(name.as_str());
        let value = value.ok_or_else(|| format!("the answer has no header {name}"))?;
        return Ok(Value::String(
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ));
    }
    let path = capture.json.as_deref().unwrap_or("$");
    let body = body.ok_or("the body is not JSON")?;
    let found = body.query(path).map_err(|error| error.to_string())?;
    let first = found.first().copied().cloned();
    first.ok_or_else(|| format!("the body has nothing at {path}"))
}

/// A value as it stands in a text: a string without its quotes.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::{Captures, names};
    use crate::api::Capture;
    use crate::checks::mask::Mask;

    fn capture(text: &str) -> Capture {
        serde_saphyr::from_str(text).unwrap()
    }

    fn kept() -> (Captures, Mask) {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/orders/42"));
        let body = json!({"id": 42, "items": [{"name": "a b"}], "token": "s3cret"});
        let wanted = [
            "{name: id, json: $.id}",
            "{name: item, json: '$.items[*].name'}",
            "{name: token, json: $.token}",
            "{name: where, header: Location}",
        ];
        let (mut captures, mut mask) = (Captures::default(), Mask::default());
        let missing = captures.keep(&wanted.map(capture), (&headers, Some(&body)), &mut mask);
        assert!(missing.is_empty(), "{missing:?}");
        (captures, mask)
    }

    #[test]
    fn names_are_filled_in_and_doubled_ones_are_not() {
        let (captures, _) = kept();
        for (text, filled) in [
            ("${where}?a=${id}&b=${item}", "/orders/42?a=42&b=a b"),
            ("no names, $ and }", "no names, $ and }"),
            ("$${id} costs $5", "${id} costs $5"),
        ] {
            assert_eq!(captures.fill(text).unwrap(), filled);
        }
        let unknown = captures.fill("/${nothing}").unwrap_err();
        assert_eq!(unknown, "${nothing} was captured by no earlier step");
        assert!(captures.fill("/${id").is_err());
    }

    #[test]
    fn in_json_a_name_alone_keeps_the_kind_of_its_value() {
        let (captures, _) = kept();
        let filled = captures.fill_json(&json!({"id": "${id}", "all": ["n${id}", null, 7]}));
        assert_eq!(filled.unwrap(), json!({"id": 42, "all": ["n42", null, 7]}));
    }

    #[test]
    fn what_is_called_a_secret_is_hidden_from_then_on() {
        let (captures, mask) = kept();
        let text = captures.fill("${token} of ${id}").unwrap();
        assert_eq!(mask.apply(&text), "(masked) of 42");
    }

    #[test]
    fn what_is_not_there_is_told_by_name() {
        let (mut captures, mut mask) = (Captures::default(), Mask::default());
        let wanted = ["{name: a, header: x-a}", "{name: b, json: $.b}"].map(capture);
        let missing = captures.keep(&wanted, (&HeaderMap::new(), Some(&json!({}))), &mut mask);
        assert_eq!(
            missing,
            [
                "nothing to capture as a: the answer has no header x-a",
                "nothing to capture as b: the body has nothing at $.b"
            ]
        );
    }

    #[test]
    fn the_names_in_a_text_are_known_before_it_is_filled() {
        assert_eq!(names("${a}/$${b}/${c}").unwrap(), ["a", "c"]);
        assert!(names("${").is_err());
    }
}
