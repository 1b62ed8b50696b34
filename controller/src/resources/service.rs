//! The names by which services are called.

use std::collections::BTreeSet;

/// The DNS domain of the cluster's services. A cluster with another one takes names in full.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// A service by the one name that Istio finds it by from any namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// The name in full.
    pub host: String,
    /// The namespace of a Service of Kubernetes; none for a host of a ServiceEntry, which may be
    /// anywhere.
    pub namespace: Option<String>,
}

/// The service that `host` means in an object of `namespace`.
///
/// `orders`, `orders.ns`, `orders.ns.svc` and `orders.ns.svc.cluster.local` are Services. Istio
/// itself does not know the second form, and a ServiceEntry may be called so, too (`example.com`):
/// it is a Service where `ns` is one of `namespaces`.
///
/// ```
/// use drillgate::resources::service::service;
/// let namespaces = ["shop".to_owned()].into();
/// assert_eq!(service("orders.shop", "ci", &namespaces).host, "orders.shop.svc.cluster.local");
/// assert_eq!(service("orders", "ci", &namespaces).namespace.as_deref(), Some("ci"));
/// assert_eq!(service("example.com", "ci", &namespaces).namespace, None);
/// ```
pub fn service(host: &str, namespace: &str, namespaces: &BTreeSet<String>) -> Service {
    let labels: Vec<&str> = host.split('.').collect();
    let (name, namespace) = match labels.as_slice() {
        [name] => (*name, namespace),
        [name, namespace] if namespaces.contains(*namespace) => (*name, *namespace),
        [name, namespace, "svc"] => (*name, *namespace),
        // In full, whatever the cluster's domain is.
        [_, namespace, "svc", _, ..] => {
            return Service {
                host: host.to_owned(),
                namespace: Some((*namespace).to_owned()),
            };
        }
        _ => {
            return Service {
                host: host.to_owned(),
                namespace: None,
            };
        }
    };
    Service {
        host: format!("{name}.{namespace}.svc.{CLUSTER_DOMAIN}"),
        namespace: Some(namespace.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::service;

    #[test]
    fn every_way_to_name_a_service_tells_its_namespace() {
        let namespaces = ["shop".to_owned(), "svc".to_owned()].into();
        for (host, full, namespace) in [
            ("orders", "orders.ci.svc.cluster.local", Some("ci")),
            ("orders.shop", "orders.shop.svc.cluster.local", Some("shop")),
            (
                "orders.shop.svc",
                "orders.shop.svc.cluster.local",
                Some("shop"),
            ),
            (
                "orders.shop.svc.cluster.local",
                "orders.shop.svc.cluster.local",
                Some("shop"),
            ),
            (
                "orders.shop.svc.corp.example",
                "orders.shop.svc.corp.example",
                Some("shop"),
            ),
            ("orders.nowhere", "orders.nowhere", None),
            ("db.example.com", "db.example.com", None),
            ("a.b.c.d", "a.b.c.d", None),
        ] {
            let found = service(host, "ci", &namespaces);
            assert_eq!(found.host, full);
            assert_eq!(found.namespace.as_deref(), namespace, "{host}");
        }
    }
}
