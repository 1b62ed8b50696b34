//! Whether an answer is as it must be: a function of the two.

use http::{HeaderMap, StatusCode};
use jsonpath_rust::JsonPath;
use jsonschema::PatternOptions;
use regex::Regex;
use serde_json::Value;

use super::capture::{Captures, as_text};
use crate::api::{HttpExpect, JsonExpect};

/// How many violations of a schema are told.
const TOLD: usize = 3;

/// How much of a value is told in a sentence, in characters.
const SHOWN: usize = 120;

/// What came back, as expectations look at it.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// Why the body is no JSON, or the JSON that it is.
    pub(super) json: &'a Result<Value, String>,
    pub(super) millis: u128,
}

/// What is not as it must be, a sentence each.
pub(super) fn failures(
    expect: &HttpExpect,
    answer: &Answer<'_>,
    captures: &Captures,
) -> Vec<String> {
    let mut failures = Vec::new();
    failures.extend(status(expect, answer.status));
    for (name, wanted) in &expect.headers {
        failures.extend(header(name, wanted, answer.headers, captures));
    }
    failures.extend(body(expect, answer.body, captures));
    let wanted = Content {
        json: &expect.json,
        schema: expect.schema.as_ref(),
        max_millis: expect.max_millis,
    };
    failures.extend(content(&wanted, answer.json, answer.millis, captures));
    failures
}

/// What is wanted of an answer whichever way it has come.
pub(super) struct Content<'a> {
    pub(super) json: &'a [JsonExpect],
    pub(super) schema: Option<&'a Value>,
    pub(super) max_millis: Option<u32>,
}

/// What of that is not as it must be, a sentence each. `answer` is its JSON, or why there is none.
pub(super) fn content(
    wanted: &Content<'_>,
    answer: &Result<Value, String>,
    millis: u128,
    captures: &Captures,
) -> Vec<String> {
    let mut failures = Vec::new();
    for wanted in wanted.json {
        failures.extend(json(wanted, answer, captures));
    }
    if let Some(schema) = wanted.schema {
        failures.extend(satisfies(schema, answer));
    }
    if let Some(most) = wanted.max_millis.filter(|most| millis > u128::from(*most)) {
        failures.push(format!(
            "it took {millis} ms, and at most {most} ms are wanted"
        ));
    }
    failures
}

fn status(expect: &HttpExpect, status: StatusCode) -> Option<String> {
    let wanted = &expect.status;
    if wanted.is_empty() {
        let fits = status.is_success();
        return (!fits).then(|| format!("the status is {}, and a 2xx is wanted", status.as_u16()));
    }
    let fits = wanted.contains(&status.as_u16());
    let all: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    (!fits).then(|| {
        let all = all.join(" or ");
        format!("the status is {}, and {all} is wanted", status.as_u16())
    })
}

fn header(name: &str, wanted: &str, headers: &HeaderMap, captures: &Captures) -> Option<String> {
    let wanted = match captures.fill(wanted) {
        Ok(wanted) => wanted,
        Err(why) => return Some(why),
    };
    let values: Vec<_> = headers.get_all(name).into_iter().collect();
    if values
        .iter()
        .any(|value| value.as_bytes() == wanted.as_bytes())
    {
        return None;
    }
    let Some(value) = values.first() else {
        return Some(format!(
            "header {name} is missing, and {wanted:?} is wanted"
        ));
    };
    if super::mask::is_secret_header(name) {
        return Some(format!("header {name} has another value than is wanted"));
    }
    let value = String::from_utf8_lossy(value.as_bytes());
    Some(format!(
        "header {name} is {:?}, and {wanted:?} is wanted",
        short(&value)
    ))
}

fn body(expect: &HttpExpect, body: &[u8], captures: &Captures) -> Option<String> {
    let wanted = match captures.fill(expect.body.as_deref()?) {
        Ok(wanted) => wanted,
        Err(why) => return Some(why),
    };
    let has = String::from_utf8_lossy(body).contains(&wanted);
    (!has).then(|| format!("the body does not contain {:?}", short(&wanted)))
}

fn json(wanted: &JsonExpect, json: &Result<Value, String>, captures: &Captures) -> Option<String> {
    let path = &wanted.path;
    let json = match json {
        Ok(json) => json,
        Err(why) => return Some(format!("{path}: {why}")),
    };
    let found = match json.query(path) {
        Ok(found) => found,
        Err(error) => return Some(format!("{path} is no JSONPath: {error}")),
    };
    let failure = judge(wanted, &found, captures);
    failure.map(|failure| format!("{path} {failure}"))
}

fn judge(wanted: &JsonExpect, found: &[&Value], captures: &Captures) -> Option<String> {
    match wanted.exists {
        Some(false) => {
            let is = found.first()?;
            return Some(format!("is {}, and must not be there", shown(is)));
        }
        _ if found.is_empty() => return Some("is not there".to_owned()),
        _ => {}
    }
    if let Some(equals) = &wanted.equals {
        let equals = match captures.fill_json(equals) {
            Ok(equals) => equals,
            Err(why) => return Some(why),
        };
        let other = found.iter().find(|is| !same(is, &equals))?;
        return Some(format!(
            "is {}, and {} is wanted",
            shown(other),
            shown(&equals)
        ));
    }
    let pattern = wanted.matches.as_deref()?;
    let pattern = match captures.fill_with(pattern, |value| regex::escape(&value)) {
        Ok(pattern) => pattern,
        Err(why) => return Some(why),
    };
    let regex = match Regex::new(&pattern) {
        Ok(regex) => regex,
        Err(error) => return Some(format!("cannot be matched: {error}")),
    };
    let other = found.iter().find(|is| !regex.is_match(&as_text(is)))?;
    Some(format!(
        "is {}, which {pattern} does not match",
        shown(other)
    ))
}

/// Whether two values are the same; 1 and 1.0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().is_some_and(|one| Some(one) == other.as_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

fn satisfies(schema: &Value, json: &Result<Value, String>) -> Vec<String> {
    let json = match json {
        Ok(json) => json,
        Err(why) => return vec![format!("the schema: {why}")],
    };
    let validator = match validator(schema) {
        Ok(validator) => validator,
        Err(why) => return vec![why],
    };
    let mut failures: Vec<String> = validator
        .iter_errors(json)
        .map(|error| {
            let place = error.instance_path().as_str().to_owned();
            format!("the schema: {}{}", place, short(&format!(" {error}")))
        })
        .take(TOLD + 1)
        .collect();
    if failures.len() > TOLD {
        failures.truncate(TOLD);
        failures.push("the schema is violated at more places".to_owned());
    }
    failures
}

/// A schema that is ready to judge. Its patterns take no longer than the text is long.
///
/// # Errors
/// Why it is none.
pub(super) fn validator(schema: &Value) -> Result<jsonschema::Validator, String> {
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    let built = options.build(schema);
    built.map_err(|error| format!("the schema is none: {error}"))
}

fn shown(value: &Value) -> String {
    short(&value.to_string())
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::{Value, json};

    use super::{Answer, failures};
    use crate::checks::capture::Captures;
    use crate::checks::mask::Mask;

    fn judged(expect: &str, status: u16, body: &str) -> Vec<String> {
        let expect = serde_saphyr::from_str(expect).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("7"));
        headers.insert("set-cookie", HeaderValue::from_static("sid=1"));
        let json = serde_json::from_str::<Value>(body).map_err(|_| "no JSON".to_owned());
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: body.as_bytes(),
            json: &json,
            millis: 20,
        };
        let mut captures = Captures::default();
        let id = serde_saphyr::from_str("{name: id, json: $.id}").unwrap();
        captures.keep(
            &[id],
            (&headers, Some(&json!({"id": 42}))),
            &mut Mask::default(),
        );
        failures(&expect, &answer, &captures)
    }

    const ORDER: &str = r#"{"id": 42, "total": 7.0, "note": null, "items": [{"state": "paid"}, {"state": "sent"}]}"#;

    #[test]
    fn what_is_as_wanted_passes() {
        for expect in [
            "{}",
            "status: [404, 200]",
            "headers: {ETag: '7'}",
            "body: paid",
            "json: [{path: $.id, equals: 42}, {path: $.total, equals: 7}, {path: $.note, equals: null}]",
            "json: [{path: $.id, equals: '${id}'}, {path: $.id, matches: '^${id}$'}]",
            "json: [{path: '$.items[*].state', matches: '^(paid|sent)$'}]",
            "json: [{path: $.id, exists: true}, {path: $.error, exists: false}]",
            "schema: {type: object, required: [id], properties: {id: {type: integer}}}",
            "maxMillis: 20",
        ] {
            assert_eq!(judged(expect, 200, ORDER), Vec::<String>::new(), "{expect}");
        }
    }

    #[test]
    fn what_is_not_is_told_with_what_was_found_and_what_was_wanted() {
        for (expect, told) in [
            (
                "status: [201, 202]",
                "the status is 200, and 201 or 202 is wanted",
            ),
            (
                "headers: {etag: '8'}",
                "header etag is \"7\", and \"8\" is wanted",
            ),
            (
                "headers: {x-a: b}",
                "header x-a is missing, and \"b\" is wanted",
            ),
            (
                "headers: {set-cookie: a}",
                "header set-cookie has another value than is wanted",
            ),
            ("body: lost", "the body does not contain \"lost\""),
            (
                "json: [{path: $.id, equals: '42'}]",
                "$.id is 42, and \"42\" is wanted",
            ),
            (
                "json: [{path: $.none, equals: null}]",
                "$.none is not there",
            ),
            (
                "json: [{path: $.note, exists: false}]",
                "$.note is null, and must not be there",
            ),
            (
                "json: [{path: '$.items[*].state', equals: paid}]",
                "$.items[*].state is \"sent\", and \"paid\" is wanted",
            ),
            (
                "json: [{path: $.id, matches: '^9'}]",
                "$.id is 42, which ^9 does not match",
            ),
            (
                "json: [{path: $.id, equals: '${no}'}]",
                "$.id ${no} was captured by no earlier step",
            ),
            (
                "maxMillis: 19",
                "it took 20 ms, and at most 19 ms are wanted",
            ),
            (
                "schema: {properties: {id: {type: string}}}",
                "the schema: /id 42 is not of type \"string\"",
            ),
        ] {
            assert_eq!(judged(expect, 200, ORDER), [told], "{expect}");
        }
        assert_eq!(
            judged("{}", 503, ""),
            ["the status is 503, and a 2xx is wanted"]
        );
        let no_json = judged("json: [{path: $.a, exists: true}]", 200, "<html>");
        assert_eq!(no_json, ["$.a: no JSON"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_and_of_a_schema_the_first_few() {
        let schema = "{status: [404], body: x9, schema: {properties: {id: {type: string}, total: {type: string}, items: {type: string}, note: {type: string}}}}";
        assert_eq!(judged(schema, 200, ORDER).len(), 6);
    }
}
