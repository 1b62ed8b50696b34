//! Servers of Gateways that would leave a drill's routes out.

use crate::istio::{Gateway, Server};
use crate::resources::hosts::{accepts, redirects, sees_requests};
use crate::resources::metadata::full_name;

/// The servers of `gateway` that answer requests themselves, with their place in the list.
pub(super) fn answering(gateway: &Gateway) -> impl Iterator<Item = (usize, &Server)> {
    let servers = gateway.spec.servers.iter().enumerate();
    servers.filter(|(_, server)| sees_requests(server) && !redirects(server))
}

/// The sentence about a server that does not accept the hosts under `domain` of `namespace`.
pub(super) fn refused(
    gateways: &[Gateway],
    (gateway, index, server): (&Gateway, usize, &Server),
    domain: &str,
    namespace: &str,
) -> String {
    let what = format!(
        "server {} of Gateway {} accepts no host under {domain} of namespace {namespace}",
        place(index, server),
        full_name(gateway),
    );
    let host = format!("*.{domain}");
    match rival(gateways, server, &host, namespace) {
        // Two servers for HTTPS with one host on one port: Istio leaves the later one out, and so
        // production with it.
        Some(rival) => format!(
            "{what}, and {rival} accepts them on the same port, where no two HTTPS servers may have one host: serve the drill's hosts from that server, or set the gate's domain to one under its hosts"
        ),
        None => format!("{what}: add \"{host}\" to its spec.servers[{index}].hosts"),
    }
}

/// Another HTTPS server on the port of `server` that accepts `host`.
fn rival(gateways: &[Gateway], server: &Server, host: &str, namespace: &str) -> Option<String> {
    let is_https = |server: &Server| server.port.protocol.eq_ignore_ascii_case("HTTPS");
    if !is_https(server) {
        return None;
    }
    gateways.iter().find_map(|gateway| {
        let mut others = answering(gateway);
        let (index, rival) = others.find(|(_, other)| {
            is_https(other)
                && other.port.number == server.port.number
                && accepts(gateway, other, host, namespace)
        })?;
        let place = place(index, rival);
        Some(format!("server {place} of Gateway {}", full_name(gateway)))
    })
}

fn place(index: usize, server: &Server) -> String {
    let name = match server.name.as_deref() {
        None | Some("") => server.port.name.as_str(),
        Some(name) => name,
    };
    if name.is_empty() {
        format!("{index} (port {})", server.port.number)
    } else {
        format!("{name} (port {})", server.port.number)
    }
}
