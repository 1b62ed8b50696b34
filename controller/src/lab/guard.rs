//! The native guard: what keeps drill requests off production with no wasm in it.
//!
//! It stands for the AuthorizationPolicy on the gateway: deny a request that carries the context
//! outside the drill hosts, and one without it inside. The two rules draw the line differently,
//! since an error must end in a refusal on both sides: with the context, only an authority that
//! surely leads to a drill's virtual host or to the guard's may pass (Envoy sends
//! `drill.internal`, `a.drill.internal.` and `a:b.drill.internal` to production); without it,
//! nothing may pass that looks like a drill host at all. An owned host may be asked for with the
//! context where the filter has set the route header.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::edge::{CONTEXT_HEADER, Edge, ROUTE_HEADER};

/// The type of Envoy's RBAC filter configuration.
pub(super) const RBAC_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

/// The guard as an HTTP filter.
pub(super) fn guard(edge: &Edge) -> Value {
    let carries_context = json!({ "header": { "name": CONTEXT_HEADER, "present_match": true } });
    let is_steered = json!({ "header": { "name": ROUTE_HEADER, "present_match": true } });
    let owned: Vec<Value> = edge
        .owned
        .iter()
        .map(|host| authority(&owned_pattern(host)))
        .collect();
    let mut hosts = vec![authority(&drill_host_pattern(&edge.domain))];
    hosts.extend(owned.iter().cloned());
    let mut policies = BTreeMap::from([
        (
            "context-outside-drill-hosts",
            deny(&json!([
                carries_context,
                { "not_rule": { "or_rules": { "rules": hosts } } },
            ])),
        ),
        (
            "drill-host-without-context",
            deny(&json!([
                { "not_rule": carries_context },
                authority(&domain_pattern(&edge.domain)),
            ])),
        ),
    ]);
    // Envoy refuses an empty list of rules.
    if !owned.is_empty() {
        let unsteered = json!([
            carries_context,
            { "not_rule": is_steered },
            { "or_rules": { "rules": owned } },
        ]);
        policies.insert("owned-host-unsteered", deny(&unsteered));
    }

    json!({
        "name": "guard",
        "typed_config": {
            "@type": RBAC_TYPE,
            "rules": { "action": "DENY", "policies": policies }
        }
    })
}

/// A policy that takes requests of any principal to which all of `rules` apply.
fn deny(rules: &Value) -> Value {
    json!({
        "permissions": [{ "and_rules": { "rules": rules } }],
        "principals": [{ "any": true }],
    })
}

/// A rule on the request's authority.
fn authority(pattern: &str) -> Value {
    json!({
        "header": {
            "name": ":authority",
            "string_match": { "safe_regex": { "regex": pattern } },
        }
    })
}

/// Authorities that Envoy's virtual hosts under `domain` take: any case, any port, no trailing
/// dot, nothing that could be mistaken for a port.
fn drill_host_pattern(domain: &str) -> String {
    format!(r"(?i)[a-z0-9_.-]+\.{}(:[0-9]+)?", escape(domain))
}

/// Authorities that name `domain` or a host in it in whatever way.
fn domain_pattern(domain: &str) -> String {
    format!(r"(?i)(.*\.)?{}\.*(:.*)?", escape(domain))
}

/// Authorities that Envoy's virtual host for `host` takes; all others lead to production.
fn owned_pattern(host: &str) -> String {
    format!("(?i){}(:[0-9]+)?", escape(host))
}

/// `literal` as a regular expression that matches just it.
fn escape(literal: &str) -> String {
    let mut pattern = String::with_capacity(literal.len());
    for character in literal.chars() {
        if !character.is_ascii_alphanumeric() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_the_name_literally() {
        assert_eq!(
            domain_pattern("drill.internal"),
            r"(?i)(.*\.)?drill\.internal\.*(:.*)?"
        );
        assert_eq!(owned_pattern("a-b.example"), r"(?i)a\-b\.example(:[0-9]+)?");
    }
}
