//! What a gate consists of.

use kube::ResourceExt;

use super::metadata::{self, namespace_of};
use super::plugin::{PluginKind, plugin};
use super::routes::{RouteRule, RouteSet, Then, When, object};
use super::{CONTEXT_HEADER, Object, hosts, names, policy};
use crate::api::DrillGate;
use crate::istio::{AccessLogFilter, AccessLogging, ProviderRef, Telemetry, TelemetrySpec};
use crate::keyfile::Jwk;
use crate::route_key::Seed;

/// What has to be known to make a gate's objects.
#[derive(Debug, Clone, Copy)]
pub struct GateInputs<'a> {
    /// The gate, which [`super::refusal::check_gate`] has nothing against.
    pub gate: &'a DrillGate,
    /// Its keys, as [`super::keys::resolve`] gives them.
    pub keys: &'a [Jwk],
    /// The kind of object that holds the filter.
    pub plugin: PluginKind,
    /// The number of the filter's configuration.
    pub generation: u64,
    /// When the configuration was last sent again, in seconds of the epoch: it changes nothing but
    /// that the gateway gets it anew.
    pub attempt: Option<i64>,
    /// What the route keys of its drills are derived from.
    pub seed: &'a Seed,
}

/// The objects of a gate, in the order in which they are applied: the guard before what steers
/// requests to it.
///
/// All but the filter's configuration touch the gateway's listeners, or are seen by them: they
/// depend on the gate alone, and no drill changes them.
pub fn objects(inputs: &GateInputs<'_>) -> Vec<Object> {
    let gate = inputs.gate;
    let mut objects = vec![guard(gate), policy::gateway(gate)];
    let protected = gate.spec.protected_namespaces.iter();
    objects.extend(protected.map(|protected| policy::protection(gate, protected)));
    objects.extend(telemetry(gate));
    objects.push(plugin(inputs));
    objects
}

/// The permanent answer for the whole drill domain. An exact host of a drill takes precedence over
/// this wildcard, so taking a drill's route away can only lead here.
fn guard(gate: &DrillGate) -> Object {
    let namespace = namespace_of(gate);
    let routes = RouteSet {
        metadata: metadata::of_gate(gate, &namespace, names::guard(&gate.name_any())),
        host: format!("*.{}", gate.spec.domain),
        gateways: hosts::gateways(gate),
        rules: vec![RouteRule {
            name: "drillgate-guard",
            when: When::Always,
            then: Then::Refuse,
        }],
    };
    object(gate, routes)
}

/// The access log of drill requests, if there is a provider for it.
fn telemetry(gate: &DrillGate) -> Option<Object> {
    let audit = &gate.spec.audit;
    let drills = audit.access_log_provider.as_ref()?;
    let provider = |name: &String| ProviderRef { name: name.clone() };
    let mut access_logging = Vec::new();
    if !audit.keep_access_log_providers.is_empty() {
        access_logging.push(AccessLogging {
            providers: audit
                .keep_access_log_providers
                .iter()
                .map(provider)
                .collect(),
            filter: None,
        });
    }
    access_logging.push(AccessLogging {
        providers: vec![provider(drills)],
        filter: Some(AccessLogFilter {
            expression: format!("'{CONTEXT_HEADER}' in request.headers"),
        }),
    });
    let namespace = namespace_of(gate);
    Some(Object::Telemetry(Telemetry {
        metadata: metadata::of_gate(gate, &namespace, names::gate(&gate.name_any())),
        spec: TelemetrySpec {
            selector: gate.spec.selector.clone(),
            target_refs: gate.spec.target_refs.clone(),
            access_logging,
        },
    }))
}
