//! The authority of a request: which host is meant, and what it becomes.

use crate::{Refusal, RouteKey};

/// The longest host name, in bytes (RFC 1035, 2.3.4, in text form).
const MAX_HOST_BYTES: usize = 253;

/// Reads the host that an authority names: in lower case, without port and trailing dot.
///
/// What is not a DNS name (an IP literal, user information, an empty label) could not be a
/// virtual host of a drill, and is refused rather than guessed at.
///
/// # Errors
/// [`Refusal::BadAuthority`].
pub(crate) fn host_of(authority: &[u8]) -> Result<String, Refusal> {
    let colon = authority.iter().position(|b| *b == b':');
    let (name, port) = authority.split_at(colon.unwrap_or(authority.len()));
    let name = name.strip_suffix(b".").unwrap_or(name);
    let port_holds = port.split_first().is_none_or(|(_, port)| is_port(port));
    if !port_holds || name.len() > MAX_HOST_BYTES || !is_name(name) {
        return Err(Refusal::BadAuthority);
    }
    String::from_utf8(name.to_ascii_lowercase()).map_err(|_| Refusal::BadAuthority)
}

/// Whether a host, as [`host_of`] gives it, is the drill domain or lies under it.
pub(crate) fn is_under(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

/// The host that the drill's own routes are bound to.
///
/// # Errors
/// [`Refusal::BadAuthority`] when the result would be no valid host name.
pub(crate) fn drill_host(host: &str, key: &RouteKey, domain: &str) -> Result<String, Refusal> {
    let steered = [host, key.as_str(), domain].join(".");
    if steered.len() > MAX_HOST_BYTES {
        return Err(Refusal::BadAuthority);
    }
    Ok(steered)
}

fn is_port(port: &[u8]) -> bool {
    (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit)
}

/// Whether these are the labels of a DNS name, without a trailing dot. Its length is not looked at.
pub(crate) fn is_name(name: &[u8]) -> bool {
    name.split(|b| *b == b'.').all(is_label)
}

/// A label of a DNS name. The underscore is no host name's, but it is in use.
fn is_label(label: &[u8]) -> bool {
    let of_label = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.iter().all(of_label)
}

#[cfg(test)]
mod tests {
    use super::{drill_host, host_of, is_under};
    use crate::Refusal;

    #[test]
    fn a_host_is_read_without_case_port_and_trailing_dot() {
        for authority in [
            "orders.example.com",
            "ORDERS.Example.com",
            "orders.example.com:8443",
            "orders.example.com.",
            "Orders.Example.Com.:443",
        ] {
            assert_eq!(host_of(authority.as_bytes()).unwrap(), "orders.example.com");
        }
        assert_eq!(host_of(b"localhost").unwrap(), "localhost");
        assert_eq!(host_of(b"10.0.0.1:80").unwrap(), "10.0.0.1");
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        let long = "a".repeat(64);
        let longer = ["abcdefgh"; 32].join(".");
        for authority in [
            "",
            ".",
            "..",
            ":80",
            "a..b",
            ".a",
            "a..",
            "a:",
            "a:b",
            "a:123456",
            "a:80:80",
            "[::1]",
            "[::1]:80",
            "user@a",
            "user:pw@a",
            "a b",
            "a/b",
            "a\0b",
            "a,b",
            "ä.example",
            &long,
            &longer,
        ] {
            assert_eq!(
                host_of(authority.as_bytes()),
                Err(Refusal::BadAuthority),
                "{authority}"
            );
        }
        assert_eq!(host_of(b"a\xff"), Err(Refusal::BadAuthority));
    }

    #[test]
    fn the_drill_domain_covers_itself_and_what_lies_under_it_only() {
        for host in ["drill.internal", "x.drill.internal", "a.b.drill.internal"] {
            assert!(is_under(host, "drill.internal"), "{host}");
        }
        for host in [
            "xdrill.internal",
            "drill.internal.example.com",
            "internal",
            "a.internal",
        ] {
            assert!(!is_under(host, "drill.internal"), "{host}");
        }
    }

    #[test]
    fn a_drill_host_keeps_the_hosts_name_and_ends_in_the_domain() {
        let key = "abcdefghijklmnopqrstuvwxyz".parse().unwrap();
        assert_eq!(
            drill_host("orders.example.com", &key, "drill.internal").unwrap(),
            "orders.example.com.abcdefghijklmnopqrstuvwxyz.drill.internal"
        );
        let long = ["abcdefgh"; 25].join(".");
        assert_eq!(
            drill_host(&long, &key, "drill.internal"),
            Err(Refusal::BadAuthority)
        );
    }
}
