//! `report.json`: the record, and what follows from it.

use std::fmt;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RenderError;
use super::record::{Record, VERSION};

/// The largest report that is read or written, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A record of a run of a drill, its verdict, and why it has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "drillgate report")]
pub struct Document {
    /// What the drill came to.
    pub verdict: Verdict,
    /// Why it has failed, a sentence for each reason; nothing if it has passed.
    pub failures: Vec<String>,
    /// What is known of the run.
    #[serde(flatten)]
    pub record: Record,
}

/// What a drill came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// All that had to hold did.
    Passed,
    /// Something did not, or could not be found out.
    Failed,
}

/// Why a report cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// It is longer than [`MAX_BYTES`].
    TooLarge,
    /// It is no JSON, or lacks something.
    Invalid(serde_json::Error),
    /// It is of another version, or of none.
    Version(Option<String>),
    /// It has a member that this version does not know.
    Unknown(String),
    /// Its verdict or its failures are not those of its record.
    Contradiction,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
        })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::TooLarge => {
                write!(f, "it is no report: it has more than {MAX_BYTES} bytes")
            }
            ReadError::Invalid(error) => write!(f, "it is no report: {error}"),
            ReadError::Version(Some(version)) => write!(
                f,
                "it is of version {version:?}, and this drillgate reads {VERSION:?}: read it with the drillgate that wrote it"
            ),
            ReadError::Version(None) => {
                write!(f, "it is no report: member \"version\" must be {VERSION:?}")
            }
            ReadError::Unknown(path) => write!(
                f,
                "its member {path} is not known here: read it with the drillgate that wrote it"
            ),
            ReadError::Contradiction => f.write_str(
                "its verdict or its failures are not what its record comes to: it was changed by hand",
            ),
        }
    }
}

impl std::error::Error for ReadError {}

impl Document {
    /// The document of a record.
    pub fn of(record: &Record) -> Document {
        let failures = record.failures();
        Document {
            verdict: Verdict::of(&failures),
            failures,
            record: record.clone(),
        }
    }

    /// The text of `report.json`.
    ///
    /// # Errors
    /// [`RenderError`], which says what in the record cannot be written.
    pub fn text(&self) -> Result<String, RenderError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

impl Verdict {
    fn of(failures: &[String]) -> Verdict {
        match failures {
            [] => Verdict::Passed,
            _ => Verdict::Failed,
        }
    }
}

/// Reads the text of a `report.json`, strictly: what is not known is refused, and so is a verdict
/// that does not follow from the record.
///
/// # Errors
/// [`ReadError`].
pub fn read(text: &[u8]) -> Result<Record, ReadError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let value: Value = serde_json::from_slice(text).map_err(ReadError::Invalid)?;
    match value.get("version").and_then(Value::as_str) {
        Some(VERSION) => {}
        other => return Err(ReadError::Version(other.map(str::to_owned))),
    }
    // From the text again, since errors then name a line.
    let document: Document = serde_json::from_slice(text).map_err(ReadError::Invalid)?;
    let known = serde_json::to_value(&document).map_err(ReadError::Invalid)?;
    if let Some(path) = unknown(&value, &known) {
        return Err(ReadError::Unknown(path));
    }
    if document != Document::of(&document.record) {
        return Err(ReadError::Contradiction);
    }
    Ok(document.record)
}

/// The first member that was given and is not in what was understood of it.
fn unknown(given: &Value, known: &Value) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            given
                .iter()
                .find_map(|(name, value)| match known.get(name) {
                    Some(known) => unknown(value, known).map(|path| format!("{name}.{path}")),
                    None if value.is_null() => None,
                    None => Some(name.clone()),
                })
        }
        (Value::Array(given), Value::Array(known)) => {
            let mut pairs = given.iter().zip(known).enumerate();
            pairs.find_map(|(index, (given, known))| {
                unknown(given, known).map(|path| format!("{index}.{path}"))
            })
        }
        _ => None,
    }
}

/// The JSON Schema of `report.json`.
pub fn schema() -> Schema {
    schemars::schema_for!(Document)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Document, ReadError, read};
    use crate::evidence::samples;

    fn changed(change: impl FnOnce(&mut Value)) -> Result<(), ReadError> {
        let text = Document::of(&samples::failed()).text().unwrap();
        let mut value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        read(value.to_string().as_bytes()).map(drop)
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for record in [
            samples::passed(),
            samples::failed(),
            samples::empty(),
            samples::hostile(),
        ] {
            let text = Document::of(&record).text().unwrap();
            assert_eq!(read(text.as_bytes()).unwrap(), record);
        }
    }

    #[test]
    fn another_version_is_named() {
        let error = changed(|value| value["version"] = json!("drillgate.dev/report/v9"));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("version \"drillgate.dev/report/v9\""),
            "{error}"
        );
        let error = changed(|value| value["version"] = json!(7)).unwrap_err();
        assert!(matches!(error, ReadError::Version(None)));
    }

    #[test]
    fn a_member_that_is_not_known_is_named_wherever_it_is() {
        let error = changed(|value| value["approvedBy"] = json!("me")).unwrap_err();
        assert!(matches!(&error, ReadError::Unknown(path) if path == "approvedBy"));
        let error = changed(|value| value["checks"][1]["waived"] = json!(true)).unwrap_err();
        assert!(matches!(&error, ReadError::Unknown(path) if path == "checks.1.waived"));
    }

    #[test]
    fn a_verdict_that_does_not_follow_from_the_record_is_refused() {
        for change in [
            |value: &mut Value| value["verdict"] = json!("passed"),
            |value: &mut Value| value["failures"] = json!([]),
            |value: &mut Value| value["residue"] = json!([]),
        ] {
            let error = changed(change).unwrap_err();
            assert!(matches!(error, ReadError::Contradiction), "{error}");
        }
    }

    #[test]
    fn what_is_no_report_or_too_long_is_refused() {
        for text in [&b""[..], b"[]", b"{}", b"\xff"] {
            assert!(read(text).is_err());
        }
        let long = vec![b' '; super::MAX_BYTES as usize + 1];
        assert!(matches!(read(&long), Err(ReadError::TooLarge)));
    }
}
