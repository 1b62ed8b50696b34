//! The audit record: one flat JSON line for each drill request.

use crate::Verdict;
use crate::decision::{Headers, Subject, values};
use crate::host::Host;
use crate::json::Object;

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
    let mut record = Object::new();
    record.text("event", "drill-request");
    record.text("verdict", verdict.class());
    if let Verdict::Refused(refusal) = verdict {
        record.text("reason", refusal.code());
    }
    let claims = subject.claims();
    if let Some(claims) = claims {
        record.text("drill", &claims.drill.to_string());
        record.text("environment", claims.environment.as_str());
    }
    if let Some(kid) = subject.kid() {
        record.text("kid", kid.as_str());
    }
    if let Some(id) = claims.and_then(|claims| claims.token_id.as_ref()) {
        record.text("jti", id.as_str());
    }
    record.known("method", &request.method);
    record.known("authority", &request.authority);
    record.known("path", &request.path);
    if let Some(status) = integer(host, &["response", "code"]) {
        record.number("status", status);
    }
    record.known("code_details", &text(host, &["response", "code_details"]));
    if was_steered(verdict) {
        record.known("upstream_cluster", &text(host, &["xds", "cluster_name"]));
    }
    if let Some(nanoseconds) = integer(host, &["request", "duration"]) {
        record.number("duration_ms", nanoseconds / 1_000_000);
    }
    record.known("request_id", &request.request_id);
    record.known("source_address", &text(host, &["source", "address"]));
    record.number("generation", generation);
    record.finish()
}

/// Whether an upstream was in question. For a refused request the proxy still names the cluster
/// of the route that was never taken, production's for one: that would be a false witness.
fn was_steered(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Refused(_) | Verdict::Probe)
}

/// The filter state that holds the verdict: the one that changes when the reply comes.
pub(crate) const VERDICT_KEY: &str = "drill_verdict";

/// The fields that a proxy cannot add to an access log by itself, one key each.
pub(crate) fn filter_state<'a>(
    verdict: Verdict,
    subject: &'a Subject,
    generation: u64,
) -> Vec<(&'static str, std::borrow::Cow<'a, str>)> {
    let mut fields = vec![
        (VERDICT_KEY, verdict.class().into()),
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

fn text(host: &impl Host, path: &[&str]) -> String {
    host.property(path)
        .map(|bytes| shown(&bytes, 256))
        .unwrap_or_default()
}

/// Integers and durations (in nanoseconds) are 8 bytes, little-endian.
fn integer(host: &impl Host, path: &[&str]) -> Option<i64> {
    let bytes = host.property(path)?;
    let bytes = <[u8; 8]>::try_from(bytes.as_slice()).ok()?;
    Some(i64::from_le_bytes(bytes))
}

/// Bytes from outside as text that cannot break a log line or a terminal: printable ASCII,
/// with a question mark for all else, and no longer than `longest` bytes.
fn shown(bytes: &[u8], longest: usize) -> String {
    let mut text = bytes.split_at(longest.min(bytes.len())).0.to_vec();
    for byte in &mut text {
        if !(b' '..=b'~').contains(byte) {
            *byte = b'?';
        }
    }
    // It is ASCII by now.
    String::from_utf8(text).unwrap_or_default()
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
