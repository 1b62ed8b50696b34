//! Access logs as OpenTelemetry exports them: OTLP in its JSON form, as a collector's file exporter
//! writes it, an `ExportLogsServiceRequest` a line.

use serde_json::{Map, Value};

/// The attributes of each log record of an export; none if `object` is no export.
pub(super) fn attributes(object: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for resource in list(object.get("resourceLogs")) {
        for scope in list(resource.get("scopeLogs")) {
            let logs = list(scope.get("logRecords")).iter();
            found.extend(logs.map(|log| named(list(log.get("attributes")))));
        }
    }
    found
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Attributes as members of an object. A number of 64 bits is a text in this form.
fn named(attributes: &[Value]) -> Map<String, Value> {
    let member = |attribute: &Value| {
        let name = attribute.get("key")?.as_str()?.to_owned();
        let value = attribute.get("value")?.as_object()?.values().next()?;
        Some((name, value.clone()))
    };
    attributes.iter().filter_map(member).collect()
}
