//! The native guard: what keeps drill requests off production with no wasm in it.

use kube::ResourceExt;

use super::metadata::{self, namespace_of};
use super::{CONTEXT_HEADER, Object, ROUTE_HEADER, names};
use crate::api::{DrillGate, ProtectedNamespace};
use crate::istio::{
    Action, AuthorizationPolicy, AuthorizationPolicySpec, AuthorizationRule, Condition, Operation,
    To,
};

/// The policy on the gateway: no request with the context outside the drill hosts, and none
/// without it inside. An owned host may be asked for with the context where the filter has set the
/// header that its routes demand: the host is known to others, too, while no drill owns it.
///
/// The two draw the line differently, since an error must end in a refusal on both sides. With the
/// context, only an authority that leads to a drill's virtual host or to the guard's may pass;
/// without it, nothing may pass that looks like a drill host. Istio's language knows the whole
/// authority, its beginning and its end, and no pattern, so the lines are not quite those of the
/// regular expressions that would be needed. What stays open, and what stands behind it:
///
/// - with the context, `a:b.drill.internal` ends as a drill host does, and Envoy, which cuts off a
///   port at the last colon, sees `a`. The filter refuses it as no DNS name; without the filter the
///   policy of the protected namespace does.
/// - without the context, `x.drill.internal:8080` does not end as a drill host does. Each drill's
///   route demands the context, and the guard answers 503 to the rest.
/// - with the context and the route header, `<owned host>:a:b` begins as an owned host does, and
///   Envoy sees `<owned host>:a`, which is none. What stands behind it is the same as for the first.
pub(super) fn gateway(gate: &DrillGate) -> Object {
    let spec = &gate.spec;
    let domain = &spec.domain;
    let operation = |hosts: Vec<String>, not_hosts: Vec<String>| To {
        operation: Operation {
            hosts,
            not_hosts,
            ports: texts(&spec.ports),
        },
    };

    let owned_hosts: Vec<String> = spec
        .owned_hosts
        .iter()
        .flat_map(|owned| [owned.clone(), format!("{owned}:*")])
        .collect();
    let mut may_carry = vec![format!("*.{domain}")];
    may_carry.extend(owned_hosts.iter().cloned());
    let outside = AuthorizationRule {
        to: vec![
            operation(Vec::new(), may_carry),
            // It ends as a drill host does, but Envoy's wildcard wants something before the dot.
            operation(vec![format!(".{domain}")], Vec::new()),
        ],
        when: vec![header(CONTEXT_HEADER, true)],
    };
    let drill_hosts = vec![
        domain.clone(),
        format!("*.{domain}"),
        format!("{domain}."),
        format!("*.{domain}."),
        format!("{domain}:*"),
    ];
    let inside = AuthorizationRule {
        to: vec![operation(drill_hosts, Vec::new())],
        when: vec![header(CONTEXT_HEADER, false)],
    };
    let mut rules = vec![outside, inside];
    if !owned_hosts.is_empty() {
        rules.push(AuthorizationRule {
            to: vec![operation(owned_hosts, Vec::new())],
            when: vec![header(CONTEXT_HEADER, true), header(ROUTE_HEADER, false)],
        });
    }

    let namespace = namespace_of(gate);
    Object::AuthorizationPolicy(AuthorizationPolicy {
        metadata: metadata::of_gate(gate, &namespace, names::guard(&gate.name_any())),
        spec: AuthorizationPolicySpec {
            selector: spec.selector.clone(),
            target_refs: spec.target_refs.clone(),
            action: Action::Deny,
            rules,
        },
    })
}

/// The policy in a protected namespace: no request with the context, at any of its pods.
///
/// It names ports. For TCP, Istio leaves out what it cannot see of a denying rule, headers here,
/// and a rule with nothing left denies every connection.
pub(super) fn protection(gate: &DrillGate, protected: &ProtectedNamespace) -> Object {
    let name = names::protection(&namespace_of(gate), &gate.name_any());
    let carries_context = AuthorizationRule {
        to: vec![To {
            operation: Operation {
                ports: texts(&protected.ports),
                ..Operation::default()
            },
        }],
        when: vec![header(CONTEXT_HEADER, true)],
    };
    Object::AuthorizationPolicy(AuthorizationPolicy {
        metadata: metadata::of_gate(gate, &protected.name, name),
        spec: AuthorizationPolicySpec {
            selector: None,
            target_refs: None,
            action: Action::Deny,
            rules: vec![carries_context],
        },
    })
}

/// That a header is there, or is not.
fn header(name: &str, present: bool) -> Condition {
    let any = vec!["*".to_owned()];
    let (values, not_values) = if present {
        (any, Vec::new())
    } else {
        (Vec::new(), any)
    };
    Condition {
        key: format!("request.headers[{name}]"),
        values,
        not_values,
    }
}

fn texts(ports: &[u16]) -> Vec<String> {
    ports.iter().map(u16::to_string).collect()
}
