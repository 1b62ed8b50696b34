//! Hosts and Gateways: which names mean what, and who accepts whom.

use super::metadata::namespace_of;
use crate::api::DrillGate;
use crate::istio::{Gateway, Server, VirtualService};

/// The longest host, in characters.
pub(super) const MAX_HOST: usize = 253;

/// How long a route key is.
const ROUTE_KEY: usize = 26;

/// The protocols of servers that see requests.
const HTTP: [&str; 4] = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"];

/// A drill's own host: what the filter rewrites the authority to.
pub(super) fn drill_host(host: &str, route_key: &str, domain: &str) -> String {
    format!("{host}.{route_key}.{domain}")
}

/// How long a drill's own host is.
pub(super) fn drill_host_length(host: &str, domain: &str) -> usize {
    host.len() + 1 + ROUTE_KEY + 1 + domain.len()
}

/// Whether `host` is `domain` or lies under it.
pub(super) fn is_under(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

/// The Gateways of `gate`, as `namespace/name`: Istio's, or those of the Gateway API that it refers
/// to, which are in its own namespace.
pub(super) fn gateways(gate: &DrillGate) -> Vec<String> {
    let own = namespace_of(gate);
    let references = gate.spec.target_refs.iter().flatten();
    let references = references.map(|reference| &reference.name);
    let names = gate.spec.gateways.iter().chain(references);
    names.map(|name| qualified(name, &own)).collect()
}

/// `name` or `namespace/name`, seen from `namespace`, as `namespace/name`.
fn qualified(name: &str, namespace: &str) -> String {
    match name.split_once('/') {
        Some(_) => name.to_owned(),
        None => format!("{namespace}/{name}"),
    }
}

/// Whether `service` is bound to one of `gateways`.
pub(super) fn is_bound(service: &VirtualService, gateways: &[String]) -> bool {
    let own = namespace_of(service);
    let mut names = service.spec.gateways.iter();
    names.any(|name| gateways.contains(&qualified(name, &own)))
}

/// Whether a server's requests are seen by filters for HTTP.
pub(super) fn sees_requests(server: &Server) -> bool {
    let protocol = server.port.protocol.to_ascii_uppercase();
    if protocol != "HTTPS" {
        return HTTP.contains(&protocol.as_str());
    }
    let mode = server.tls.as_ref().and_then(|tls| tls.mode.as_deref());
    !matches!(mode, Some("PASSTHROUGH" | "AUTO_PASSTHROUGH"))
}

/// Whether a server only sends its clients to HTTPS.
pub(super) fn redirects(server: &Server) -> bool {
    let tls = server.tls.as_ref();
    tls.and_then(|tls| tls.https_redirect).unwrap_or_default()
}

/// Whether `server` of `gateway` accepts every host under `host` (or `host` itself where it has no
/// `*.` in front) of a VirtualService in `namespace`.
pub(super) fn accepts(gateway: &Gateway, server: &Server, host: &str, namespace: &str) -> bool {
    let own = namespace_of(gateway);
    server.hosts.iter().any(|of_server| {
        let (from, pattern) = of_server.split_once('/').unwrap_or(("*", of_server));
        let visible = match from {
            "*" => true,
            "." => own == namespace,
            other => other == namespace,
        };
        visible && covers(pattern, host)
    })
}

/// Whether `server` takes requests for `host`, or for every host under it, from whomever its routes
/// are.
pub(super) fn takes(server: &Server, host: &str) -> bool {
    let mut patterns = server.hosts.iter();
    patterns.any(|pattern| covers(pattern.rsplit('/').next().unwrap_or(pattern), host))
}

/// Whether a label of a name is longer than DNS has them: the filter takes no such name, and refuses
/// all of a configuration that has one.
pub(super) fn is_label_too_long(name: &str) -> bool {
    name.split('.').any(|label| label.len() > 63)
}

/// Whether `pattern` (`*`, `*.example.com`, `example.com`) takes all that `host` (`*.example.com`,
/// `example.com`) stands for.
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    match pattern.strip_prefix('*') {
        Some(suffix) => host.trim_start_matches('*').ends_with(suffix) && host != suffix,
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{accepts, covers, is_bound, is_under, sees_requests};
    use crate::istio::{Gateway, Server, VirtualService};

    #[test]
    fn a_pattern_covers_what_lies_under_it() {
        for (pattern, host) in [
            ("*", "a.example.com"),
            ("*", "*.drill.internal"),
            ("*.example.com", "a.example.com"),
            ("*.Example.com", "a.b.example.COM"),
            ("*.example.com", "*.drill.example.com"),
            ("*.example.com", "*.example.com"),
            ("example.com", "example.com"),
        ] {
            assert!(covers(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.drill.example.com", "*.example.com"),
            ("*.example.com", "a.badexample.com"),
            ("a.example.com", "*.example.com"),
            ("example.com", "a.example.com"),
        ] {
            assert!(!covers(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn a_server_accepts_hosts_of_the_namespaces_that_it_names() {
        let gateway: Gateway = serde_json::from_value(json!({
            "metadata": {"name": "public", "namespace": "istio-system"},
            "spec": {"servers": []},
        }))
        .unwrap();
        let accepted = |host: &str, namespace: &str| {
            let server = Server {
                hosts: vec![host.to_owned()],
                ..Server::default()
            };
            accepts(&gateway, &server, "*.drill.internal", namespace)
        };
        for host in [
            "*",
            "*/*",
            "*.internal",
            "*/*.drill.internal",
            "ci/*",
            "ci/*.drill.internal",
        ] {
            assert!(accepted(host, "ci"), "{host}");
        }
        for host in [
            "./*",
            "shop/*",
            "*.example.com",
            "x.drill.internal",
            "drill.internal",
        ] {
            assert!(!accepted(host, "ci"), "{host}");
        }
        assert!(accepted("./*", "istio-system"));
    }

    #[test]
    fn a_host_is_under_a_domain_by_whole_labels() {
        assert!(is_under("drill.internal", "drill.internal"));
        assert!(is_under("a.b.drill.internal", "drill.internal"));
        assert!(!is_under("xdrill.internal", "drill.internal"));
    }

    #[test]
    fn a_server_that_passes_tls_through_sees_no_requests() {
        let sees = |protocol: &str, mode: serde_json::Value| {
            let server = json!({"port": {"protocol": protocol}, "tls": {"mode": mode}});
            sees_requests(&serde_json::from_value(server).unwrap())
        };
        for protocol in ["HTTP", "http", "HTTP2", "GRPC", "HTTPS"] {
            assert!(sees(protocol, json!("SIMPLE")), "{protocol}");
        }
        for protocol in ["TCP", "TLS", "MONGO", ""] {
            assert!(!sees(protocol, json!("SIMPLE")), "{protocol}");
        }
        assert!(!sees("HTTPS", json!("PASSTHROUGH")));
    }

    #[test]
    fn a_virtual_service_names_gateways_from_its_own_namespace() {
        let bound = |gateways: serde_json::Value| {
            let service: VirtualService = serde_json::from_value(json!({
                "metadata": {"name": "orders", "namespace": "shop"},
                "spec": {"hosts": [], "gateways": gateways},
            }))
            .unwrap();
            is_bound(&service, &["shop/public".to_owned()])
        };
        assert!(bound(json!(["mesh", "public"])));
        assert!(bound(json!(["shop/public"])));
        assert!(!bound(json!(["mesh"])));
        assert!(!bound(json!(["ci/public"])));
    }
}
