//! Records in one line of a log, whoever has wrapped it.

use serde_json::{Map, Value};

use super::otlp;
use super::record::Record;

/// How often one log may be wrapped in another: a container's log around a proxy's own JSON.
const MAX_DEPTH: u8 = 4;

/// What Envoy writes before a record of the filter, and what the record begins with.
const MARK: &str = "wasm log ";
const BEGIN: &str = ": {\"event\":\"drill-request\"";

/// The members in which a log is wrapped in another. No other text is looked into: a client writes
/// what it likes into the path of an ordinary request, a record too, and access logs repeat it.
const WRAPPERS: [&str; 6] = ["msg", "message", "log", "line", "body", "textPayload"];

/// The records in a line: none in most, one in a line of a proxy's log or of an access log, many in
/// an export of OpenTelemetry (OTLP as JSON, one export a line).
///
/// A proxy's line may be wrapped: by Envoy's own prefix, as a string in the JSON of Istio's logs
/// (`--log_as_json`), of Docker's or of a shipper.
///
/// ```
/// use drillgate::audit::records;
/// let line = r#"[2026-11-26 10:00:00.000][12][warning][wasm] wasm log drillgate: {"event":"drill-request","verdict":"routed","status":200}"#;
/// let records = records(line);
/// assert_eq!(records.len(), 1);
/// assert_eq!(records[0].status, Some(200));
/// assert!(drillgate::audit::records("an ordinary line").is_empty());
/// ```
pub fn records(line: &str) -> Vec<Record> {
    in_text(line, MAX_DEPTH)
}

fn in_text(text: &str, depth: u8) -> Vec<Record> {
    let text = text.trim();
    if text.starts_with('{')
        && let Ok(object) = serde_json::from_str::<Map<String, Value>>(text)
    {
        return in_object(&object, depth);
    }
    in_proxys_line(text).into_iter().collect()
}

/// The record in a line of Envoy's own log. In a line of an access log, what a client wrote stands
/// in quotes: a record after a quote is not one of the filter.
fn in_proxys_line(text: &str) -> Option<Record> {
    let (before, after) = text.split_once(BEGIN)?;
    let (prefix, _plugin) = before.split_once(MARK)?;
    if before.contains('"') || prefix.is_empty() {
        return None;
    }
    // What follows the record in the line is not looked at.
    let from = format!("{}{after}", BEGIN.trim_start_matches(": "));
    let mut objects = serde_json::Deserializer::from_str(&from).into_iter::<Map<String, Value>>();
    Record::of_filter(&objects.next()?.ok()?)
}

fn in_object(object: &Map<String, Value>, depth: u8) -> Vec<Record> {
    if let Some(record) = Record::of_filter(object).or_else(|| Record::of_access_log(object)) {
        return vec![record];
    }
    let exported = otlp::attributes(object);
    if !exported.is_empty() {
        let found = exported.iter().flat_map(|log| in_object(log, depth));
        return found.collect();
    }
    let Some(deeper) = depth.checked_sub(1) else {
        return Vec::new();
    };
    let wrapped = object.iter().flat_map(|(name, value)| match value {
        Value::String(text) if WRAPPERS.contains(&name.as_str()) => in_text(text, deeper),
        Value::Object(inner) => in_object(inner, deeper),
        _ => Vec::new(),
    });
    wrapped.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::records;

    const RECORD: &str = r#"{"event":"drill-request","verdict":"refused","reason":"expired","drill":"6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f","environment":"orders-dr","kid":"ci","jti":"a-1","method":"GET","authority":"orders.example.com","path":"/","status":403,"code_details":"wasm","duration_ms":2,"request_id":"r-1","source_address":"10.0.0.1:4","generation":7}"#;

    fn one(line: &str) -> serde_json::Value {
        let found = records(line);
        assert_eq!(found.len(), 1, "{line}");
        serde_json::to_value(&found[0]).unwrap()
    }

    /// All that a record has, but for the member that only marks it.
    fn all() -> serde_json::Value {
        let mut all: serde_json::Value = serde_json::from_str(RECORD).unwrap();
        all.as_object_mut().unwrap().remove("event");
        all
    }

    #[test]
    fn a_record_is_found_however_its_line_was_wrapped() {
        let envoy =
            format!("[2026-11-26 10:00:00.000][12][warning][wasm] wasm log drillgate: {RECORD}\n");
        let istio = json!({"level": "warning", "time": "x", "scope": "envoy wasm", "msg": format!("external/envoy/context.cc:1157\twasm log edge.gate: {RECORD}\tthread=12")});
        let docker = json!({"log": format!("{istio}\n"), "stream": "stderr"});
        let shipped =
            json!({"@timestamp": "x", "kubernetes": {"pod": "p"}, "message": docker.to_string()});
        for line in [
            RECORD.to_owned(),
            envoy,
            istio.to_string(),
            docker.to_string(),
            shipped.to_string(),
        ] {
            assert_eq!(one(&line), all(), "{line}");
        }
    }

    #[test]
    fn an_access_log_has_the_same_fields_by_the_keys_of_the_filter_state() {
        let line = json!({
            "drill_verdict": "refused", "drill_reason": "expired", "drill_key": "ci",
            "drill_id": "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f", "drill_environment": "orders-dr",
            "drill_token": "a-1", "drill_generation": "7", "method": "GET", "path": "/",
            "authority": "orders.example.com", "status": 403, "code_details": "wasm",
            "duration_ms": "2", "request_id": "r-1", "source_address": "10.0.0.1:4",
            "upstream_cluster": "-",
        });
        assert_eq!(one(&line.to_string()), all());
        let ordinary = json!({"drill_verdict": "-", "status": 200});
        assert!(records(&ordinary.to_string()).is_empty());
        let unset = json!({"drill_verdict": null, "status": 200});
        assert!(records(&unset.to_string()).is_empty());
    }

    #[test]
    fn an_export_has_many() {
        let log = |verdict: &str| {
            json!({"timeUnixNano": "1", "body": {"stringValue": ""}, "attributes": [
                {"key": "drill_verdict", "value": {"stringValue": verdict}},
                {"key": "drill_generation", "value": {"stringValue": "7"}},
                {"key": "status", "value": {"intValue": "403"}},
            ]})
        };
        let line = json!({"resourceLogs": [
            {"scopeLogs": [{"logRecords": [log("routed"), log("refused")]}]},
            {"scopeLogs": [{"logRecords": [log("-")]}, {"logRecords": [log("routed")]}]},
        ]});
        let found = records(&line.to_string());
        let verdicts: Vec<_> = found.iter().map(|record| record.verdict.as_str()).collect();
        assert_eq!(verdicts, ["routed", "refused", "routed"]);
        assert_eq!(found[0].status, Some(403));
        assert_eq!(found[0].generation, Some(7));
    }

    #[test]
    fn a_record_that_a_client_wrote_into_an_ordinary_request_is_none() {
        let forged = format!("/wasm log drillgate: {RECORD}");
        let text = format!("[2026-11-26T10:00:00.000Z] \"GET {forged} HTTP/1.1\" 200");
        let access_log = json!({"path": forged, "authority": "x", "status": 200});
        let raw = json!({"path": RECORD, "user_agent": {"original": RECORD}});
        let docker = json!({"log": text, "stream": "stdout"});
        for line in [
            text,
            access_log.to_string(),
            raw.to_string(),
            docker.to_string(),
        ] {
            assert!(records(&line).is_empty(), "{line}");
        }
    }

    #[test]
    fn other_lines_have_none_and_deep_ones_end() {
        let mut deep = RECORD.to_owned();
        for _ in 0..20 {
            deep = json!({ "log": deep }).to_string();
        }
        for line in [
            "",
            "{",
            "{}",
            "{\"event\":\"drill-request\"",
            "drill-request",
            &deep,
        ] {
            assert!(records(line).is_empty(), "{line}");
        }
        let nameless = r#"{"event":"drill-request"}"#;
        assert!(records(nameless).is_empty());
    }
}
