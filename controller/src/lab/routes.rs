//! RDS: which virtual host takes which authority, and where it leads.

use serde_json::{Value, json};

use super::edge::{CONTEXT_HEADER, Drill, Edge, ROUTE_HEADER, proto_duration};

/// The name of the route configuration.
pub(super) const ROUTE_CONFIGURATION: &str = "edge";

/// The route table of `edge`.
///
/// Virtual hosts, most specific first as Envoy prefers them: one for each drill and host, one for
/// each owned host, the guard for the rest of the drill domain, production for all else.
pub fn routes(edge: &Edge) -> Vec<Value> {
    let mut hosts: Vec<Value> = Vec::new();
    for drill in &edge.drills {
        let hosts_of_drill = drill.hosts.iter().filter(|host| !edge.owns(host));
        hosts.extend(hosts_of_drill.map(|host| drill_host(drill, host, &edge.domain)));
    }
    hosts.extend(edge.owned.iter().map(|host| owned_host(edge, host)));
    hosts.push(virtual_host(
        "guard",
        &format!("*.{}", edge.domain),
        vec![refuse(None)],
    ));
    hosts.push(virtual_host("production", "*", vec![to_production(edge)]));

    vec![json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIGURATION,
        // Istio's gateways do so: a drill host is a drill host on any port.
        "ignore_port_in_host_matching": true,
        "virtual_hosts": hosts,
    })]
}

/// The drill's own host: to the sandbox with the context, to nowhere without.
fn drill_host(drill: &Drill, host: &str, domain: &str) -> Value {
    let name = format!("{host}.{}.{domain}", drill.route_key);
    let mut routes = vec![to_sandbox(drill, vec![context_present()], Some(host))];
    if drill.only_under.is_none() {
        routes.push(refuse(None));
    }
    virtual_host(&name, &name, routes)
}

/// A host that drillgate owns: its drills by route key, any other drill request to nowhere, all
/// else to production. One virtual host, so Envoy swaps all of it at once.
fn owned_host(edge: &Edge, host: &str) -> Value {
    let covers = |drill: &&Drill| drill.hosts.iter().any(|of| of.eq_ignore_ascii_case(host));
    let mut routes: Vec<Value> = edge
        .drills
        .iter()
        .filter(covers)
        .map(|drill| {
            to_sandbox(
                drill,
                vec![context_present(), route_key_is(&drill.route_key)],
                None,
            )
        })
        .collect();
    routes.push(refuse(Some(context_present())));
    routes.push(to_production(edge));
    virtual_host(host, host, routes)
}

fn virtual_host(name: &str, domain: &str, routes: Vec<Value>) -> Value {
    json!({ "name": name, "domains": [domain], "routes": routes })
}

fn context_present() -> Value {
    json!({ "name": CONTEXT_HEADER, "present_match": true })
}

fn route_key_is(key: &str) -> Value {
    json!({ "name": ROUTE_HEADER, "string_match": { "exact": key } })
}

/// To the drill's cluster for requests that match all of `headers`; the sandbox sees `authority`
/// in place of the request's own if there is one, and never the route key by which it was steered
/// if there is none.
fn to_sandbox(drill: &Drill, headers: Vec<Value>, authority: Option<&str>) -> Value {
    json!({
        "name": format!("drill-{}", drill.route_key),
        "match": { "prefix": drill.only_under.as_deref().unwrap_or("/"), "headers": headers },
        "request_headers_to_remove": authority.is_none().then_some([ROUTE_HEADER]),
        "route": {
            "cluster": drill.cluster,
            "host_rewrite_literal": authority,
            "timeout": proto_duration(drill.timeout),
            "retry_policy": {
                "retry_on": "5xx",
                "num_retries": drill.retries.attempts,
                "per_try_timeout": proto_duration(drill.retries.per_try),
            }
        }
    })
}

/// Production without a time limit and with the retries that Istio gives every route.
fn to_production(edge: &Edge) -> Value {
    json!({
        "name": "production",
        "match": { "prefix": "/" },
        "route": {
            "cluster": edge.production.name,
            "timeout": "0s",
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,unavailable,cancelled",
                "num_retries": 2,
            }
        }
    })
}

/// 503 from Envoy itself, for requests that match `header` or for all.
fn refuse(header: Option<Value>) -> Value {
    json!({
        "name": "refuse",
        "match": { "prefix": "/", "headers": header.into_iter().collect::<Vec<_>>() },
        "direct_response": { "status": 503 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge() -> Edge {
        let mut edge = Edge::new(([127, 0, 0, 1], 1).into());
        edge.drills = vec![
            Drill::new("k1", "a.example", "s1"),
            Drill::new("k2", "b.example", "s2"),
        ];
        edge
    }

    fn names(edge: &Edge) -> Vec<String> {
        let hosts = routes(edge)[0]["virtual_hosts"].clone();
        hosts
            .as_array()
            .unwrap()
            .iter()
            .map(|host| host["name"].to_string())
            .collect()
    }

    #[test]
    fn every_drill_host_has_a_virtual_host_of_its_own() {
        let expected = [
            "\"a.example.k1.drill.internal\"",
            "\"b.example.k2.drill.internal\"",
            "\"guard\"",
            "\"production\"",
        ];
        assert_eq!(names(&edge()), expected);
    }

    #[test]
    fn an_owned_host_takes_the_place_of_the_drill_host() {
        let mut edge = edge();
        edge.owned = vec!["a.example".to_owned()];
        let expected = [
            "\"b.example.k2.drill.internal\"",
            "\"a.example\"",
            "\"guard\"",
            "\"production\"",
        ];
        assert_eq!(names(&edge), expected);

        let rules = routes(&edge)[0]["virtual_hosts"][1]["routes"].clone();
        let rules: Vec<&str> = rules
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|rule| rule["name"].as_str())
            .collect();
        assert_eq!(rules, ["drill-k1", "refuse", "production"]);
    }
}
