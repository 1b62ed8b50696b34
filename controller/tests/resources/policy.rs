//! What the policies do with a request, by the rules of Istio's AuthorizationPolicy: a small
//! reading of its language, as istiod translates it for Envoy. What they leave open is written
//! down here, too.

use drillgate::istio::{AuthorizationPolicySpec, AuthorizationRule, Operation};
use drillgate::resources::Object;
use drillgate::resources::plugin::PluginKind;
use drillgate::resources::samples::{self, gate_objects};
use serde_json::json;

use super::gate;

/// A request as a policy sees it.
#[derive(Clone, Copy)]
struct Request<'a> {
    authority: &'a str,
    context: bool,
    /// Whether the filter has set the header of owned hosts.
    steered: bool,
    port: u16,
}

/// Whether some rule of a denying policy takes the request.
fn denies(policy: &AuthorizationPolicySpec, request: Request<'_>) -> bool {
    policy.rules.iter().any(|rule| takes(rule, request))
}

fn takes(rule: &AuthorizationRule, request: Request<'_>) -> bool {
    let to = rule.to.is_empty() || rule.to.iter().any(|to| asks(&to.operation, request));
    let when = rule.when.iter().all(|condition| {
        let there = match condition.key.as_str() {
            "request.headers[x-drill-context]" => request.context,
            "request.headers[x-drill-route]" => request.steered,
            other => panic!("{other}"),
        };
        // Envoy: present_match, or its negation.
        match (condition.values.as_slice(), condition.not_values.as_slice()) {
            ([any], []) if any == "*" => there,
            ([], [any]) if any == "*" => !there,
            other => panic!("{other:?}"),
        }
    });
    to && when
}

fn asks(operation: &Operation, request: Request<'_>) -> bool {
    let is = |pattern: &String| host_matches(pattern, request.authority);
    let hosts = operation.hosts.is_empty() || operation.hosts.iter().any(is);
    let ports = &operation.ports;
    hosts
        && !operation.not_hosts.iter().any(is)
        && (ports.is_empty() || ports.contains(&request.port.to_string()))
}

/// The whole authority, or with one `*` its end or its beginning; case does not matter.
fn host_matches(pattern: &str, authority: &str) -> bool {
    let (pattern, authority) = (pattern.to_lowercase(), authority.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => authority.ends_with(end),
        (None, Some(beginning)) => authority.starts_with(beginning),
        (None, None) => pattern == authority,
    }
}

/// The policies of a gate: the gateway's, and those of the protected namespaces.
fn policies(yaml: &str) -> Vec<AuthorizationPolicySpec> {
    let objects = gate_objects(&gate(yaml, &[]), PluginKind::WasmPlugin);
    let policy = |object| match object {
        Object::AuthorizationPolicy(policy) => Some(policy.spec),
        _ => None,
    };
    objects.into_iter().filter_map(policy).collect()
}

fn at_gateway(authority: &str, context: bool) -> bool {
    let policy = &policies(samples::GATE)[0];
    let port = 8080;
    denies(
        policy,
        Request {
            authority,
            context,
            steered: false,
            port,
        },
    )
}

#[test]
fn a_request_with_the_context_passes_to_drill_hosts_only() {
    for authority in ["orders.example.com.key.drill.internal", "X.DRILL.INTERNAL"] {
        assert!(!at_gateway(authority, true), "{authority}");
    }
    for authority in [
        "orders.example.com",
        "orders.example.com:8080",
        "drill.internal",
        ".drill.internal",
        ".DRILL.internal",
        "drill.internal.",
        "x.drill.internal.",
        "x.drill.internal:8080",
        "xdrill.internal",
        "drill.internal.example.com",
        "",
    ] {
        assert!(at_gateway(authority, true), "{authority}");
    }
}

#[test]
fn a_request_without_the_context_passes_to_anything_but_drill_hosts() {
    for authority in [
        "orders.example.com",
        "orders.example.com:8080",
        "xdrill.internal",
        "drill.internal.example.com",
        "10.0.0.1",
        "",
    ] {
        assert!(!at_gateway(authority, false), "{authority}");
    }
    for authority in [
        "drill.internal",
        "drill.internal:8080",
        "drill.internal.",
        "x.drill.internal",
        "X.Drill.Internal",
        "x.drill.internal.",
        ".drill.internal",
        "a:b.drill.internal",
    ] {
        assert!(at_gateway(authority, false), "{authority}");
    }
}

/// Should Istio's language grow patterns one day, this is what they are needed for.
#[test]
fn these_spellings_get_past_the_gateways_policy() {
    // With the context: Envoy takes these for `a` and `orders.example.com`. The filter refuses
    // them; without it, the policy of the protected namespace does.
    assert!(!at_gateway("a:b.drill.internal", true));
    assert!(!at_gateway("orders.example.com:x.drill.internal", true));
    // Without the context: the drill's route demands it, and the guard answers the rest.
    assert!(!at_gateway("x.drill.internal:8080", false));
}

#[test]
fn an_owned_host_may_carry_the_context_once_it_is_steered_and_go_without_it() {
    let policy = &policies(samples::GATE_FULL)[0];
    let request = |authority, context, steered| {
        let port = 8443;
        denies(
            policy,
            Request {
                authority,
                context,
                steered,
                port,
            },
        )
    };
    let denied = |authority, context| request(authority, context, context);
    for authority in [
        "legacy.example.com",
        "Legacy.example.com",
        "legacy.example.com:8443",
    ] {
        assert!(!denied(authority, true), "{authority}");
        assert!(!denied(authority, false), "{authority}");
        // The filter was not there, and the host may lead to production by a route of others.
        assert!(request(authority, true, false), "{authority}");
    }
    assert!(request("legacy.example.com:a:b", true, false));
    for authority in [
        "legacy.example.com.",
        "a.legacy.example.com",
        "legacy.example.comx",
    ] {
        assert!(denied(authority, true), "{authority}");
    }
}

#[test]
fn a_protected_namespace_refuses_the_context_on_any_host_at_its_ports() {
    let all = policies(samples::GATE_FULL);
    let [_, shop, billing] = all.as_slice() else {
        panic!("{all:?}");
    };
    for authority in [
        "orders.example.com",
        "x.drill.example.com",
        "a:b.drill.example.com",
        "",
    ] {
        let request = |context, port| Request {
            authority,
            context,
            steered: context,
            port,
        };
        assert!(denies(shop, request(true, 8080)) && denies(shop, request(true, 9090)));
        assert!(denies(billing, request(true, 8080)));
        assert!(!denies(shop, request(false, 8080)));
    }
}

/// For TCP istiod leaves out hosts and headers of a denying rule and keeps ports: a rule that
/// names none would deny every connection.
#[test]
fn on_tcp_no_rule_of_a_policy_with_ports_takes_another_port() {
    for policy in policies(samples::GATE_FULL) {
        for rule in &policy.rules {
            assert!(!rule.to.is_empty());
            for to in &rule.to {
                assert!(!to.operation.ports.is_empty(), "{rule:?}");
                assert!(!to.operation.ports.contains(&json!(5432).to_string()));
            }
        }
    }
}
