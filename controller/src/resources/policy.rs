//! The native guard: what keeps drill requests off production with no wasm in it.

use kube::ResourceExt;

use super::metadata::{self, namespace_of};
use super::{CONTEXT_HEADER, Object, names};
use crate::api::{DrillGate, ProtectedNamespace};
use crate::istio::{
    Action, AuthorizationPolicy, AuthorizationPolicySpec, AuthorizationRule, Condition, Operation,
    To,
};

/// The policy on the gateway: no request with the context outside the drill hosts, and none
/// without it inside.
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
/// - with the context, `<owned host>:a:b` begins as an owned host does, and Envoy sees
///   `<owned host>:a`, which is none. What stands behind it is the same as for the first.
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

    let mut may_carry = vec![format!("*.{domain}")];
    for owned in &spec.owned_hosts {
        may_carry.extend([owned.clone(), format!("{owned}:*")]);
    }
    let outside = AuthorizationRule {
        to: vec![
            operation(Vec::new(), may_carry),
            // It ends as a drill host does, but Envoy's wildcard wants something before the dot.
            operation(vec![format!(".{domain}")], Vec::new()),
        ],
        when: vec![context(true)],
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
        when: vec![context(false)],
    };

    let namespace = namespace_of(gate);
    Object::AuthorizationPolicy(AuthorizationPolicy {
        metadata: metadata::of_gate(gate, &namespace, names::guard(&gate.name_any())),
        spec: AuthorizationPolicySpec {
            selector: spec.selector.clone(),
            target_refs: spec.target_refs.clone(),
            action: Action::Deny,
            rules: vec![outside, inside],
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
        when: vec![context(true)],
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

/// That the context is there, or is not.
fn context(present: bool) -> Condition {
    let any = vec!["*".to_owned()];
    let (values, not_values) = if present {
        (any, Vec::new())
    } else {
        (Vec::new(), any)
    };
    Condition {
        key: format!("request.headers[{CONTEXT_HEADER}]"),
        values,
        not_values,
    }
}

fn texts(ports: &[u16]) -> Vec<String> {
    ports.iter().map(u16::to_string).collect()
}
