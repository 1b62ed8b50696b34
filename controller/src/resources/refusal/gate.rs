//! Gates that cannot be carried out.

use std::collections::BTreeSet;

use super::listeners::check_references;
use super::servers::{answering, refused};
use super::{Reason, Refusal};
use crate::api::DrillGate;
use crate::istio::{Gateway, Server, WorkloadSelector};
use crate::resources::gateway_api::GatewayApi;
use crate::resources::hosts::{
    accepts, gateways, is_label_too_long, is_under, sees_requests, takes,
};
use crate::resources::metadata::full_name;
use crate::resources::metadata::namespace_of;

/// What is known of the cluster around a gate.
#[derive(Debug, Clone, Copy)]
pub struct GateFacts<'a> {
    /// All Gateways.
    pub gateways: &'a [Gateway],
    /// The Gateway API, with the labels of the gate's namespace.
    pub gateway_api: &'a GatewayApi,
    /// The namespaces whose pods are in the ambient mesh, and so have no sidecars.
    pub ambient: &'a BTreeSet<String>,
    /// The mesh's root namespace, `istio-system` unless set: a policy there is for every namespace.
    pub root_namespace: &'a str,
}

/// All that stands against `gate`, apart from its keys: see [`crate::resources::keys::resolve`].
pub fn check_gate(gate: &DrillGate, facts: &GateFacts<'_>) -> Vec<Refusal> {
    let mut refusals = check_references(gate, facts.gateway_api);
    for (index, name) in istio_gateways(gate).iter().enumerate() {
        let field = format!("spec.gateways[{index}]");
        match facts
            .gateways
            .iter()
            .find(|found| full_name(*found) == *name)
        {
            None => refusals.push(Refusal::new(
                Reason::GatewayNotFound,
                field,
                format!("Gateway {name} does not exist: make it, or name another one"),
            )),
            Some(gateway) => refusals.extend(check_gateway(gate, facts, gateway, &field)),
        }
    }
    refusals.extend(check_ports(gate, facts));
    refusals.extend(check_protected(gate, facts));
    let domain = &gate.spec.domain;
    let owned = gate.spec.owned_hosts.iter().enumerate();
    let owned = owned.map(|(index, host)| (format!("spec.ownedHosts[{index}]"), host));
    let named = std::iter::once(("spec.domain".to_owned(), domain)).chain(owned);
    for (field, name) in named.filter(|(_, name)| is_label_too_long(name)) {
        let message = format!(
            "{name} has a label of more than 63 characters, and no DNS name has: shorten it"
        );
        refusals.push(Refusal::new(Reason::HostTooLong, field, message));
    }
    for (index, host) in gate.spec.owned_hosts.iter().enumerate() {
        if is_under(host, domain) {
            refusals.push(Refusal::new(
                Reason::OwnedHostUnderDomain,
                format!("spec.ownedHosts[{index}]"),
                format!("{host} lies under the drill domain {domain}, which no client may ask for: use another domain"),
            ));
        }
    }
    refusals
}

fn check_gateway(
    gate: &DrillGate,
    facts: &GateFacts<'_>,
    gateway: &Gateway,
    field: &str,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let name = full_name(gateway);
    if let Some(selector) = &gate.spec.selector
        && !is_part_of(selector, gateway)
    {
        let labels: Vec<String> = gateway
            .spec
            .selector
            .iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        refusals.push(Refusal::new(
            Reason::SelectorMismatch,
            "spec.selector",
            format!(
                "Gateway {name} is served by the pods with {{{}}}, and not all of these are selected, so that requests could pass by the filter: select by these labels, or by fewer of them",
                labels.join(", ")
            ),
        ));
    }

    let unguarded = unguarded(gate, facts, gateway).into_iter();
    refusals
        .extend(unguarded.map(|message| Refusal::new(Reason::HostsNotAccepted, field, message)));
    refusals
}

/// A sentence for each server of `gateway` that takes drill hosts and not the guard, which answers
/// there when a drill's route is gone; and one if no server takes the guard. The routes of drills
/// are looked at with each drill.
fn unguarded(gate: &DrillGate, facts: &GateFacts<'_>, gateway: &Gateway) -> Vec<String> {
    let (domain, namespace) = (&gate.spec.domain, namespace_of(gate));
    let guard = format!("*.{domain}");
    let (guarded, others): (Vec<_>, Vec<_>) =
        answering(gateway).partition(|(_, server)| accepts(gateway, server, &guard, &namespace));
    let sentence = |(index, server): &(usize, &Server)| {
        refused(
            facts.gateways,
            (gateway, *index, server),
            domain,
            &namespace,
        )
    };
    match (guarded.is_empty(), others.first()) {
        (true, None) => vec![format!(
            "Gateway {} has no server that answers HTTP requests: name a Gateway that has one",
            full_name(gateway)
        )],
        (true, Some(first)) => vec![sentence(first)],
        (false, _) => {
            let takes_drills = others.iter().filter(|(_, server)| takes(server, &guard));
            takes_drills.map(sentence).collect()
        }
    }
}

/// Istio's own Gateways, as `namespace/name`.
fn istio_gateways(gate: &DrillGate) -> Vec<String> {
    match gate.spec.target_refs {
        Some(_) => Vec::new(),
        None => gateways(gate),
    }
}

/// Whether every pod that serves `gateway` is selected: each label that is asked for is one that
/// the Gateway asks for, too.
fn is_part_of(selector: &WorkloadSelector, gateway: &Gateway) -> bool {
    let served = &gateway.spec.selector;
    let mut labels = selector.match_labels.iter();
    !served.is_empty() && labels.all(|(key, value)| served.get(key) == Some(value))
}

/// Whether there may be pods that are selected and serve `gateway`: no label has to have two values.
/// Istio's own gateways, for one, carry `app` as well as `istio`.
fn may_share_pods(selector: &WorkloadSelector, gateway: &Gateway) -> bool {
    let served = &gateway.spec.selector;
    let mut labels = selector.match_labels.iter();
    labels.all(|(key, value)| served.get(key).is_none_or(|held| held == value))
}

/// Servers for TCP on the gate's pods, where the gate's policy is for all ports.
fn check_ports(gate: &DrillGate, facts: &GateFacts<'_>) -> Option<Refusal> {
    if !gate.spec.ports.is_empty() {
        return None;
    }
    let selector = gate.spec.selector.as_ref()?;
    let may_share = |gateway: &&Gateway| may_share_pods(selector, gateway);
    facts.gateways.iter().filter(may_share).find_map(|gateway| {
        let server = gateway.spec.servers.iter().find(|server| !sees_requests(server))?;
        let message = format!(
            "Gateway {} has a server for {} on port {}, all of whose connections the gate's policy would deny: list the ports on which the gateway pods take HTTP",
            full_name(gateway),
            server.port.protocol,
            server.port.number
        );
        Some(Refusal::new(Reason::PortsMissing, "spec.ports", message))
    })
}

fn check_protected(gate: &DrillGate, facts: &GateFacts<'_>) -> Vec<Refusal> {
    let own = namespace_of(gate);
    let mut refusals = Vec::new();
    for (index, protected) in gate.spec.protected_namespaces.iter().enumerate() {
        let name = &protected.name;
        let field = format!("spec.protectedNamespaces[{index}]");
        let (reason, message) = if *name == own {
            let message = format!(
                "namespace {name} is the gate's own, and the gateway would deny every drill request: leave it out"
            );
            (Reason::ProtectedNamespaceUnusable, message)
        } else if name == facts.root_namespace {
            let message = format!(
                "namespace {name} is the root of the mesh, and a policy there is for every namespace, the sandboxes' too: leave it out"
            );
            (Reason::ProtectedNamespaceUnusable, message)
        } else if facts.ambient.contains(name) {
            let message = format!(
                "namespace {name} is in the ambient mesh, which reads no headers and would deny every connection to the listed ports: use sidecars there, or leave it out"
            );
            (Reason::ProtectedNamespaceAmbient, message)
        } else {
            continue;
        };
        refusals.push(Refusal::new(reason, field, message));
    }
    refusals
}
