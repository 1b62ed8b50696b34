//! What is wrong with a drill's checks before any of them runs.

mod databases;
mod grpc;

use std::collections::BTreeSet;

use jsonpath_rust::parser::parse_json_path;
use regex::Regex;
use serde_json::Value;

use super::capture::names;
use super::expect::validator;
use crate::api::{Capture, Check, DrillSpec, HttpStep, JsonExpect};

/// What is wrong, each with its field: hosts that are not the drill's, paths, patterns and schemas
/// that are none, and names that no earlier step has captured.
pub fn problems(spec: &DrillSpec) -> Vec<(String, String)> {
    let hosts = spec
        .routes
        .iter()
        .map(|route| route.host.as_str())
        .collect();
    let mut search = Search {
        hosts,
        found: Vec::new(),
    };
    search.databases(&spec.databases);
    let mut seen = BTreeSet::new();
    for (index, check) in spec.checks.iter().enumerate() {
        let at = format!("spec.checks[{index}]");
        if !seen.insert(&check.name) {
            search.add(
                &format!("{at}.name"),
                format!("{} is there twice", check.name),
            );
        }
        if check.kinds().count() != 1 {
            let what = format!(
                "{} has exactly one of: {}",
                check.name,
                Check::KINDS.join(", ")
            );
            search.add(&at, what);
        }
        if let Some(steps) = &check.http {
            search.steps(steps, &format!("{at}.http"));
        }
        if let Some(grpc) = &check.grpc {
            search.grpc(grpc, &format!("{at}.grpc"));
        }
        search.look(check, &spec.databases, &at);
    }
    search.found
}

struct Search<'a> {
    hosts: Vec<&'a str>,
    found: Vec<(String, String)>,
}

impl Search<'_> {
    fn add(&mut self, at: &str, what: String) {
        self.found.push((at.to_owned(), what));
    }

    fn host(&mut self, host: Option<&str>, at: &str) {
        let Some(host) = host.filter(|host| !self.hosts.contains(host)) else {
            return;
        };
        let all = self.hosts.join(", ");
        let what = format!("{host} is none of the drill's hosts, which are {all}");
        self.add(&format!("{at}.host"), what);
    }

    fn steps(&mut self, steps: &[HttpStep], at: &str) {
        let mut known = BTreeSet::new();
        for (index, step) in steps.iter().enumerate() {
            let at = format!("{at}[{index}]");
            self.host(step.host.as_deref(), &at);
            if !step.path.starts_with(['/', '$']) {
                self.add(&format!("{at}.path"), "must begin with /".to_owned());
            }
            self.texts(step, &known, &at);
            for (index, capture) in step.capture.iter().enumerate() {
                self.capture(capture, &format!("{at}.capture[{index}]"));
                known.insert(capture.name.as_str());
            }
            // What is expected may name what the same answer has brought.
            self.expected(step, &known, &format!("{at}.expect"));
        }
    }

    fn texts(&mut self, step: &HttpStep, known: &BTreeSet<&str>, at: &str) {
        self.names(&step.path, known, &format!("{at}.path"));
        let body = step.body.as_deref().unwrap_or_default();
        self.names(body, known, &format!("{at}.body"));
        for (name, value) in &step.headers {
            self.header(name, &format!("{at}.headers"));
            self.names(value, known, &format!("{at}.headers.{name}"));
        }
    }

    fn expected(&mut self, step: &HttpStep, known: &BTreeSet<&str>, at: &str) {
        let expect = &step.expect;
        for (name, value) in &expect.headers {
            self.header(name, &format!("{at}.headers"));
            self.names(value, known, &format!("{at}.headers.{name}"));
        }
        let body = expect.body.as_deref().unwrap_or_default();
        self.names(body, known, &format!("{at}.body"));
        self.content((&expect.json, expect.schema.as_ref()), known, at);
    }

    /// What is wanted of an answer whichever way it comes.
    fn content(
        &mut self,
        (json, schema): (&[JsonExpect], Option<&Value>),
        known: &BTreeSet<&str>,
        at: &str,
    ) {
        for (index, json) in json.iter().enumerate() {
            self.json(json, known, &format!("{at}.json[{index}]"));
        }
        if let Some(Err(why)) = schema.map(validator) {
            self.add(&format!("{at}.schema"), why);
        }
    }

    fn json(&mut self, json: &JsonExpect, known: &BTreeSet<&str>, at: &str) {
        self.path(&json.path, &format!("{at}.path"));
        let wanted = [
            json.equals.is_some(),
            json.matches.is_some(),
            json.exists.is_some(),
        ];
        if wanted.into_iter().filter(|is| *is).count() != 1 {
            let what = "has exactly one of: equals, matches, exists".to_owned();
            self.add(at, what);
        }
        if let Some(equals) = &json.equals {
            self.names_in(equals, known, &format!("{at}.equals"));
        }
        let pattern = json.matches.as_deref().unwrap_or_default();
        let at = format!("{at}.matches");
        match names(pattern) {
            // Whatever is put in is a text of its own.
            Ok(inside) if inside.is_empty() => {
                if let Err(error) = Regex::new(&pattern.replace("$${", "${")) {
                    self.add(&at, format!("is no regular expression: {error}"));
                }
            }
            _ => self.names(pattern, known, &at),
        }
    }

    fn capture(&mut self, capture: &Capture, at: &str) {
        match (&capture.json, &capture.header) {
            (Some(path), None) => self.path(path, &format!("{at}.json")),
            (None, Some(name)) => self.header(name, &format!("{at}.header")),
            _ => self.add(at, "has exactly one of: json, header".to_owned()),
        }
    }

    fn path(&mut self, path: &str, at: &str) {
        if parse_json_path(path).is_err() {
            self.add(
                at,
                format!("{path:?} is no JSONPath (RFC 9535), such as $.items[0].id"),
            );
        }
    }

    fn header(&mut self, name: &str, at: &str) {
        if http::HeaderName::try_from(name).is_err() {
            self.add(at, format!("{name:?} is no name of a header"));
        }
    }

    fn names(&mut self, text: &str, known: &BTreeSet<&str>, at: &str) {
        match names(text) {
            Err(why) => self.add(at, why),
            Ok(used) => {
                for name in used.iter().filter(|name| !known.contains(**name)) {
                    self.add(at, format!("${{{name}}} was captured by no earlier step"));
                }
            }
        }
    }

    fn names_in(&mut self, json: &Value, known: &BTreeSet<&str>, at: &str) {
        match json {
            Value::String(text) => self.names(text, known, at),
            Value::Array(items) => items.iter().for_each(|item| self.names_in(item, known, at)),
            Value::Object(members) => {
                members
                    .values()
                    .for_each(|member| self.names_in(member, known, at));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::problems;

    fn found(checks: Value) -> Vec<String> {
        let spec = serde_json::from_value(json!({
            "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
            "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            "checks": checks,
        }));
        let found = problems(&spec.unwrap()).into_iter();
        found.map(|(at, what)| format!("{at}: {what}")).collect()
    }

    fn of_step(step: Value) -> Vec<String> {
        found(json!([{"name": "c", "http": [step]}]))
    }

    #[test]
    fn what_makes_sense_is_taken() {
        let steps = json!([
            {"method": "POST", "path": "/orders", "capture": [{"name": "id", "json": "$.id"}],
             "expect": {"json": [{"path": "$.id", "equals": "${id}"}]}},
            {"host": "a.example.com", "path": "/orders/${id}", "headers": {"x-a": "$${b"},
             "expect": {"json": [{"path": "$..id", "matches": "^${id}$"}], "schema": {"type": "object"}}},
        ]);
        let checks = json!([{"name": "c", "http": steps}, {"name": "g", "grpc": {}}]);
        assert_eq!(found(checks), Vec::<String>::new());
    }

    #[test]
    fn what_makes_none_is_told_with_its_field() {
        for (step, told) in [
            (
                json!({"host": "b.example.com"}),
                "http[0].host: b.example.com is none of the drill's",
            ),
            (json!({"path": "orders"}), "http[0].path: must begin with /"),
            (
                json!({"path": "/${id}"}),
                "http[0].path: ${id} was captured by no earlier step",
            ),
            (json!({"body": "${"}), "http[0].body: `${` has no end"),
            (
                json!({"headers": {"a b": "c"}}),
                "http[0].headers: \"a b\" is no name",
            ),
            (
                json!({"expect": {"json": [{"path": "id", "exists": true}]}}),
                "json[0].path: \"id\" is no JSONPath",
            ),
            (
                json!({"expect": {"json": [{"path": "$"}]}}),
                "json[0]: has exactly one of",
            ),
            (
                json!({"expect": {"json": [{"path": "$", "matches": "("}]}}),
                "json[0].matches: is no regular",
            ),
            (
                json!({"expect": {"json": [{"path": "$", "equals": {"a": ["${b}"]}}]}}),
                "json[0].equals: ${b} was",
            ),
            (
                json!({"expect": {"schema": {"type": "nothing"}}}),
                "expect.schema: the schema is none",
            ),
            (
                json!({"capture": [{"name": "a"}]}),
                "capture[0]: has exactly one of: json, header",
            ),
        ] {
            let found = of_step(step.clone());
            assert_eq!(found.len(), 1, "{step}: {found:?}");
            assert!(found[0].starts_with("spec.checks[0].http[0]"), "{found:?}");
            assert!(found[0].contains(told), "{found:?} {told}");
        }
        let twice =
            found(json!([{"name": "g", "grpc": {}}, {"name": "g", "grpc": {"host": "b.c"}}]));
        assert_eq!(twice.len(), 2, "{twice:?}");
    }
}
