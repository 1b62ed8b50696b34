//! The file that Envoy starts with: where its configuration comes from, and its admin interface.

use std::path::Path;

use serde_json::{Value, json};

use super::xds::Resource;

/// Bootstrap of an Envoy that takes listeners and clusters from files in `directory` and serves
/// its admin interface on a free loopback port.
pub fn bootstrap(directory: &Path) -> Value {
    json!({
        "node": { "id": "drillgate-lab", "cluster": "drillgate-lab" },
        "admin": {
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } }
        },
        "dynamic_resources": {
            "lds_config": Resource::Listeners.source(directory),
            "cds_config": Resource::Clusters.source(directory),
        },
    })
}
