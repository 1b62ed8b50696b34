//! What is wrong with a check that asks a gRPC service.

use std::collections::BTreeSet;

use super::Search;
use crate::api::{GrpcCheck, GrpcExpect};
use crate::checks::grpc::parts;

impl Search<'_> {
    /// Either a question about a service's health, or a call of a method.
    pub(super) fn grpc(&mut self, check: &GrpcCheck, at: &str) {
        self.host(check.host.as_deref(), at);
        let Some(method) = &check.method else {
            let given = [
                ("request", check.request.is_some()),
                ("expect", check.expect != GrpcExpect::default()),
            ];
            for (name, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                let what = "belongs to a call: name its method, as package.Service/Method";
                self.add(&format!("{at}.{name}"), what.to_owned());
            }
            return;
        };
        if !check.service.is_empty() {
            let what = "service (its health is asked about) and method (it is called) exclude each other: leave one of them out";
            self.add(at, what.to_owned());
        }
        if parts(method).is_none() {
            let what = format!(
                "{method:?} is no method: name it as package.Service/Method, such as orders.v1.Orders/Get"
            );
            self.add(&format!("{at}.method"), what);
        }
        // There is one step, and nothing was captured before it.
        let none = BTreeSet::new();
        if let Some(request) = &check.request {
            self.names_in(request, &none, &format!("{at}.request"));
        }
        let expect = &check.expect;
        let content = (&expect.json[..], expect.schema.as_ref());
        self.content(content, &none, &format!("{at}.expect"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::checks::problems;

    fn found(grpc: Value) -> Vec<String> {
        let spec = serde_json::from_value(json!({
            "gateRef": {"name": "edge"}, "environment": "dr", "ttl": "30m",
            "routes": [{"host": "a.example.com", "sandbox": {"host": "a", "port": 80}}],
            "checks": [{"name": "c", "grpc": grpc}],
        }));
        let found = problems(&spec.unwrap()).into_iter();
        found.map(|(at, what)| format!("{at}: {what}")).collect()
    }

    #[test]
    fn a_call_and_a_question_about_health_make_sense() {
        for grpc in [
            json!({}),
            json!({"service": "orders.v1.Orders", "host": "a.example.com"}),
            json!({"method": "orders.v1.Orders/Get"}),
            json!({"method": "orders.v1.Orders/Get", "request": {"id": "$${1}"},
                "expect": {"status": ["OK", "NOT_FOUND"], "maxMillis": 5, "schema": {"type": "object"},
                    "json": [{"path": "$.id", "equals": 1}]}}),
        ] {
            assert_eq!(found(grpc.clone()), Vec::<String>::new(), "{grpc}");
        }
    }

    #[test]
    fn what_makes_none_is_told_with_its_field_and_the_mend() {
        let call = |more: Value| {
            let mut grpc = json!({"method": "orders.v1.Orders/Get"});
            for (name, value) in more.as_object().unwrap() {
                grpc[name] = value.clone();
            }
            grpc
        };
        for (grpc, told) in [
            (
                json!({"request": {"id": 1}}),
                "grpc.request: belongs to a call: name its method",
            ),
            (
                json!({"service": "a", "expect": {"maxMillis": 1}}),
                "grpc.expect: belongs to a call: name its method",
            ),
            (
                call(json!({"service": "orders.v1.Orders"})),
                "grpc: service (its health is asked about) and method (it is called) exclude",
            ),
            (
                call(json!({"method": "orders.v1.Orders.Get"})),
                "grpc.method: \"orders.v1.Orders.Get\" is no method: name it as package",
            ),
            (
                call(json!({"host": "b.example.com"})),
                "grpc.host: b.example.com is none of the drill's",
            ),
            (
                call(json!({"request": {"ids": ["${id}"]}})),
                "grpc.request: ${id} was captured by no earlier step",
            ),
            (
                call(json!({"expect": {"json": [{"path": "id", "exists": true}]}})),
                "grpc.expect.json[0].path: \"id\" is no JSONPath",
            ),
            (
                call(json!({"expect": {"schema": {"type": "nothing"}}})),
                "grpc.expect.schema: the schema is none",
            ),
        ] {
            let found = found(grpc.clone());
            assert_eq!(found.len(), 1, "{grpc}: {found:?}");
            assert!(found[0].starts_with("spec.checks[0].grpc"), "{found:?}");
            assert!(found[0].contains(told), "{found:?} {told}");
        }
    }
}
