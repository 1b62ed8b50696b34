//! Production's routes, in the words of either API.

use drill_context::HEADER_NAME;
use serde_json::{Value, json};

use crate::istio::Stage;

/// For how long a rule that steers lets the sandbox take.
pub(super) const TIMEOUT: &str = "1s";

/// A rule of a route.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule<'a> {
    /// Requests with this header, by name and value, go to the sandbox.
    Sandbox(&'a str, &'a str),
    /// Requests with a context lead nowhere, whatever it says.
    Refuse,
    /// Requests for paths that begin so are production's.
    Path(&'a str),
    /// All requests are production's.
    Production,
}

/// A VirtualService or an HTTPRoute of production's, as the stage's gateway has them.
pub(super) fn route(stage: &Stage, name: &str, hosts: Value, rules: &[Rule<'_>]) -> Value {
    let rules = rules.iter();
    if stage.is_by_gateway_api() {
        let rules = rules.map(|rule| http_route_rule(stage, *rule));
        stage.production_http_routes(name, hosts, rules.collect())
    } else {
        let rules = rules.map(|rule| virtual_service_rule(stage, *rule));
        stage.production_routes(name, hosts, rules.collect())
    }
}

fn virtual_service_rule(stage: &Stage, rule: Rule<'_>) -> Value {
    let production = stage.to_production();
    let sandbox = json!({"host": stage.sandbox_host(), "port": {"number": 80}});
    match rule {
        Rule::Sandbox(name, value) => json!({
            "match": [{"headers": {name: {"exact": value}}}],
            "route": [{"destination": sandbox}],
            "timeout": TIMEOUT,
        }),
        Rule::Refuse => json!({
            "match": [{"headers": {HEADER_NAME: {}}}],
            "directResponse": {"status": 503},
        }),
        Rule::Path(path) => json!({
            "match": [{"uri": {"prefix": path}}], "route": [production],
        }),
        Rule::Production => json!({"route": [production]}),
    }
}

/// A rule without backends answers 500: the one refusal that there is.
fn http_route_rule(stage: &Stage, rule: Rule<'_>) -> Value {
    let production = stage.backend(&stage.production_host());
    let present = json!({"type": "RegularExpression", "name": HEADER_NAME, "value": ".+"});
    match rule {
        Rule::Sandbox(name, value) => json!({
            "matches": [{"headers": match name {
                HEADER_NAME => json!([{"name": name, "value": value}]),
                // Without a token Envoy chooses the route before RequestAuthentication has taken a
                // header away that only it should write.
                _ => json!([{"name": name, "value": value}, present]),
            }}],
            "backendRefs": [stage.backend(&stage.sandbox_host())],
            "timeouts": {"request": TIMEOUT},
        }),
        Rule::Refuse => json!({
            "matches": [{"headers": [present]}],
        }),
        Rule::Path(path) => json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [production],
        }),
        Rule::Production => json!({"backendRefs": [production]}),
    }
}
