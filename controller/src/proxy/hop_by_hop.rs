//! Headers that are for one connection and not for the next ([RFC 9110, 7.6.1]).
//!
//! [RFC 9110, 7.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1

use http::header::{CONNECTION, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Those that are, whether or not `Connection` names them. `Trailer` is not among them: trailers
/// are carried.
const ALWAYS: [HeaderName; 4] = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE];

/// The same, of names that have no constant.
const ALSO: [&str; 2] = ["keep-alive", "http2-settings"];

/// Takes off what is for this connection only, and all that `Connection` names.
///
/// `Connection` itself never goes on as it came: Envoy would take off what it names, a drill
/// context included, before any filter.
pub(super) fn remove(headers: &mut HeaderMap) {
    let connection = headers.get_all(CONNECTION).into_iter();
    let named: Vec<HeaderName> = connection.flat_map(elements).filter_map(name).collect();
    let proxys: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("proxy-"))
        .cloned()
        .collect();
    let fixed = ALWAYS.into_iter().chain(ALSO.map(HeaderName::from_static));
    for name in named.into_iter().chain(proxys).chain(fixed) {
        headers.remove(name);
    }
}

/// The protocol that a request, or the answer to it, changes to: the one in `Upgrade`, if
/// `Connection` says so.
///
/// Not one that concerns the connection to the proxy alone, such as `h2c`, and no choice of
/// several.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get_all(CONNECTION)
        .into_iter()
        .flat_map(elements)
        .any(|element| element.eq_ignore_ascii_case(b"upgrade"));
    let mut protocols = headers.get_all(UPGRADE).into_iter();
    let (true, Some(protocol), None) = (asked, protocols.next(), protocols.next()) else {
        return None;
    };
    let of_this_connection = [&b"h2c"[..], b"h2", b"tls/1.0", b"http/2.0"]
        .iter()
        .any(|of_this| protocol.as_bytes().eq_ignore_ascii_case(of_this));
    let several = protocol.as_bytes().contains(&b',');
    (!of_this_connection && !several).then(|| protocol.clone())
}

/// Whether a body comes in chunks, of which only this says that there is one.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    let mut codings = codings.flat_map(elements);
    codings.any(|coding| coding.eq_ignore_ascii_case(b"chunked"))
}

/// Whether the client takes trailers.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .into_iter()
        .flat_map(elements)
        .any(|element| element.eq_ignore_ascii_case(b"trailers"))
}

/// The elements of a list, without the space around them.
fn elements(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let elements = value.as_bytes().split(|byte| *byte == b',');
    elements.map(<[u8]>::trim_ascii)
}

fn name(element: &[u8]) -> Option<HeaderName> {
    HeaderName::from_bytes(element).ok()
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{remove, takes_trailers, upgrade};

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn what_is_for_one_connection_is_taken_off() {
        const TABLE: [&[(&str, &str)]; 9] = [
            &[("connection", "close")],
            &[
                ("connection", "x-drill-context"),
                ("x-drill-context", "a.b.c"),
            ],
            &[
                ("connection", "close, X-One ,,\tx-two"),
                ("x-one", "1"),
                ("x-two", "2"),
            ],
            &[
                ("connection", "x-one"),
                ("connection", "x-two"),
                ("x-one", "1"),
                ("x-two", "2"),
            ],
            &[("connection", "x-one"), ("x-one", "1"), ("x-one", "again")],
            &[
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
            ],
            &[
                ("proxy-authorization", "Basic eDp5"),
                ("proxy-x", "1"),
                ("te", "gzip"),
            ],
            &[
                ("transfer-encoding", "chunked"),
                ("connection", "b\u{fc}, ;"),
            ],
            &[
                ("connection", "upgrade, http2-settings"),
                ("upgrade", "h2c"),
                ("http2-settings", "AA"),
            ],
        ];
        for fields in TABLE {
            let mut fields = headers(fields);
            let stays = headers(&[("accept", "a"), ("cookie", "b"), ("trailer", "c")]);
            fields.extend(stays.clone());
            remove(&mut fields);
            assert_eq!(fields, stays);
        }
    }

    #[test]
    fn an_upgrade_is_one_protocol_that_connection_names() {
        let asked = |upgrades: &str, connection: &str| {
            upgrade(&headers(&[
                ("upgrade", upgrades),
                ("connection", connection),
            ]))
        };
        for (upgrades, connection) in [
            ("websocket", "Upgrade"),
            ("WebSocket", "keep-alive, upgrade"),
            ("spdy/3.1", "x-drill-context,UPGRADE"),
        ] {
            assert_eq!(asked(upgrades, connection).unwrap(), upgrades);
        }
        for (upgrades, connection) in [
            ("websocket", "close"),
            ("websocket", "upgraded"),
            ("h2c", "upgrade, http2-settings"),
            ("TLS/1.0", "upgrade"),
            ("websocket, h2c", "upgrade"),
        ] {
            assert_eq!(asked(upgrades, connection), None, "{upgrades}");
        }
        assert_eq!(upgrade(&headers(&[("connection", "upgrade")])), None);
        let twice = [
            ("connection", "upgrade"),
            ("upgrade", "a"),
            ("upgrade", "b"),
        ];
        assert_eq!(upgrade(&headers(&twice)), None);
    }

    #[test]
    fn trailers_are_taken_where_te_says_so() {
        for (te, taken) in [
            ("trailers", true),
            ("gzip, Trailers", true),
            ("gzip", false),
        ] {
            assert_eq!(takes_trailers(&headers(&[("te", te)])), taken, "{te}");
        }
        assert!(!takes_trailers(&headers(&[])));
    }
}
