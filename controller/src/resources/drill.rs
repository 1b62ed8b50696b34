//! What a drill consists of.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use uuid::Uuid;

use super::metadata::{self, namespace_of};
use super::plugin::{Entry, PluginKind, activation};
use super::routes::{Backend, RouteRule, RouteSet, Then, When, object};
use super::service::service;
use super::{Object, hosts, names};
use crate::api::{CircuitBreaker, Destination, Drill, DrillGate, DrillRoute, Mode};
use crate::istio::{
    ConnectionPool, DestinationRule, DestinationRuleSpec, HttpSettings, OutlierDetection,
    TcpSettings, TrafficPolicy,
};

/// What has to be known to make a drill's objects.
#[derive(Debug, Clone, Copy)]
pub struct DrillInputs<'a> {
    /// The drill, which [`super::refusal::check_drill`] has nothing against.
    pub drill: &'a Drill,
    /// Its UUID.
    pub id: Uuid,
    /// The secret part of its hosts ([`crate::route_key::derive`]).
    pub route_key: &'a str,
    /// When it ends.
    pub expires_at: &'a Time,
    /// The gate that it goes through.
    pub gate: &'a DrillGate,
    /// The kind of object that holds the gate's filter.
    pub plugin: PluginKind,
    /// The namespaces of the cluster ([`service`]).
    pub namespaces: &'a BTreeSet<String>,
}

/// The objects of a drill, in the order in which they are applied. They are removed in the reverse
/// order, so that no request is steered to where there is no route, and none routed to where
/// there is no cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct DrillObjects {
    /// Limits towards the sandboxes.
    pub destination_rules: Vec<Object>,
    /// The routes of its hosts, as VirtualServices or, at a gate by targetRefs, as HTTPRoutes.
    pub virtual_services: Vec<Object>,
    /// Its entry in the active list, no object of its own: the body of an apply under the drill's
    /// own field manager ([`names::field_manager`]). The controller applies it with all others.
    pub activation: Object,
}

impl DrillObjects {
    /// Its whole objects, in the order in which they are applied.
    pub fn whole(&self) -> impl Iterator<Item = &Object> {
        self.destination_rules.iter().chain(&self.virtual_services)
    }
}

/// The objects of a drill.
pub fn objects(inputs: &DrillInputs<'_>) -> DrillObjects {
    let spec = &inputs.drill.spec;
    let sandboxes: BTreeSet<String> = spec
        .routes
        .iter()
        .map(|route| inputs.full_name(&route.sandbox))
        .collect();
    let hosts: Vec<String> = spec.routes.iter().map(|route| route.host.clone()).collect();
    DrillObjects {
        destination_rules: sandboxes
            .into_iter()
            .map(|host| inputs.destination_rule(host))
            .collect(),
        virtual_services: spec
            .routes
            .iter()
            .map(|route| object(inputs.gate, inputs.routes(route)))
            .collect(),
        activation: activation(
            inputs.gate,
            inputs.plugin,
            &Entry {
                drill: inputs.id,
                environment: &spec.environment,
                route_key: inputs.route_key,
                not_after: inputs.expires_at.0.as_second(),
                mode: spec.mode,
                hosts: &hosts,
            },
        ),
    }
}

impl DrillInputs<'_> {
    fn full_name(&self, destination: &Destination) -> String {
        service(
            &destination.host,
            &namespace_of(self.drill),
            self.namespaces,
        )
        .host
    }

    fn backend(&self, destination: &Destination) -> Backend {
        Backend {
            host: self.full_name(destination),
            port: destination.port,
        }
    }

    fn meta(&self, namespace: &str, host: &str) -> kube::core::ObjectMeta {
        let facts = (self.id, self.gate, self.expires_at);
        metadata::of_drill(self.drill, facts, namespace, names::of_drill(self.id, host))
    }

    /// Limits towards one sandbox, as seen from the gateway.
    ///
    /// A proxy takes the DestinationRule of its own namespace before that of the service's, and
    /// none of any other. So it stands in the gateway's, for that namespace alone: there it counts
    /// for every sandbox, a ServiceEntry's too, and for no other client of the sandbox.
    fn destination_rule(&self, host: String) -> Object {
        let namespace = namespace_of(self.gate);
        Object::DestinationRule(DestinationRule {
            metadata: self.meta(&namespace, &host),
            spec: DestinationRuleSpec {
                host,
                export_to: vec![".".to_owned()],
                traffic_policy: Some(traffic_policy(&self.drill.spec.circuit_breaker)),
            },
        })
    }

    /// The rules of one host. Whatever the rules for the sandbox do not take of the requests with
    /// a context is refused in the same object, so that Envoy swaps all of it at once.
    fn routes(&self, route: &DrillRoute) -> RouteSet {
        let steered = When::Steered(self.route_key.to_owned());
        let (host, rules) = match (self.drill.spec.mode, &route.production) {
            (Mode::Owned, Some(production)) => (
                route.host.clone(),
                vec![
                    self.sandbox_rule(route, steered, None),
                    refuse(When::Context),
                    RouteRule {
                        name: "drillgate-production",
                        when: When::Always,
                        then: Then::Production(self.backend(production)),
                    },
                ],
            ),
            // Owned without production is refused before; nothing could be lost here either.
            (Mode::Owned, None) => (
                route.host.clone(),
                vec![
                    self.sandbox_rule(route, steered, None),
                    refuse(When::Context),
                ],
            ),
            (Mode::Authority, _) => (
                hosts::drill_host(&route.host, self.route_key, &self.gate.spec.domain),
                vec![
                    self.sandbox_rule(route, When::Context, Some(route.host.clone())),
                    refuse(When::Always),
                ],
            ),
        };
        RouteSet {
            metadata: self.meta(&namespace_of(self.drill), &route.host),
            host,
            gateways: hosts::gateways(self.gate),
            rules,
        }
    }

    fn sandbox_rule(&self, route: &DrillRoute, when: When, authority: Option<String>) -> RouteRule {
        RouteRule {
            name: "drillgate-sandbox",
            when,
            then: Then::Sandbox {
                to: self.backend(&route.sandbox),
                timeout: route.timeout.clone(),
                retries: route.retries.clone(),
                authority,
            },
        }
    }
}

fn refuse(when: When) -> RouteRule {
    RouteRule {
        name: "drillgate-refuse",
        when,
        then: Then::Refuse,
    }
}

fn traffic_policy(breaker: &CircuitBreaker) -> TrafficPolicy {
    TrafficPolicy {
        connection_pool: Some(ConnectionPool {
            tcp: TcpSettings {
                max_connections: breaker.max_connections,
            },
            http: HttpSettings {
                http1_max_pending_requests: breaker.max_pending_requests,
                http2_max_requests: breaker.max_requests,
            },
        }),
        outlier_detection: Some(OutlierDetection {
            consecutive5xx_errors: breaker.consecutive5xx_errors,
            interval: breaker.interval.proto(),
            base_ejection_time: breaker.base_ejection_time.proto(),
            max_ejection_percent: breaker.max_ejection_percent,
        }),
    }
}
