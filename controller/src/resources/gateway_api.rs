//! What matters of the Gateway API's objects around a gate: who takes which route.

use std::collections::BTreeMap;

use kube::Resource;

use super::hosts::{covers, gateways};
use super::metadata::namespace_of;
use crate::api::DrillGate;
use crate::gateway_api::{
    BackendRef, GATEWAY, GROUP, Gateway, GrpcRoute, HttpRoute, LabelRequirement, LabelSelector,
    Listener, ParentRef,
};

/// What is known of the Gateway API around a gate that refers to its Gateways. Of any other gate
/// nothing has to be known.
#[derive(Debug, Clone, Default)]
pub struct GatewayApi {
    /// Whether the cluster has it.
    pub served: bool,
    /// Its Gateways.
    pub gateways: Vec<Gateway>,
    /// The HTTPRoutes that are not a drill's.
    pub routes: Vec<HttpRoute>,
    /// The GRPCRoutes, none of which is a drill's.
    pub grpc_routes: Vec<GrpcRoute>,
    /// The labels of the namespace that the routes in question are in.
    pub labels: BTreeMap<String, String>,
}

/// A route of either kind, as far as it matters who is sent where.
pub(crate) trait Route: Resource<DynamicType = ()> {
    /// What it is bound to.
    fn parent_refs(&self) -> &[ParentRef];

    /// Its hosts; all that the listeners take where there is none.
    fn hostnames(&self) -> &[String];

    /// All that its rules lead to.
    fn backends(&self) -> impl Iterator<Item = &BackendRef>;
}

impl Route for HttpRoute {
    fn parent_refs(&self) -> &[ParentRef] {
        &self.spec.parent_refs
    }

    fn hostnames(&self) -> &[String] {
        &self.spec.hostnames
    }

    fn backends(&self) -> impl Iterator<Item = &BackendRef> {
        self.spec.rules.iter().flat_map(|rule| &rule.backend_refs)
    }
}

impl Route for GrpcRoute {
    fn parent_refs(&self) -> &[ParentRef] {
        &self.spec.parent_refs
    }

    fn hostnames(&self) -> &[String] {
        &self.spec.hostnames
    }

    fn backends(&self) -> impl Iterator<Item = &BackendRef> {
        self.spec.rules.iter().flat_map(|rule| &rule.backend_refs)
    }
}

/// Why a listener does not take a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is for other hosts.
    Hostname,
    /// It allows no HTTPRoute.
    Kind,
    /// It allows none of that namespace; it has no selector.
    Namespace,
    /// It allows none of that namespace, whose labels are not those of its selector.
    Labels,
}

/// The listeners of `gateway` that answer requests themselves.
pub(super) fn answering(gateway: &Gateway) -> impl Iterator<Item = &Listener> {
    gateway.spec.listeners.iter().filter(|listener| {
        let tls = listener.tls.as_ref();
        let passes = tls.and_then(|tls| tls.mode.as_deref()) == Some("Passthrough");
        listener.protocol == "HTTP" || listener.protocol == "HTTPS" && !passes
    })
}

/// Whether `listener` takes requests for `host`, or for all that `*.` and a name stand for.
pub(super) fn takes(listener: &Listener, host: &str) -> bool {
    match listener.hostname.as_deref() {
        None | Some("") => true,
        Some(hostname) => covers(hostname, host),
    }
}

/// What keeps `listener` of `gateway` from taking an HTTPRoute for `host` of a namespace with these
/// labels.
pub(super) fn lack(
    gateway: &Gateway,
    listener: &Listener,
    host: &str,
    (namespace, labels): (&str, &BTreeMap<String, String>),
) -> Option<Lack> {
    if !takes(listener, host) {
        return Some(Lack::Hostname);
    }
    let allowed = listener.allowed_routes.clone().unwrap_or_default();
    let mut kinds = allowed.kinds.iter();
    let is_kind = kinds.any(|allowed| {
        allowed.kind == "HTTPRoute" && allowed.group.as_deref().unwrap_or(GROUP) == GROUP
    });
    if !allowed.kinds.is_empty() && !is_kind {
        return Some(Lack::Kind);
    }
    let namespaces = allowed.namespaces.unwrap_or_default();
    match namespaces.from.as_deref() {
        Some("All") => None,
        Some("Selector") => {
            let selector = namespaces.selector.unwrap_or_default();
            (!selects(&selector, labels)).then_some(Lack::Labels)
        }
        None | Some("Same") if namespace_of(gateway) == namespace => None,
        _ => Some(Lack::Namespace),
    }
}

/// Whether `selector` is for what has these labels.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut equal = selector.match_labels.iter();
    let mut required = selector.match_expressions.iter();
    equal.all(|(key, value)| labels.get(key) == Some(value))
        && required.all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelRequirement, labels: &BTreeMap<String, String>) -> bool {
    let held = labels.get(&requirement.key);
    let is_listed = held.is_some_and(|held| requirement.values.contains(held));
    match requirement.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => held.is_some(),
        "DoesNotExist" => held.is_none(),
        _ => false,
    }
}

/// Whether `route` is bound to one of the Gateways that are called so, as `namespace/name`.
pub(super) fn is_bound(route: &impl Route, gateways: &[String]) -> bool {
    route.parent_refs().iter().any(|parent| {
        let is_gateway = parent.group.as_deref().unwrap_or(GROUP) == GROUP
            && parent.kind.as_deref().unwrap_or(GATEWAY) == GATEWAY;
        let namespace = parent.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| namespace_of(route));
        is_gateway && gateways.contains(&format!("{namespace}/{}", parent.name))
    })
}

/// Whether `route` is bound to one of the Gateways of `gate`.
pub(crate) fn is_bound_to(route: &impl Route, gate: &DrillGate) -> bool {
    is_bound(route, &gateways(gate))
}

/// Whether `route` may be for `host`: it is if it names no host, since its Gateway's count then.
pub(crate) fn is_for(route: &impl Route, host: &str) -> bool {
    let hostnames = route.hostnames();
    hostnames.is_empty() || hostnames.iter().any(|pattern| covers(pattern, host))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{Lack, answering, is_bound, is_for, lack};
    use crate::gateway_api::{Gateway, HttpRoute};

    fn lacks(listener: Value, namespace: &str) -> Option<Lack> {
        let gateway: Gateway = serde_json::from_value(json!({
            "metadata": {"name": "public", "namespace": "istio-system"},
            "spec": {"listeners": [listener]},
        }))
        .unwrap();
        let name = (
            "kubernetes.io/metadata.name".to_owned(),
            namespace.to_owned(),
        );
        let labels = BTreeMap::from([name, ("team".to_owned(), "orders".to_owned())]);
        let listener = &gateway.spec.listeners[0];
        lack(
            &gateway,
            listener,
            "*.drill.example.com",
            (namespace, &labels),
        )
    }

    #[test]
    fn a_listener_takes_hosts_that_its_own_covers() {
        for (hostname, expected) in [
            (json!(null), None),
            (json!("*.example.com"), None),
            (json!("*.drill.example.com"), None),
            (json!("*.other.com"), Some(Lack::Hostname)),
            (json!("drill.example.com"), Some(Lack::Hostname)),
        ] {
            let listener = json!({"hostname": hostname, "protocol": "HTTP"});
            assert_eq!(lacks(listener, "istio-system"), expected, "{hostname}");
        }
    }

    #[test]
    fn a_listener_allows_namespaces_as_it_says() {
        let selector = |selector: Value| json!({"from": "Selector", "selector": selector});
        let expression = |operator: &str, values: Value| {
            let one = json!({"key": "team", "operator": operator, "values": values});
            selector(json!({"matchExpressions": [one]}))
        };
        for (namespaces, expected) in [
            (json!({}), Some(Lack::Namespace)),
            (json!({"from": "Same"}), Some(Lack::Namespace)),
            (json!({"from": "None"}), Some(Lack::Namespace)),
            (json!({"from": "All"}), None),
            (
                selector(json!({"matchLabels": {"kubernetes.io/metadata.name": "ci"}})),
                None,
            ),
            (
                selector(json!({"matchLabels": {"team": "other"}})),
                Some(Lack::Labels),
            ),
            (expression("In", json!(["orders", "search"])), None),
            (expression("In", json!(["search"])), Some(Lack::Labels)),
            (expression("NotIn", json!(["search"])), None),
            (expression("NotIn", json!(["orders"])), Some(Lack::Labels)),
            (expression("Exists", json!([])), None),
            (expression("DoesNotExist", json!([])), Some(Lack::Labels)),
        ] {
            let listener = json!({"allowedRoutes": {"namespaces": namespaces}});
            assert_eq!(lacks(listener, "ci"), expected, "{namespaces}");
        }
        let same = json!({"allowedRoutes": {"namespaces": {"from": "Same"}}});
        assert_eq!(lacks(same, "istio-system"), None);
        assert_eq!(lacks(json!({}), "istio-system"), None);
    }

    #[test]
    fn a_listener_allows_kinds_as_it_says() {
        let with = |kinds: Value| lacks(json!({"allowedRoutes": {"kinds": kinds}}), "istio-system");
        assert_eq!(with(json!([{"kind": "HTTPRoute"}])), None);
        assert_eq!(with(json!([{"kind": "GRPCRoute"}])), Some(Lack::Kind));
        let other = json!([{"group": "example.com", "kind": "HTTPRoute"}]);
        assert_eq!(with(other), Some(Lack::Kind));
    }

    #[test]
    fn listeners_that_see_no_requests_answer_none() {
        let listeners = json!([
            {"name": "a", "protocol": "HTTP"},
            {"name": "b", "protocol": "HTTPS"},
            {"name": "c", "protocol": "HTTPS", "tls": {"mode": "Passthrough"}},
            {"name": "d", "protocol": "TLS"},
            {"name": "e", "protocol": "TCP"},
        ]);
        let gateway: Gateway = serde_json::from_value(json!({
            "metadata": {}, "spec": {"listeners": listeners},
        }))
        .unwrap();
        let names: Vec<&str> = answering(&gateway).map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_route_is_bound_to_gateways_as_seen_from_its_own_namespace() {
        let route = |parent: Value, hostnames: Value| -> HttpRoute {
            serde_json::from_value(json!({
                "metadata": {"name": "orders", "namespace": "shop"},
                "spec": {"parentRefs": [parent], "hostnames": hostnames},
            }))
            .unwrap()
        };
        let bound =
            |parent: Value| is_bound(&route(parent, json!([])), &["shop/public".to_owned()]);
        assert!(bound(json!({"name": "public"})));
        assert!(bound(json!({"name": "public", "namespace": "shop"})));
        assert!(!bound(json!({"name": "public", "namespace": "ci"})));
        assert!(!bound(
            json!({"name": "public", "kind": "Service", "group": ""})
        ));
        let for_orders = |hostnames| is_for(&route(json!({}), hostnames), "orders.example.com");
        assert!(for_orders(json!([])));
        assert!(for_orders(json!(["*.example.com"])));
        assert!(!for_orders(json!(["other.example.com"])));
    }
}
