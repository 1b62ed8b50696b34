//! ECDS: what runs in the place of the drill filter.

use serde_json::{Value, json};

use super::edge::{Filter, Module};
use super::guard::RBAC_TYPE;

/// The name of the filter in the chain, of its ECDS resource and of its wasm plugin.
pub(super) const FILTER_NAME: &str = "drillgate";

/// The type of Envoy's wasm filter configuration.
pub(super) const WASM_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// The ECDS resource for `filter`.
pub fn extension(filter: &Filter) -> Vec<Value> {
    let typed_config = match filter {
        // The listener has no place for it where the filter is Envoy's own or there is none.
        Filter::AllowAll | Filter::Native(_) | Filter::Absent => json!({ "@type": RBAC_TYPE }),
        Filter::Module(module) => wasm(module),
    };
    vec![json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": FILTER_NAME,
        "typed_config": typed_config,
    })]
}

fn wasm(module: &Module) -> Value {
    json!({
        "@type": WASM_TYPE,
        "config": {
            "name": FILTER_NAME,
            "root_id": "",
            "failure_policy": module.failure_policy.as_str(),
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": module.configuration.to_string(),
            },
            "vm_config": {
                "vm_id": FILTER_NAME,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": module.path } },
                "environment_variables": { "key_values": module.environment },
            }
        }
    })
}
