//! The audit record: one flat JSON line for each drill request.

use drill_context::Claims;
use serde_json::{Map, Value};

use crate::Verdict;
use crate::decision::{Headers, Subject, values};
use crate::host::Host;

/// What is known of a drill request when it arrives. Texts are bounded, and safe in a log.
#[derive(Debug, Default)]
pub(crate) struct Request {
    method: String,
    authority: String,
    path: String,
    request_id: String,
}

impl Request {
    pub(crate) fn from_headers(headers: &Headers) -> Request {
        let text = |name, longest| shown(values(headers, name).next().unwrap_or_default(), longest);
        let path = values(headers, ":path").next().unwrap_or_default();
        let query = path.iter().position(|b| matches!(b, b'?' | b'#'));
        Request {
            method: text(":method", 32),
            authority: text(":authority", 256),
            path: shown(path.split_at(query.unwrap_or(path.len())).0, 512),
            request_id: text("x-request-id", 64),
        }
    }
}

/// One line of JSON. A field that is not known is left out.
///
/// What a client claims about itself is in it only where a signature has shown it.
pub(crate) fn record(
    verdict: Verdict,
    subject: &Subject,
    request: &Request,
    generation: u64,
    host: &impl Host,
) -> String {
    let mut record = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(name.to_owned(), value);
        }
    };
    put("event", Some("drill-request".into()));
    put("verdict", Some(verdict.class().into()));
    put("generation", Some(generation.into()));
    if let Verdict::Refused(refusal) = verdict {
        put("reason", Some(refusal.code().into()));
    }
    put("kid", subject.kid().map(|kid| kid.as_str().into()));
    if let Some(Claims {
        drill,
        environment,
        token_id,
        ..
    }) = subject.claims()
    {
        put("drill", Some(drill.to_string().into()));
        put("environment", Some(environment.as_str().into()));
        put("jti", token_id.as_ref().map(|id| id.as_str().into()));
    }
    put("method", known(&request.method));
    put("authority", known(&request.authority));
    put("path", known(&request.path));
    put("request_id", known(&request.request_id));
    put("status", integer(host, &["response", "code"]));
    put("code_details", text(host, &["response", "code_details"]));
    if was_steered(verdict) {
        put("upstream_cluster", text(host, &["xds", "cluster_name"]));
    }
    put("source_address", text(host, &["source", "address"]));
    let nanoseconds = integer(host, &["request", "duration"]).and_then(|n| n.as_i64());
    put(
        "duration_ms",
        nanoseconds.map(|n| Value::from(n / 1_000_000)),
    );
    Value::Object(record).to_string()
}

/// Whether an upstream was in question. For a refused request the proxy still names the cluster
/// of the route that was never taken, production's for one: that would be a false witness.
fn was_steered(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Refused(_) | Verdict::Probe)
}

/// The fields that a proxy cannot add to an access log by itself, one key each.
pub(crate) fn filter_state<'a>(
    verdict: Verdict,
    subject: &'a Subject,
    generation: u64,
) -> Vec<(&'static str, std::borrow::Cow<'a, str>)> {
    let mut fields = vec![
        ("drill_verdict", verdict.class().into()),
        ("drill_generation", generation.to_string().into()),
    ];
    if let Verdict::Refused(refusal) = verdict {
        fields.push(("drill_reason", refusal.code().into()));
    }
    if let Some(kid) = subject.kid() {
        fields.push(("drill_key", kid.as_str().into()));
    }
    if let Some(claims) = subject.claims() {
        fields.push(("drill_id", claims.drill.to_string().into()));
        fields.push(("drill_environment", claims.environment.as_str().into()));
        if let Some(id) = &claims.token_id {
            fields.push(("drill_token", id.as_str().into()));
        }
    }
    fields
}

fn known(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

fn text(host: &impl Host, path: &[&str]) -> Option<Value> {
    host.property(path)
        .and_then(|bytes| known(&shown(&bytes, 256)))
}

/// Integers and durations (in nanoseconds) are 8 bytes, little-endian.
fn integer(host: &impl Host, path: &[&str]) -> Option<Value> {
    let bytes = host.property(path)?;
    let bytes = <[u8; 8]>::try_from(bytes.as_slice()).ok()?;
    Some(i64::from_le_bytes(bytes).into())
}

/// Bytes from outside as text that cannot break a log line or a terminal: printable ASCII,
/// with a question mark for all else, and no longer than `longest` bytes.
fn shown(bytes: &[u8], longest: usize) -> String {
    let printable = |b: &u8| {
        if (b' '..=b'~').contains(b) {
            char::from(*b)
        } else {
            '?'
        }
    };
    bytes.iter().take(longest).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::{Request, shown};

    fn headers(list: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        list.iter()
            .map(|(n, v)| ((*n).to_owned(), v.to_vec()))
            .collect()
    }

    #[test]
    fn the_path_is_kept_without_its_query() {
        for (path, kept) in [
            ("/orders?token=hunter2", "/orders"),
            ("/orders#x?y", "/orders"),
            ("/?", "/"),
            ("?x", ""),
        ] {
            let request = Request::from_headers(&headers(&[(":path", path.as_bytes())]));
            assert_eq!(request.path, kept);
        }
    }

    #[test]
    fn stray_bytes_cannot_break_a_line_and_length_is_bounded() {
        assert_eq!(shown(b"a\n\r\x1b[31m\xff\x00\"b\x7f", 99), "a???[31m??\"b?");
        let long = vec![b'x'; 100_000];
        let request = Request::from_headers(&headers(&[
            (":path", &long),
            (":method", &long),
            (":authority", &long),
            ("x-request-id", &long),
        ]));
        assert_eq!(request.path.len(), 512);
        assert_eq!(request.method.len(), 32);
        assert_eq!(request.authority.len(), 256);
        assert_eq!(request.request_id.len(), 64);
    }
}
