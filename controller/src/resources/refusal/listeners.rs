//! Gateways of the Gateway API that would leave a gate's or a drill's routes out.

use std::collections::BTreeMap;

use super::{Reason, Refusal};
use crate::api::DrillGate;
use crate::gateway_api::{BackendRef, GROUP, Gateway, Listener};
use crate::resources::gateway_api::{
    GatewayApi, Lack, Route, answering, is_bound, is_for, lack, takes,
};
use crate::resources::hosts::gateways;
use crate::resources::http_route::HOSTNAME;
use crate::resources::metadata::{full_name, namespace_of};
use crate::resources::service::Service;

/// A namespace, by name and labels.
type Namespace<'a> = (&'a str, &'a BTreeMap<String, String>);

/// What stands against the Gateways that `gate` refers to.
pub(super) fn check_references(gate: &DrillGate, api: &GatewayApi) -> Vec<Refusal> {
    let references = gate.spec.target_refs.iter().flatten();
    let namespace = namespace_of(gate);
    let mut refusals = Vec::new();
    for (index, reference) in references.enumerate() {
        let name = format!("{namespace}/{}", reference.name);
        let gateway = api.gateways.iter().find(|found| full_name(*found) == name);
        let (reason, message) = match gateway {
            None if !api.served => (
                Reason::GatewayNotFound,
                format!(
                    "the cluster has no Gateways of {GROUP}: install the Gateway API's definitions and start the controller again, or use selector and gateways"
                ),
            ),
            None => (
                Reason::GatewayNotFound,
                format!("Gateway {name} of {GROUP} does not exist: make it, or name another one"),
            ),
            Some(gateway) => match refused_guard(gate, gateway, (&namespace, &api.labels)) {
                Some(message) => (Reason::HostsNotAccepted, message),
                None => continue,
            },
        };
        let field = format!("spec.targetRefs[{index}]");
        refusals.push(Refusal::new(reason, field, message));
    }
    refusals.extend(check_ports(gate, api));
    refusals
}

/// Why no listener of `gateway` takes the guard; nothing if one does. The routes of drills are
/// looked at with each drill.
fn refused_guard(gate: &DrillGate, gateway: &Gateway, of: Namespace<'_>) -> Option<String> {
    let domain = &gate.spec.domain;
    let guard = format!("*.{domain}");
    let lacks = |listener: &Listener| lack(gateway, listener, &guard, of);
    if answering(gateway).any(|listener| lacks(listener).is_none()) {
        return None;
    }
    let Some(first) = answering(gateway).next() else {
        return Some(format!(
            "Gateway {} has no listener that answers HTTP requests: name a Gateway that has one",
            full_name(gateway)
        ));
    };
    lacks(first).map(|lack| sentence(gateway, first, lack, (domain, of.0)))
}

/// A listener for TCP on the gate's pods, where the gate's policy is for all ports.
fn check_ports(gate: &DrillGate, api: &GatewayApi) -> Option<Refusal> {
    if !gate.spec.ports.is_empty() || gate.spec.target_refs.is_none() {
        return None;
    }
    let named = gateways(gate);
    let mut of_gate = api.gateways.iter();
    of_gate.find_map(|gateway| {
        let sees = |listener: &Listener| answering(gateway).any(|one| one == listener);
        let mut listeners = gateway.spec.listeners.iter();
        let listener = listeners.find(|listener| !sees(listener))?;
        let message = format!(
            "Gateway {} has a listener for {} on port {}, all of whose connections the gate's policy would deny: list the ports on which the gateway pods take HTTP",
            full_name(gateway),
            listener.protocol,
            listener.port
        );
        let is_named = named.contains(&full_name(gateway));
        is_named.then(|| Refusal::new(Reason::PortsMissing, "spec.ports", message))
    })
}

/// Why listeners that take requests for `host` would not know where to send a drill's: one sentence
/// for each of them.
pub(super) fn refused_routes(
    gate: &DrillGate,
    api: &GatewayApi,
    host: &str,
    namespace: &str,
) -> Vec<String> {
    let domain = &gate.spec.domain;
    let (needed, named) = (format!("*.{domain}"), gateways(gate));
    let of = (namespace, &api.labels);
    let mut sentences = Vec::new();
    let mut is_of_gate = |gateway: &&Gateway| named.contains(&full_name(*gateway));
    for gateway in api.gateways.iter().filter(&mut is_of_gate) {
        for listener in answering(gateway).filter(|listener| takes(listener, host)) {
            // Listeners for HTTP on one port share their routes; each for HTTPS has its own.
            let stands_in = |other: &Listener| {
                other == listener
                    || other.protocol == "HTTP"
                        && listener.protocol == "HTTP"
                        && other.port == listener.port
            };
            let accepts = |other: &Listener| lack(gateway, other, &needed, of).is_none();
            if answering(gateway).any(|other| stands_in(other) && accepts(other)) {
                continue;
            }
            let lack = lack(gateway, listener, &needed, of);
            let told = lack.map(|lack| sentence(gateway, listener, lack, (domain, namespace)));
            sentences.extend(told);
        }
    }
    sentences
}

fn sentence(
    gateway: &Gateway,
    listener: &Listener,
    lack: Lack,
    (domain, namespace): (&str, &str),
) -> String {
    let listener_name = &listener.name;
    let what = format!(
        "listener {listener_name} (port {}) of Gateway {}",
        listener.port,
        full_name(gateway)
    );
    let own = namespace_of(gateway);
    let names = match own == namespace {
        true => own,
        false => format!("{own}, {namespace}"),
    };
    let allowed = format!(
        "{{from: Selector, selector: {{matchExpressions: [{{key: kubernetes.io/metadata.name, operator: In, values: [{names}]}}]}}}}"
    );
    match lack {
        Lack::Hostname if listener.protocol == "HTTP" => format!(
            "{what} takes no host under {domain}: add a listener with hostname: \"*.{domain}\" on the same port"
        ),
        Lack::Hostname => format!(
            "{what} takes no host under {domain}: set its hostname to one that covers \"*.{domain}\", or set the gate's domain to one under its hostname"
        ),
        Lack::Kind => {
            format!(
                "{what} allows no HTTPRoute: add {{kind: HTTPRoute}} to its allowedRoutes.kinds"
            )
        }
        Lack::Namespace => format!(
            "{what} allows no routes of namespace {namespace}: set its allowedRoutes.namespaces to {allowed}, with every namespace in it that has routes there now: production's, too"
        ),
        Lack::Labels => format!(
            "{what} allows no routes of namespace {namespace}: label the namespace as its allowedRoutes.namespaces.selector asks, or widen that"
        ),
    }
}

/// A route of production's at the Gateways of `gate` that sends `host` to `sandbox` at `port`, by its
/// kind and name. `service` knows what a name means in a namespace.
pub(super) fn serving(
    gate: &DrillGate,
    api: &GatewayApi,
    host: &str,
    sandbox: (&Service, u16),
    service: impl Fn(&str, &str) -> Service,
) -> Option<String> {
    let named = gateways(gate);
    let http = first(&api.routes, (&named, host), sandbox, &service);
    http.or_else(|| first(&api.grpc_routes, (&named, host), sandbox, &service))
}

/// The first of these routes that does.
fn first<R: Route>(
    routes: &[R],
    (gateways, host): (&[String], &str),
    (sandbox, port): (&Service, u16),
    service: impl Fn(&str, &str) -> Service,
) -> Option<String> {
    let route = routes.iter().find(|route| {
        let own = namespace_of(*route);
        let leads_there = |to: &BackendRef| {
            let same_port = to.port.is_none_or(|of| of == i32::from(port));
            let name = match to.kind.as_deref() {
                Some(HOSTNAME) => to.name.clone(),
                _ => {
                    let namespace = to.namespace.as_deref().unwrap_or(&own);
                    format!("{}.{namespace}.svc", to.name)
                }
            };
            same_port && service(&name, &own) == *sandbox
        };
        is_bound(*route, gateways) && is_for(*route, host) && route.backends().any(leads_there)
    })?;
    Some(format!("{} {}", R::kind(&()), full_name(route)))
}
