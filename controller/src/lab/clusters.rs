//! CDS: production and the sandboxes.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::edge::{Cluster, Edge, proto_duration};

/// The clusters of `edge`.
pub fn clusters(edge: &Edge) -> Vec<Value> {
    std::iter::once(&edge.production)
        .chain(&edge.sandboxes)
        .map(cluster)
        .collect()
}

fn cluster(cluster: &Cluster) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": cluster.name,
        "type": "STATIC",
        "connect_timeout": proto_duration(cluster.connect_timeout),
        "load_assignment": {
            "cluster_name": cluster.name,
            "endpoints": [{ "lb_endpoints": endpoints(cluster) }],
        },
        "circuit_breakers": { "thresholds": [thresholds(cluster)] },
        "outlier_detection": cluster.eject_after.map(outlier_detection),
        // Otherwise Envoy sends to ejected endpoints again once most of them are ejected.
        "common_lb_config": { "healthy_panic_threshold": {} },
        "transport_socket": cluster.tls.then(tls),
        // HTTP/1.1 stays HTTP/1.1, gRPC goes on as h2c.
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type":
                    "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "use_downstream_protocol_config": {
                    "http_protocol_options": {},
                    "http2_protocol_options": {},
                }
            }
        }
    })
}

fn tls() -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/\
                      envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
        }
    })
}

fn endpoints(cluster: &Cluster) -> Vec<Value> {
    let endpoint = |address: &SocketAddr| {
        json!({
            "endpoint": {
                "address": {
                    "socket_address": {
                        "address": address.ip().to_string(),
                        "port_value": address.port(),
                    }
                }
            }
        })
    };
    cluster.endpoints.iter().map(endpoint).collect()
}

fn thresholds(cluster: &Cluster) -> Value {
    json!({
        "priority": "DEFAULT",
        "max_connections": cluster.limits.connections,
        "max_pending_requests": cluster.limits.pending_requests,
        "max_requests": cluster.limits.requests,
        "max_retries": cluster.limits.retries,
    })
}

/// Ejects for 30 s, and all endpoints if all fail.
fn outlier_detection(failures: u32) -> Value {
    json!({
        "consecutive_5xx": failures,
        "enforcing_consecutive_5xx": 100,
        "base_ejection_time": "30s",
        "max_ejection_percent": 100,
    })
}
