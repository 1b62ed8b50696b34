//! The filter on the gateway, and the active list inside its configuration.

use kube::ResourceExt;
use kube::core::ObjectMeta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::gate::GateInputs;
use super::metadata::{self, namespace_of};
use super::{Object, names};
use crate::api::{AuditLevel, DrillGate, Extension, Mode, PullPolicy};
use crate::istio::{
    FailStrategy, Placement, PluginPhase, TrafficExtension, TrafficExtensionSpec, WasmConfig,
    WasmPlugin, WasmPluginSpec,
};

/// Before other plugins of the AUTHN phase, unless they ask for more. (Istio sorts a plugin
/// without a number behind all others.)
const PRIORITY: i32 = 1000;

/// The filter's name in Envoy's configuration.
const PLUGIN_NAME: &str = "drillgate";

/// The kind of object that holds the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginKind {
    /// `WasmPlugin`.
    WasmPlugin,
    /// `TrafficExtension`.
    TrafficExtension,
}

impl PluginKind {
    /// What `asked` means on a cluster that has TrafficExtension, or has not.
    pub fn of(asked: Extension, has_traffic_extension: bool) -> PluginKind {
        match asked {
            Extension::TrafficExtension => PluginKind::TrafficExtension,
            Extension::Auto if has_traffic_extension => PluginKind::TrafficExtension,
            Extension::Auto | Extension::WasmPlugin => PluginKind::WasmPlugin,
        }
    }

    /// An object with this module.
    fn object(self, metadata: ObjectMeta, placement: Placement, wasm: WasmConfig) -> Object {
        match self {
            PluginKind::WasmPlugin => {
                let spec = WasmPluginSpec { placement, wasm };
                Object::WasmPlugin(WasmPlugin { metadata, spec })
            }
            PluginKind::TrafficExtension => {
                let wasm = Some(wasm);
                let spec = TrafficExtensionSpec { placement, wasm };
                Object::TrafficExtension(TrafficExtension { metadata, spec })
            }
        }
    }
}

/// The filter of `gate`, without its active list: that is written by the drills.
///
/// It fails open, since the alternatives deny production when the module cannot be fetched or has
/// crashed; drill requests then meet the gateway's policy.
pub(super) fn plugin(inputs: &GateInputs<'_>) -> Object {
    let gate = inputs.gate;
    let namespace = namespace_of(gate);
    let mut metadata = metadata::of_gate(gate, &namespace, names::gate(&gate.name_any()));
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(metadata::ROUTE_SEED.to_owned(), inputs.seed.expose());

    let module = &gate.spec.module;
    let wasm = WasmConfig {
        url: module.url.clone(),
        sha256: module.sha256.clone(),
        image_pull_policy: module.image_pull_policy.map(pull_policy),
        image_pull_secret: module.image_pull_secret.clone(),
        plugin_name: Some(PLUGIN_NAME.to_owned()),
        plugin_config: Some(configuration(inputs)),
        fail_strategy: Some(FailStrategy::FailOpen),
    };
    let placement = Placement {
        selector: gate.spec.selector.clone(),
        target_refs: gate.spec.target_refs.clone(),
        phase: Some(PluginPhase::Authn),
        priority: Some(PRIORITY),
    };
    inputs.plugin.object(metadata, placement, wasm)
}

/// The filter's configuration without `drills`.
fn configuration(inputs: &GateInputs<'_>) -> Value {
    let spec = &inputs.gate.spec;
    let mut entries = Map::new();
    for key in inputs.keys {
        if let Value::Object(entry) = key.expose_config() {
            entries.extend(entry);
        }
    }
    let mut configuration = json!({
        "version": 1,
        "generation": inputs.generation,
        "domain": spec.domain,
        "skewSeconds": spec.skew_seconds,
        "maxAgeSeconds": spec.max_age_seconds,
        "keys": entries,
        "audit": {
            "log": spec.audit.log,
            "level": level(spec.audit.level),
            "filterState": spec.audit.filter_state,
        },
    });
    if let (Some(attempt), Value::Object(members)) = (inputs.attempt, &mut configuration) {
        members.insert("attempt".to_owned(), attempt.into());
    }
    configuration
}

fn pull_policy(policy: PullPolicy) -> String {
    let policy = match policy {
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Always => "Always",
    };
    policy.to_owned()
}

fn level(level: AuditLevel) -> &'static str {
    match level {
        AuditLevel::Debug => "debug",
        AuditLevel::Info => "info",
        AuditLevel::Warn => "warn",
        AuditLevel::Error => "error",
    }
}

/// A drill's place in the active list.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The drill.
    pub drill: Uuid,
    /// What tokens must be signed for.
    pub environment: &'a str,
    /// The secret part of the drill's hosts.
    pub route_key: &'a str,
    /// When it ends, in seconds of the epoch.
    pub not_after: i64,
    /// How it is told apart.
    pub mode: Mode,
    /// Its hosts: the filter refuses requests for others.
    pub hosts: &'a [String],
}

/// The body of a server-side apply that puts `entry` into the active list, under the drill's own
/// field manager ([`names::field_manager`]). (The controller writes the entries of all its drills
/// under one.) Nothing else of the plugin is in it, so it works on a
/// plugin that exists only: a gate comes before its drills.
///
/// What is known of the drill is the one element of an array, which belongs to its manager as a
/// whole. Members with an owner each would cost the API server far more in every apply to a long
/// list, and half an entry could belong to somebody else.
pub fn activation(gate: &DrillGate, kind: PluginKind, entry: &Entry<'_>) -> Object {
    let active = json!([{
        "environment": entry.environment,
        "routeKey": entry.route_key,
        "notAfter": entry.not_after,
        "mode": match entry.mode {
            Mode::Authority => "authority",
            Mode::Owned => "owned",
        },
        "hosts": entry.hosts,
    }]);
    let drills = Map::from_iter([(entry.drill.to_string(), active)]);
    let wasm = WasmConfig {
        plugin_config: Some(json!({ "drills": drills })),
        ..WasmConfig::default()
    };
    kind.object(bare(gate), Placement::default(), wasm)
}

/// The body of a server-side apply that takes the drill's entry away again: the same field manager
/// now wants nothing.
pub fn withdrawal(gate: &DrillGate, kind: PluginKind) -> Object {
    let metadata = bare(gate);
    match kind {
        PluginKind::WasmPlugin => {
            let spec = WasmPluginSpec::default();
            Object::WasmPlugin(WasmPlugin { metadata, spec })
        }
        PluginKind::TrafficExtension => {
            let spec = TrafficExtensionSpec::default();
            Object::TrafficExtension(TrafficExtension { metadata, spec })
        }
    }
}

/// The plugin's name and nothing more.
fn bare(gate: &DrillGate) -> ObjectMeta {
    ObjectMeta {
        name: Some(names::gate(&gate.name_any())),
        namespace: Some(namespace_of(gate)),
        ..ObjectMeta::default()
    }
}
