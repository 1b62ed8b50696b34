//! Routes in the words of the Gateway API.
//!
//! What its standard channel cannot say is left out: retries ([`super::routes::Then::Sandbox`] has
//! them, and the mesh's own take their place), and an answer of the gateway itself. A rule that
//! leads nowhere is answered with 500, which the filter makes a 503 for whoever it has let pass.

use kube::core::ObjectMeta;

use super::routes::{Backend, RouteRule, RouteSet, Then, When};
use super::{CONTEXT_HEADER, Object, ROUTE_HEADER};
use crate::gateway_api::{
    BackendRef, GATEWAY, GROUP, HeaderMatch, HttpRoute, HttpRouteFilter, HttpRouteMatch,
    HttpRouteRule, HttpRouteSpec, ParentRef, RequestHeaderModifier, Timeouts, UrlRewrite,
};

/// The group of Istio's kind of backend.
const ISTIO: &str = "networking.istio.io";

/// A service by its name in the mesh, of whatever kind and namespace it is. A `Service` would have
/// to be one of Kubernetes, and need a ReferenceGrant in other namespaces than the drill's.
pub(super) const HOSTNAME: &str = "Hostname";

/// The routes as an HTTPRoute, bound to Gateways of the Gateway API.
pub(super) fn http_route(set: RouteSet) -> Object {
    let RouteSet {
        metadata,
        host,
        gateways,
        rules,
    } = set;
    let parents = gateways.iter().map(|name| parent(name, &metadata));
    Object::HttpRoute(HttpRoute {
        spec: HttpRouteSpec {
            parent_refs: parents.collect(),
            hostnames: vec![host],
            rules: rules.into_iter().map(rule).collect(),
        },
        metadata,
    })
}

/// A Gateway that is called `namespace/name`, as a route with this metadata refers to it.
fn parent(full_name: &str, route: &ObjectMeta) -> ParentRef {
    let (namespace, name) = full_name.split_once('/').unwrap_or(("", full_name));
    let is_elsewhere = route.namespace.as_deref() != Some(namespace);
    ParentRef {
        group: Some(GROUP.to_owned()),
        kind: Some(GATEWAY.to_owned()),
        namespace: is_elsewhere.then(|| namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn rule(rule: RouteRule) -> HttpRouteRule {
    let steered = matches!(rule.when, When::Steered(_));
    let base = HttpRouteRule {
        name: Some(rule.name.to_owned()),
        matches: matches_of(rule.when),
        ..HttpRouteRule::default()
    };
    match rule.then {
        Then::Refuse => base,
        Then::Production(to) => HttpRouteRule {
            backend_refs: vec![backend(to)],
            ..base
        },
        Then::Sandbox {
            to,
            timeout,
            authority,
            ..
        } => HttpRouteRule {
            filters: authority
                .map(rewritten)
                .into_iter()
                .chain(steered.then(without_route_header))
                .collect(),
            backend_refs: vec![backend(to)],
            timeouts: Some(Timeouts {
                request: Some(timeout.proto()),
            }),
            ..base
        },
    }
}

fn matches_of(when: When) -> Vec<HttpRouteMatch> {
    let header = |name: &str, kind: &str, value: &str| HeaderMatch {
        kind: Some(kind.to_owned()),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let present = header(CONTEXT_HEADER, "RegularExpression", ".+");
    let headers = match when {
        When::Always => return Vec::new(),
        When::Context => vec![present],
        When::Steered(key) => vec![present, header(ROUTE_HEADER, "Exact", &key)],
    };
    vec![HttpRouteMatch { headers }]
}

fn backend(to: Backend) -> BackendRef {
    BackendRef {
        group: Some(ISTIO.to_owned()),
        kind: Some(HOSTNAME.to_owned()),
        name: to.host,
        namespace: None,
        port: Some(to.port.into()),
    }
}

fn rewritten(authority: String) -> HttpRouteFilter {
    HttpRouteFilter {
        kind: "URLRewrite".to_owned(),
        url_rewrite: Some(UrlRewrite {
            hostname: Some(authority),
        }),
        request_header_modifier: None,
    }
}

fn without_route_header() -> HttpRouteFilter {
    HttpRouteFilter {
        kind: "RequestHeaderModifier".to_owned(),
        url_rewrite: None,
        request_header_modifier: Some(RequestHeaderModifier {
            remove: vec![ROUTE_HEADER.to_owned()],
        }),
    }
}
