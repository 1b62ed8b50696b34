//! LDS: the listener, its chain of HTTP filters and the access log.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::edge::{CONTEXT_HEADER, Edge, Filter};
use super::extension::{FILTER_NAME, WASM_TYPE};
use super::guard::{RBAC_TYPE, guard};
use super::routes::ROUTE_CONFIGURATION;
use super::xds::Resource;

/// The name of the only listener, and the prefix of its statistics.
pub(super) const LISTENER: &str = "edge";

/// The file in the lab's folder that takes the access log.
pub(super) const ACCESS_LOG: &str = "access.log";

/// The filter state that the drill filter sets, without Envoy's prefix `wasm.`.
const FILTER_STATE: [&str; 7] = [
    "drill_verdict",
    "drill_reason",
    "drill_id",
    "drill_environment",
    "drill_key",
    "drill_token",
    "drill_generation",
];

/// The listener of `edge`, with the rest of its configuration in files under `directory`.
pub fn listeners(edge: &Edge, directory: &Path) -> Vec<Value> {
    vec![json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": LISTENER,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": connection_manager(edge, directory),
            }]
        }]
    })]
}

/// HTTP/1.1 and h2c by what the client speaks first, with what Istio sets on a gateway.
fn connection_manager(edge: &Edge, directory: &Path) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                  http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": LISTENER,
        "codec_type": "AUTO",
        "use_remote_address": true,
        "normalize_path": true,
        "max_request_headers_kb": edge.headers.map(|limits| limits.kib),
        "common_http_protocol_options": {
            "max_headers_count": edge.headers.map(|limits| limits.count),
        },
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
        "rds": {
            "route_config_name": ROUTE_CONFIGURATION,
            "config_source": Resource::Routes.source(directory),
        },
        "http_filters": http_filters(edge, directory),
        "access_log": access_log(edge, &directory.join(ACCESS_LOG)),
    })
}

fn http_filters(edge: &Edge, directory: &Path) -> Vec<Value> {
    let mut filters = Vec::new();
    match &edge.filter {
        Filter::Absent => {}
        Filter::Native(config) => {
            filters.push(json!({ "name": FILTER_NAME, "typed_config": config }));
        }
        Filter::AllowAll | Filter::Module(_) => filters.push(drill_filter(directory)),
    }
    if edge.guard {
        filters.push(guard(edge));
    }
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        }
    }));
    filters
}

/// The place of the drill filter. As with Istio, its content comes by ECDS, so a change of it
/// leaves the listener alone; an allow-all stands in until there is any.
fn drill_filter(directory: &Path) -> Value {
    json!({
        "name": FILTER_NAME,
        "config_discovery": {
            "config_source": Resource::Filter.source(directory),
            "default_config": { "@type": RBAC_TYPE },
            "apply_default_config_without_warming": false,
            "type_urls": [WASM_TYPE, RBAC_TYPE],
        }
    })
}

/// What the lab logs of a drill request: the request, and the filter state that the drill filter
/// leaves.
pub(super) fn drill_fields() -> BTreeMap<String, String> {
    let filter_state = FILTER_STATE.map(|key| (key, format!("%FILTER_STATE(wasm.{key}:PLAIN)%")));
    let request = [
        ("method", "%REQ(:METHOD)%"),
        ("path", "%REQ(:PATH)%"),
        ("authority", "%REQ(:AUTHORITY)%"),
        ("status", "%RESPONSE_CODE%"),
        ("details", "%RESPONSE_CODE_DETAILS%"),
        ("flags", "%RESPONSE_FLAGS%"),
        ("cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ]
    .map(|(field, format)| (field, format.to_owned()));
    let fields = request.into_iter().chain(filter_state);
    fields
        .map(|(field, format)| (field.to_owned(), format))
        .collect()
}

/// One JSON line for each request that carried a drill context.
fn access_log(edge: &Edge, path: &Path) -> Option<Vec<Value>> {
    let fields = edge.access_log.as_ref()?;
    Some(vec![json!({
        "name": "envoy.access_loggers.file",
        "filter": {
            "header_filter": { "header": { "name": CONTEXT_HEADER, "present_match": true } }
        },
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": { "json_format": fields },
        }
    })])
}
