//! Drills that cannot be carried out.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::listeners::{refused_routes, serving};
use super::servers::{answering, refused};
use super::{Reason, Refusal};
use crate::api::{Drill, DrillGate, DrillRoute, Mode};
use crate::istio::{Gateway, VirtualService};
use crate::resources::gateway_api::GatewayApi;
use crate::resources::hosts::{
    MAX_HOST, accepts, covers, drill_host_length, gateways, is_bound, is_label_too_long, is_under,
    takes,
};
use crate::resources::metadata::full_name;
use crate::resources::metadata::{DRILL_ID, namespace_of};
use crate::resources::service::{Service, service};

/// What is known of the cluster around a drill.
#[derive(Debug, Clone, Copy)]
pub struct DrillFacts<'a> {
    /// The drill's UUID.
    pub id: Uuid,
    /// The gate that it names; none if there is no such gate.
    pub gate: Option<&'a DrillGate>,
    /// The drills of that gate that live already: accepted, not over, and not this one.
    pub living: &'a [LivingDrill],
    /// All VirtualServices.
    pub virtual_services: &'a [VirtualService],
    /// All Gateways.
    pub gateways: &'a [Gateway],
    /// The Gateway API, with the labels of the drill's namespace.
    pub gateway_api: &'a GatewayApi,
    /// The namespaces of the cluster.
    pub namespaces: &'a BTreeSet<String>,
}

/// A drill that has a place at the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingDrill {
    /// It, as `namespace/name`.
    pub name: String,
    /// What tokens must be signed for.
    pub environment: String,
    /// How it is told apart.
    pub mode: Mode,
    /// Its hosts.
    pub hosts: Vec<String>,
}

impl LivingDrill {
    /// What is to be known of `drill`.
    pub fn of(drill: &Drill) -> LivingDrill {
        LivingDrill {
            name: full_name(drill),
            environment: drill.spec.environment.clone(),
            mode: drill.spec.mode,
            hosts: drill
                .spec
                .routes
                .iter()
                .map(|route| route.host.clone())
                .collect(),
        }
    }
}

/// All that stands against `drill`.
pub fn check_drill(drill: &Drill, facts: &DrillFacts<'_>) -> Vec<Refusal> {
    let reference = &drill.spec.gate_ref;
    let Some(gate) = facts.gate else {
        let own = namespace_of(drill);
        let namespace = reference.namespace.as_deref().unwrap_or(&own);
        let message = format!(
            "DrillGate {namespace}/{} does not exist: make it, or name another one",
            reference.name
        );
        return vec![Refusal::new(Reason::GateNotFound, "spec.gateRef", message)];
    };
    let check = Check { drill, facts, gate };
    let mut refusals: Vec<Refusal> = check.ttl().into_iter().chain(check.mode()).collect();
    for (index, route) in drill.spec.routes.iter().enumerate() {
        let at = format!("spec.routes[{index}]");
        refusals.extend(check.host(route, &format!("{at}.host")));
        refusals.extend(check.taken(route, &format!("{at}.host")));
        refusals.extend(check.servers(route, &format!("{at}.host")));
        refusals.extend(check.sandbox(route, &at));
    }
    let of_checks = crate::checks::problems(&drill.spec).into_iter();
    refusals.extend(of_checks.map(|(at, what)| Refusal::new(Reason::CheckInvalid, &at, what)));
    refusals
}

struct Check<'a> {
    drill: &'a Drill,
    facts: &'a DrillFacts<'a>,
    gate: &'a DrillGate,
}

impl Check<'_> {
    fn ttl(&self) -> Option<Refusal> {
        let (ttl, most) = (&self.drill.spec.ttl, &self.gate.spec.max_ttl);
        let message = if ttl.as_secs() == 0 {
            format!("a drill of {ttl} would be over at once: give it up to {most}")
        } else if ttl.as_secs() > most.as_secs() {
            format!(
                "{ttl} is longer than the {most} that the gate allows: shorten it, or raise the gate's maxTtl"
            )
        } else {
            return None;
        };
        Some(Refusal::new(Reason::TtlOutOfRange, "spec.ttl", message))
    }

    /// At Gateways of the Gateway API, several routes of one host are merged by rules that no drill
    /// can be sure of.
    fn mode(&self) -> Option<Refusal> {
        let is_owned = self.drill.spec.mode == Mode::Owned;
        (is_owned && self.gate.spec.target_refs.is_some()).then(|| {
            let message = "mode Owned is for Istio's own Gateways: of several HTTPRoutes of one host the oldest counts, and the gate has targetRefs: use mode Authority";
            Refusal::new(Reason::ModeUnsupported, "spec.mode", message.to_owned())
        })
    }

    /// The host by itself.
    fn host(&self, route: &DrillRoute, field: &str) -> Option<Refusal> {
        let (host, spec) = (&route.host, &self.gate.spec);
        let domain = &spec.domain;
        let owned = self.drill.spec.mode == Mode::Owned;
        let (reason, message) = if is_under(host, domain) {
            let message = format!(
                "{host} lies under the drill domain {domain}, which no client may ask for: name the host that clients use"
            );
            (Reason::HostUnderDomain, message)
        } else if owned && !spec.owned_hosts.contains(host) {
            let message = format!(
                "{host} is not among the gate's ownedHosts, so that its policy would deny the requests: add it there, or use mode Authority"
            );
            (Reason::HostNotOwned, message)
        } else if is_label_too_long(host) {
            let message = format!(
                "{host} has a label of more than 63 characters, and no DNS name has: name the host that clients use"
            );
            (Reason::HostTooLong, message)
        } else if !owned && drill_host_length(host, domain) > MAX_HOST {
            let longest = (MAX_HOST + host.len()).saturating_sub(drill_host_length(host, domain));
            let message = format!(
                "{host} is too long to stand in front of the drill domain {domain}: at most {longest} characters fit, or shorten the gate's domain"
            );
            (Reason::HostTooLong, message)
        } else {
            return None;
        };
        Some(Refusal::new(reason, field, message))
    }

    /// The host among what others do with it.
    fn taken(&self, route: &DrillRoute, field: &str) -> Vec<Refusal> {
        let (host, spec) = (&route.host, &self.drill.spec);
        let mut refusals = Vec::new();
        let owned = spec.mode == Mode::Owned;
        for other in self
            .facts
            .living
            .iter()
            .filter(|other| other.hosts.contains(host))
        {
            let message = if owned && other.mode == Mode::Owned {
                format!(
                    "drill {} owns {host}, and a host has one owner: wait for its end, or use mode Authority",
                    other.name
                )
            } else if other.environment == spec.environment {
                format!(
                    "drill {} is about {host} and environment {}, too: wait for its end, or use another environment",
                    other.name, spec.environment
                )
            } else {
                continue;
            };
            refusals.push(Refusal::new(Reason::HostInUse, field, message));
        }
        if owned && let Some(claiming) = self.claiming(host) {
            let name = full_name(claiming);
            let message = format!(
                "VirtualService {name} claims {host} on the same Gateway, and would be overruled or overrule the drill: use mode Authority, which leaves it alone"
            );
            refusals.push(Refusal::new(Reason::HostClaimed, field, message));
        }
        refusals
    }

    /// A VirtualService of others on the gate's Gateways that is for `host`.
    fn claiming(&self, host: &str) -> Option<&VirtualService> {
        let gateways = gateways(self.gate);
        let own = self.facts.id.to_string();
        self.facts.virtual_services.iter().find(|service| {
            let labels = service.metadata.labels.as_ref();
            let is_ours = labels.and_then(|labels| labels.get(DRILL_ID)) == Some(&own);
            let mut hosts = service.spec.hosts.iter();
            !is_ours && is_bound(service, &gateways) && hosts.any(|claimed| covers(claimed, host))
        })
    }

    /// Servers that take the host's requests and would not know where to send the drill's.
    fn servers(&self, route: &DrillRoute, field: &str) -> Vec<Refusal> {
        let (domain, namespace) = (&self.gate.spec.domain, namespace_of(self.drill));
        if self.gate.spec.target_refs.is_some() {
            let api = self.facts.gateway_api;
            let told = refused_routes(self.gate, api, &route.host, &namespace).into_iter();
            let refusal = |message| Refusal::new(Reason::HostsNotAccepted, field, message);
            return told.map(refusal).collect();
        }
        let named = gateways(self.gate);
        let all = self.facts.gateways;
        let mut refusals = Vec::new();
        for gateway in all
            .iter()
            .filter(|gateway| named.contains(&full_name(*gateway)))
        {
            for (index, server) in answering(gateway) {
                let needed = match self.drill.spec.mode {
                    Mode::Authority => format!("*.{domain}"),
                    Mode::Owned => route.host.clone(),
                };
                if takes(server, &route.host) && !accepts(gateway, server, &needed, &namespace) {
                    let place = (gateway, index, server);
                    let below = needed.trim_start_matches("*.");
                    let message = refused(all, place, below, &namespace);
                    refusals.push(Refusal::new(Reason::HostsNotAccepted, field, message));
                }
            }
        }
        refusals
    }

    /// Where the drill's requests go.
    fn sandbox(&self, route: &DrillRoute, at: &str) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let sandbox = self.service(&route.sandbox.host);
        let field = format!("{at}.sandbox");
        let mut protected = self.gate.spec.protected_namespaces.iter();
        if protected.any(|protected| sandbox.namespace.as_ref() == Some(&protected.name)) {
            let message = format!(
                "sandbox {} is in namespace {}, which the gate protects as production: restore into another namespace",
                sandbox.host,
                sandbox.namespace.as_deref().unwrap_or_default()
            );
            refusals.push(Refusal::new(Reason::SandboxProtected, &field, message));
        }
        match (self.drill.spec.mode, &route.production) {
            (Mode::Owned, None) => refusals.push(Refusal::new(
                Reason::ProductionMisplaced,
                format!("{at}.production"),
                format!("mode Owned takes over {} and has to know where all other requests go: name production", route.host),
            )),
            (Mode::Authority, Some(_)) => refusals.push(Refusal::new(
                Reason::ProductionMisplaced,
                format!("{at}.production"),
                "mode Authority leaves production's routes alone and cannot use this: leave it out".to_owned(),
            )),
            _ => {}
        }
        let production = self.production(route, &sandbox);
        refusals.extend(production.map(|production| {
            let message = format!(
                "sandbox {}:{} is production: {production}: name the restored service",
                sandbox.host, route.sandbox.port
            );
            Refusal::new(Reason::SandboxIsProduction, &field, message)
        }));
        refusals
    }

    /// By what the sandbox is seen to be production, if it is.
    fn production(&self, route: &DrillRoute, sandbox: &Service) -> Option<String> {
        let port = route.sandbox.port;
        if sandbox.host == route.host {
            return Some(format!("it is the host {} itself", route.host));
        }
        if let Some(production) = &route.production
            && self.service(&production.host) == *sandbox
            && production.port == port
        {
            return Some("the route names it as such".to_owned());
        }
        if self.gate.spec.target_refs.is_some() {
            let (api, meant) = (self.facts.gateway_api, (sandbox, port));
            let known = |name: &str, from: &str| service(name, from, self.facts.namespaces);
            let found = serving(self.gate, api, &route.host, meant, known)?;
            return Some(format!("{found} sends {} there", route.host));
        }
        let serving = self.facts.virtual_services.iter().find(|service| {
            let mut hosts = service.spec.hosts.iter();
            is_bound(service, &gateways(self.gate))
                && hosts.any(|host| covers(host, &route.host))
                && self.leads_to(service, sandbox, port)
        })?;
        let name = full_name(serving);
        Some(format!("VirtualService {name} sends {} there", route.host))
    }

    fn leads_to(&self, virtual_service: &VirtualService, sandbox: &Service, port: u16) -> bool {
        let own = namespace_of(virtual_service);
        let routes = virtual_service.spec.http.iter();
        let is_drills = virtual_service
            .metadata
            .labels
            .as_ref()
            .is_some_and(|labels| labels.contains_key(DRILL_ID));
        let mut destinations = routes.flat_map(|route| &route.route);
        !is_drills
            && destinations.any(|to| {
                let to = &to.destination;
                let same_port = to
                    .port
                    .as_ref()
                    .is_none_or(|of| of.number == u32::from(port));
                service(&to.host, &own, self.facts.namespaces) == *sandbox && same_port
            })
    }

    fn service(&self, host: &str) -> Service {
        service(host, &namespace_of(self.drill), self.facts.namespaces)
    }
}
