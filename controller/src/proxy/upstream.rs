//! Where the edge is.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

use super::error::Error;
use crate::api::Probe;

/// The edge's address, as a URL without a path: `https://gateway.example.com:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
}

impl Upstream {
    /// Where a gate's probe reaches the gateway.
    ///
    /// # Errors
    /// [`Error::Upstream`].
    pub fn of_probe(probe: &Probe) -> Result<Upstream, Error> {
        let scheme = if probe.tls { "https" } else { "http" };
        format!("{scheme}://{}", probe.address).parse()
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Host and port, as they were given.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether it speaks TLS.
    pub(super) fn tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Host, without the brackets of an IPv6 address, and port.
    pub(super) fn address(&self) -> (&str, u16) {
        let host = self.authority.host();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let port = self.authority.port_u16();
        (host, port.unwrap_or(if self.tls() { 443 } else { 80 }))
    }
}

impl FromStr for Upstream {
    type Err = Error;

    fn from_str(text: &str) -> Result<Upstream, Error> {
        let refused = || Error::Upstream(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let (Some(scheme), Some(authority), true) = (uri.scheme(), uri.authority(), bare) else {
            return Err(refused());
        };
        let known = [Scheme::HTTP, Scheme::HTTPS].contains(scheme);
        let named = !authority.host().is_empty() && !authority.as_str().contains('@');
        if !known || !named {
            return Err(refused());
        }
        Ok(Upstream {
            scheme: scheme.clone(),
            authority: authority.clone(),
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn an_upstream_is_a_scheme_a_host_and_a_port() {
        for (url, tls, host, port) in [
            ("http://gateway", false, "gateway", 80),
            ("http://127.0.0.1:8080/", false, "127.0.0.1", 8080),
            (
                "https://gateway.example.com",
                true,
                "gateway.example.com",
                443,
            ),
            ("HTTPS://[::1]:8443", true, "::1", 8443),
        ] {
            let upstream: Upstream = url.parse().unwrap();
            assert_eq!((upstream.tls(), upstream.address()), (tls, (host, port)));
        }
        let shown = "https://gateway:1".parse::<Upstream>().unwrap();
        assert_eq!(shown.to_string(), "https://gateway:1");
    }

    #[test]
    fn what_is_more_or_less_than_that_is_refused_by_name() {
        for url in [
            "",
            "gateway:8080",
            "ftp://gateway",
            "http://",
            "http://:80",
            "http://gateway/orders",
            "http://gateway?a",
            "http://user@gateway",
        ] {
            let error = url.parse::<Upstream>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{url:?} is no upstream")),
                "{error}"
            );
        }
    }
}
