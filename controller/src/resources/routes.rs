//! The seam between what a route must do and the API that says so.
//!
//! A [`RouteSet`] is neutral. [`virtual_service`] says it in Istio's own words, and beside it
//! `http_route` in those of the Gateway API. [`object`] takes the one that the gate is made with.

use std::collections::BTreeMap;

use kube::core::ObjectMeta;

use super::{CONTEXT_HEADER, Object, ROUTE_HEADER, http_route};
use crate::api::{DrillGate, Duration, Retries};
use crate::istio::{
    Destination, DirectResponse, HeaderOperations, Headers, HttpMatch, HttpRetry, HttpRewrite,
    HttpRoute, HttpRouteDestination, PortSelector, StringMatch, VirtualService, VirtualServiceSpec,
};

/// The status of a drill request that leads nowhere.
const REFUSED: u32 = 503;

/// All rules of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteSet {
    /// The object's metadata.
    pub metadata: ObjectMeta,
    /// The host: a name, or `*.` and a name.
    pub host: String,
    /// The Gateways that serve it, as `namespace/name`.
    pub gateways: Vec<String>,
    /// The rules; the first that matches counts.
    pub rules: Vec<RouteRule>,
}

/// What happens to some requests.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRule {
    /// Its name, for access logs.
    pub name: &'static str,
    /// To which requests.
    pub when: When,
    /// What happens.
    pub then: Then,
}

/// Which requests a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// Those that carry a context, whatever it says.
    Context,
    /// Those that carry a context and that the filter has steered to the drill with this route key.
    Steered(String),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// The gateway answers 503.
    Refuse,
    /// It goes to the sandbox, within limits. The sandbox is told this host, if there is one, and
    /// never the header that the request was steered by.
    Sandbox {
        /// The service.
        to: Backend,
        /// How long it may take.
        timeout: Duration,
        /// When it is tried again.
        retries: Retries,
        /// The host that the sandbox is told.
        authority: Option<String>,
    },
    /// It goes to production, as if there were no drill.
    Production(Backend),
}

/// A service by its full name, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// The name.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The routes as an object of the API that `gate`'s gateways are made with.
pub fn object(gate: &DrillGate, set: RouteSet) -> Object {
    match gate.spec.target_refs {
        Some(_) => http_route::http_route(set),
        None => virtual_service(set),
    }
}

/// The routes as a VirtualService. Every namespace may see it, since the gateway's is rarely that
/// of the drill; it is bound to Gateways only, so no sidecar heeds it.
pub fn virtual_service(set: RouteSet) -> Object {
    Object::VirtualService(VirtualService {
        metadata: set.metadata,
        spec: VirtualServiceSpec {
            hosts: vec![set.host],
            gateways: set.gateways,
            export_to: vec!["*".to_owned()],
            http: set.rules.into_iter().map(http_route).collect(),
        },
    })
}

fn http_route(rule: RouteRule) -> HttpRoute {
    let steered = matches!(rule.when, When::Steered(_));
    let base = HttpRoute {
        name: Some(rule.name.to_owned()),
        matches: matches_of(rule.when),
        ..HttpRoute::default()
    };
    match rule.then {
        Then::Refuse => HttpRoute {
            direct_response: Some(DirectResponse { status: REFUSED }),
            ..base
        },
        Then::Production(to) => HttpRoute {
            route: vec![destination(to)],
            ..base
        },
        Then::Sandbox {
            to,
            timeout,
            retries,
            authority,
        } => HttpRoute {
            route: vec![destination(to)],
            timeout: Some(timeout.proto()),
            retries: Some(retry(retries)),
            rewrite: authority.map(|authority| HttpRewrite {
                authority: Some(authority),
            }),
            headers: steered.then(without_route_header),
            ..base
        },
    }
}

fn matches_of(when: When) -> Vec<HttpMatch> {
    let present = (CONTEXT_HEADER.to_owned(), StringMatch::default());
    let headers = match when {
        When::Always => return Vec::new(),
        When::Context => BTreeMap::from([present]),
        When::Steered(key) => {
            let exact = StringMatch { exact: Some(key) };
            BTreeMap::from([present, (ROUTE_HEADER.to_owned(), exact)])
        }
    };
    vec![HttpMatch { headers }]
}

fn destination(to: Backend) -> HttpRouteDestination {
    HttpRouteDestination {
        destination: Destination {
            host: to.host,
            port: Some(PortSelector {
                number: to.port.into(),
            }),
        },
    }
}

fn retry(retries: Retries) -> HttpRetry {
    // Istio refuses the limits of retries that are not made.
    let made = retries.attempts > 0;
    HttpRetry {
        attempts: retries.attempts,
        per_try_timeout: made.then(|| retries.per_try_timeout.proto()),
        retry_on: made.then_some(retries.retry_on),
    }
}

fn without_route_header() -> Headers {
    Headers {
        request: Some(HeaderOperations {
            remove: vec![ROUTE_HEADER.to_owned()],
        }),
    }
}
