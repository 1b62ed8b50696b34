//! Durations as Kubernetes people write them: `90s`, `30m`, `1h30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The one form, as the schema demands it: hours, minutes and seconds in this order, each at most
/// once. CEL's `duration()` and Go read it, too; that the text is not empty is left to `minLength`.
const PATTERN: &str = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$";

/// The longest text that the pattern lets through.
const MAX_LENGTH: u32 = 19;

/// A time span of whole seconds. It keeps the text that it was read from, so that an object that
/// is read and written again is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    text: String,
    seconds: u32,
}

impl Duration {
    /// So many seconds, written in the largest units that leave nothing over: `30s`, `1h30m`.
    pub fn from_secs(seconds: u32) -> Duration {
        let parts = [
            (seconds / 3600, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        let shown = parts.iter().filter(|(number, _)| *number > 0);
        let mut text: String = shown
            .map(|(number, unit)| format!("{number}{unit}"))
            .collect();
        if text.is_empty() {
            text.push_str("0s");
        }
        Duration { text, seconds }
    }

    /// Its length in seconds.
    pub fn as_secs(&self) -> u32 {
        self.seconds
    }

    /// The same as the standard library has it.
    pub fn to_std(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds.into())
    }

    /// The form of protobuf's JSON, which Istio reads: seconds only.
    pub fn proto(&self) -> String {
        format!("{}s", self.seconds)
    }
}

/// A text that is no such duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationError;

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be hours, minutes and seconds, such as 90s, 30m or 1h30m")
    }
}

impl std::error::Error for DurationError {}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Duration, DurationError> {
        let mut rest = text;
        let mut seconds: u32 = 0;
        for (unit, digits, length) in [('h', 5, 3600), ('m', 5, 60), ('s', 6, 1)] {
            let Some((number, after)) = rest.split_once(unit) else {
                continue;
            };
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            if !plain || !(1..=digits).contains(&number.len()) {
                return Err(DurationError);
            }
            // At most 99,999 hours and minutes and 999,999 seconds: no overflow of 32 bits.
            let number: u32 = number.parse().map_err(|_| DurationError)?;
            seconds += number * length;
            rest = after;
        }
        if text.is_empty() || !rest.is_empty() {
            return Err(DurationError);
        }
        let text = text.to_owned();
        Ok(Duration { text, seconds })
    }
}

impl TryFrom<String> for Duration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Duration, DurationError> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> String {
        duration.text
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 2,
            "maxLength": MAX_LENGTH,
            "pattern": PATTERN,
            "x-kubernetes-validations": [
                { "rule": "duration(self) >= duration('1s')", "message": "must be at least 1s" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn hours_minutes_and_seconds_in_this_order_are_read() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1800),
            ("1h", 3600),
            ("24h", 86_400),
            ("1h30m", 5400),
            ("1h1m1s", 3661),
            ("2h5s", 7205),
            ("90m", 5400),
            ("99999h99999m999999s", 366_996_339),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_secs(), seconds, "{text}");
            assert_eq!(duration.to_string(), text);
            assert_eq!(duration.proto(), format!("{seconds}s"));
        }
    }

    #[test]
    fn a_number_of_seconds_is_written_as_a_person_would() {
        for (seconds, text) in [
            (0, "0s"),
            (30, "30s"),
            (90, "1m30s"),
            (3600, "1h"),
            (5400, "1h30m"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(duration.to_string(), text);
            assert_eq!(text.parse(), Ok(duration));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "5", "s", "h", "1h30", "30m1h", "1s1s", "-5m", "+5m", "1.5h", "500ms", "5us", "1d",
            "5 m", " 5m", "1h 30m", "5M", "100000h", "1000000s", "٣s",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text:?}");
        }
    }
}
