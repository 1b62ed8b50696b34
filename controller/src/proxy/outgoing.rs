//! What goes out in place of what came in.

use drill_context::HEADER_NAME;
use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, request};

use super::hop_by_hop;

/// Names that begin so are the edge's and ours.
const OURS: &str = "x-drill-";

/// The head of the request that goes to the edge for the one that came in: for `authority`, with
/// `context` as the one drill context, without what is for the client's connection only.
///
/// It goes by the version of HTTP that it came by. A client cannot take the context off, nor put
/// one of its own in its place.
///
/// ```
/// use drillgate::proxy::outgoing;
/// use http::{HeaderValue, Request, uri::Scheme};
/// let forged = Request::get("/orders/42").header("x-drill-context", "forged").body(())?;
/// let context = HeaderValue::from_static("a.b.c");
/// let head = outgoing(&forged.into_parts().0, &Scheme::HTTP, "orders.example.com".parse()?, context)?;
/// assert_eq!(head.uri, "http://orders.example.com/orders/42");
/// assert_eq!(head.headers["x-drill-context"], "a.b.c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`http::Error`] where `authority` and the path make no URL.
pub fn outgoing(
    came: &request::Parts,
    scheme: &Scheme,
    authority: Authority,
    context: HeaderValue,
) -> Result<request::Parts, http::Error> {
    let http_1 = came.version < Version::HTTP_2;
    let mut headers = came.headers.clone();
    hop_by_hop::remove(&mut headers);
    remove_ours(&mut headers);
    headers.remove(HOST);
    if http_1 {
        headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
        // Of a GET without it a client takes the body for none.
        if hop_by_hop::is_chunked(&came.headers) {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    if hop_by_hop::takes_trailers(&came.headers) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if http_1 {
            headers.append(CONNECTION, HeaderValue::from_static("te"));
        }
    }
    if http_1 && let Some(protocol) = hop_by_hop::upgrade(&came.headers) {
        headers.insert(UPGRADE, protocol);
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    headers.insert(HEADER_NAME, context);

    let path = came.uri.path_and_query().cloned();
    let uri = Uri::builder()
        .scheme(scheme.clone())
        .authority(authority)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = came.method.clone();
    head.uri = uri;
    head.version = if http_1 {
        Version::HTTP_11
    } else {
        Version::HTTP_2
    };
    head.headers = headers;
    Ok(head)
}

/// Takes off what a client says about drills, in the headers or in the trailers.
pub(super) fn remove_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

/// Also with underscores, which applications behind CGI and WSGI take for hyphens.
fn is_ours(name: &HeaderName) -> bool {
    name.as_str().replace('_', "-").starts_with(OURS)
}

#[cfg(test)]
mod tests {
    use http::uri::Scheme;
    use http::{HeaderValue, Method, Request, Version, request};

    use super::outgoing;

    fn came(version: Version, uri: &str, fields: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::builder().method("PUT").uri(uri).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn goes(came: &request::Parts) -> request::Parts {
        let mut context = HeaderValue::from_static("fresh");
        context.set_sensitive(true);
        let host = "orders.example.com:8080".parse().unwrap();
        outgoing(came, &Scheme::HTTPS, host, context).unwrap()
    }

    /// What goes out of these fields by HTTP/1.1, in alphabetical order.
    fn fields(fields: &[(&str, &str)]) -> Vec<String> {
        sorted(&goes(&came(Version::HTTP_11, "/", fields)))
    }

    fn sorted(head: &request::Parts) -> Vec<String> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let line = |(name, value)| format!("{name}: {}", text(value));
        let mut lines: Vec<_> = head.headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    const HOST: &str = "host: orders.example.com:8080";
    const FRESH: &str = "x-drill-context: fresh";

    #[test]
    fn no_client_gets_past_the_signature() {
        const TABLE: [&[(&str, &str)]; 10] = [
            &[],
            &[("x-drill-context", "forged")],
            &[("X-Drill-Context", "forged"), ("x-drill-context", "again")],
            &[("x-drill-context", "")],
            &[("connection", "x-drill-context")],
            &[
                ("connection", "close, X-Drill-Context"),
                ("x-drill-context", "forged"),
            ],
            &[
                ("x-drill-route", "k"),
                ("x-drill-verdict", "routed"),
                ("x-drill-", ""),
            ],
            &[("x_drill_context", "forged"), ("x-drill_context", "forged")],
            &[
                ("host", "spoofed.drill.internal"),
                ("host", "orders.example.com"),
            ],
            &[("connection", "host")],
        ];
        for came in TABLE {
            assert_eq!(fields(came), [HOST, FRESH], "{came:?}");
        }
    }

    #[test]
    fn all_else_goes_on_as_it_came() {
        let came = [
            ("accept", "b"),
            ("accept", "a"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("traceparent", "00-1-2-03"),
            ("trailer", "x-sum"),
            ("x-drillgate", "kept"),
        ];
        let expected = [
            "accept: a",
            "accept: b",
            "content-length: 3",
            "expect: 100-continue",
            HOST,
            "traceparent: 00-1-2-03",
            "trailer: x-sum",
            FRESH,
            "x-drillgate: kept",
        ];
        assert_eq!(fields(&came), expected);
    }

    #[test]
    fn a_body_in_chunks_stays_one_whatever_the_method() {
        let chunked = "transfer-encoding: chunked";
        for method in [Method::GET, Method::PUT] {
            let mut came = came(Version::HTTP_11, "/", &[("transfer-encoding", "Chunked")]);
            came.method = method;
            assert_eq!(sorted(&goes(&came)), [HOST, chunked, FRESH]);
        }
    }

    #[test]
    fn trailers_and_upgrades_are_asked_for_anew() {
        let (te, upgrade) = ("connection: te", "connection: upgrade");
        assert_eq!(fields(&[("te", "gzip")]), [HOST, FRESH]);
        let trailers = fields(&[("te", "gzip, trailers"), ("connection", "te, close")]);
        assert_eq!(trailers, [te, HOST, "te: trailers", FRESH]);

        let connection = ("connection", "Upgrade, X-Drill-Context");
        let socket = fields(&[
            connection,
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
        ]);
        let expected = [
            upgrade,
            HOST,
            "sec-websocket-key: k",
            "upgrade: websocket",
            FRESH,
        ];
        assert_eq!(socket, expected);
        assert_eq!(fields(&[connection, ("upgrade", "h2c")]), [HOST, FRESH]);
        assert_eq!(fields(&[("upgrade", "websocket")]), [HOST, FRESH]);
    }

    #[test]
    fn http_2_names_the_host_in_the_url_and_has_no_connection() {
        let came = came(
            Version::HTTP_2,
            "http://proxy/a?b=c",
            &[("te", "trailers"), ("host", "x")],
        );
        let goes = goes(&came);
        assert_eq!(goes.version, Version::HTTP_2);
        assert_eq!(goes.uri, "https://orders.example.com:8080/a?b=c");
        assert_eq!(sorted(&goes), ["te: trailers", FRESH]);
    }

    #[test]
    fn method_path_and_query_stay() {
        for (uri, path) in [
            ("/a//b/../c?d=%20", "/a//b/../c?d=%20"),
            ("http://b", "/"),
            ("*", "*"),
        ] {
            let goes = goes(&came(Version::HTTP_10, uri, &[]));
            assert_eq!(goes.method, Method::PUT);
            assert_eq!(goes.version, Version::HTTP_11);
            assert_eq!(goes.uri.path_and_query().unwrap().as_str(), path);
        }
    }

    #[test]
    fn the_context_is_left_out_of_debug_output() {
        let head = goes(&came(Version::HTTP_11, "/", &[]));
        assert!(head.headers["x-drill-context"].is_sensitive());
    }
}
