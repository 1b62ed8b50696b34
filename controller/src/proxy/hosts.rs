//! For which host a request is.

use http::uri::Authority;
use http::{Version, header, request};

use super::error::Error;

/// The drill's hosts; the first is the one of requests that name none of them.
#[derive(Debug, Clone)]
pub struct Hosts {
    default: Authority,
    others: Vec<Authority>,
}

impl Hosts {
    /// These hosts, each a name with or without a port, or `default` if there are none.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(hosts: &[String], default: &Authority) -> Result<Hosts, Error> {
        let hosts: Result<Vec<_>, _> = hosts.iter().map(|host| parse(host)).collect();
        let mut hosts = hosts?.into_iter();
        Ok(Hosts {
            default: hosts.next().unwrap_or_else(|| default.clone()),
            others: hosts.collect(),
        })
    }

    /// The host that a request with this head is for.
    ///
    /// An HTTP/1 request with a whole URL is one to an ordinary proxy, and its host is its own.
    /// All others were sent to the proxy as if it were the service: they keep the host that they
    /// name if it is the drill's, as browsers with a host table do, and get the default otherwise.
    /// (HTTP/2 has one form for both.)
    pub fn of(&self, head: &request::Parts) -> Authority {
        let absolute = head.uri.authority().and_then(without_user);
        if head.version < Version::HTTP_2
            && let Some(authority) = absolute
        {
            return authority;
        }
        let mut named = head.headers.get_all(header::HOST).into_iter();
        let of_header = match (named.next(), named.next()) {
            (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
            _ => None,
        };
        match absolute.or(of_header).and_then(|host| without_user(&host)) {
            Some(host) if self.has(&host) => host,
            _ => self.default.clone(),
        }
    }

    fn has(&self, host: &Authority) -> bool {
        let mut known = std::iter::once(&self.default).chain(&self.others);
        known.any(|known| name(known).eq_ignore_ascii_case(name(host)))
    }
}

fn parse(host: &str) -> Result<Authority, Error> {
    let authority = host.parse().ok().filter(|authority: &Authority| {
        without_user(authority).as_ref() == Some(authority) && !name(authority).is_empty()
    });
    authority.ok_or_else(|| Error::Host(host.to_owned()))
}

/// The host's name, without port and trailing dot.
fn name(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_suffix('.').unwrap_or(host)
}

/// A URL may have a name and a password in it, which are for the proxy at most.
fn without_user(authority: &Authority) -> Option<Authority> {
    let text = authority.as_str();
    match text.rsplit_once('@') {
        None => Some(authority.clone()),
        Some((_, host)) => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};

    use super::Hosts;

    const ORDERS: &str = "orders.example.com";
    const SHOP: &str = "shop.example.com:8443";

    fn hosts(named: &[&str]) -> Hosts {
        let named: Vec<_> = named.iter().map(ToString::to_string).collect();
        Hosts::new(&named, &"gateway:8080".parse().unwrap()).unwrap()
    }

    fn of(uri: &str, version: Version, fields: &[&str]) -> String {
        let mut request = Request::builder().uri(uri).version(version);
        for host in fields {
            request = request.header("host", *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        hosts(&[ORDERS, SHOP]).of(&head).to_string()
    }

    #[test]
    fn a_request_to_the_proxy_itself_is_for_the_first_host_unless_it_names_one_of_the_drills() {
        for (host, expected) in [
            (&["127.0.0.1:4000"][..], ORDERS),
            (&[], ORDERS),
            (&[ORDERS], ORDERS),
            (&["Orders.Example.com.:80"], "Orders.Example.com.:80"),
            (&["shop.example.com"], "shop.example.com"),
            (&["x.orders.example.com"], ORDERS),
            (&["user@shop.example.com"], "shop.example.com"),
            (&["two words"], ORDERS),
            (&["shop.example.com", "shop.example.com"], ORDERS),
        ] {
            assert_eq!(of("/a", Version::HTTP_11, host), expected, "{host:?}");
        }
    }

    #[test]
    fn a_request_to_an_ordinary_proxy_keeps_its_host() {
        for (uri, expected) in [
            ("http://other.example.com/a", "other.example.com"),
            ("https://other.example.com:444/a", "other.example.com:444"),
            ("http://user:word@other.example.com", "other.example.com"),
        ] {
            for version in [Version::HTTP_10, Version::HTTP_11] {
                assert_eq!(of(uri, version, &[SHOP]), expected);
            }
        }
    }

    #[test]
    fn http_2_names_its_host_in_one_way_only() {
        for (uri, expected) in [
            ("http://127.0.0.1:4000/a", ORDERS),
            ("http://other.example.com/a", ORDERS),
            ("http://shop.example.com:8443/a", SHOP),
        ] {
            assert_eq!(of(uri, Version::HTTP_2, &[]), expected);
        }
    }

    #[test]
    fn without_a_host_the_upstreams_own_is_taken() {
        let (head, ()) = Request::new(()).into_parts();
        assert_eq!(hosts(&[]).of(&head), "gateway:8080");
    }

    #[test]
    fn what_is_no_host_is_refused_by_name() {
        for host in ["", ":80", "http://a", "a/b", "user@a", "two words"] {
            let error = Hosts::new(&[host.to_owned()], &"a".parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains(&format!("{host:?}")), "{error}");
        }
    }
}
