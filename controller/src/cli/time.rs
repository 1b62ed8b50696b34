//! Times and durations as a person writes and reads them. The clock is read here only.

use std::fmt;

use drill_context::MAX_TIME;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

/// A time or a duration that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeError {
    NotATime,
    NotADuration,
    NoDuration,
    OutOfRange,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeError::NotATime => {
                "must be seconds of the Unix epoch or a time of RFC 3339, such as 1790000000 or 2026-09-21T14:13:20Z, in the years 1970 to 9999"
            }
            TimeError::NotADuration => "must be whole seconds, minutes or hours, such as 90s, 5m or 1h",
            TimeError::NoDuration => "must be at least one second",
            TimeError::OutOfRange => {
                "the token's times must lie in the years 1970 to 9999: check the clock, --at and --expires-in"
            }
        })
    }
}

impl std::error::Error for TimeError {}

/// The current time in seconds of the Unix epoch.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Epoch seconds or RFC 3339; a fraction of a second is cut off.
pub(super) fn parse(text: &str) -> Result<i64, TimeError> {
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => text
            .parse::<Timestamp>()
            .map_err(|_| TimeError::NotATime)?
            .as_second(),
    };
    in_range(seconds).map_err(|_| TimeError::NotATime)
}

/// A duration of whole seconds, also none.
pub(super) fn parse_duration(text: &str) -> Result<i64, TimeError> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if duration.subsec_nanos() == 0 && !duration.is_negative() => {
            Ok(duration.as_secs())
        }
        _ => Err(TimeError::NotADuration),
    }
}

/// A duration of whole seconds, at least one.
pub(super) fn parse_lifetime(text: &str) -> Result<i64, TimeError> {
    match parse_duration(text)? {
        0 => Err(TimeError::NoDuration),
        seconds => Ok(seconds),
    }
}

/// Demands a time that a drill context may carry.
pub(super) fn in_range(seconds: i64) -> Result<i64, TimeError> {
    if (0..=MAX_TIME).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(TimeError::OutOfRange)
    }
}

/// RFC 3339 in UTC.
pub(super) fn rfc3339(seconds: i64) -> String {
    // `Timestamp` ends a day before `MAX_TIME`, so that every zone can show it; civil time does
    // not.
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    match epoch.checked_add(SignedDuration::from_secs(seconds)) {
        Ok(time) => format!("{time}Z"),
        Err(_) => format!("{seconds} seconds after 1970"),
    }
}

/// RFC 3339 and how far that is from now.
pub(super) fn seen_from(now: i64, seconds: i64) -> String {
    let time = rfc3339(seconds);
    let away = SignedDuration::from_secs(seconds.saturating_sub(now));
    match away.signum() {
        -1 => format!("{time} ({:#} ago)", away.abs()),
        0 => format!("{time} (now)"),
        _ => format!("{time} (in {away:#})"),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TIME, TimeError, parse, parse_duration, parse_lifetime, rfc3339, seen_from};

    #[test]
    fn a_time_is_epoch_seconds_or_rfc_3339() {
        for (text, seconds) in [
            ("0", 0),
            ("1790000000", 1_790_000_000),
            ("2026-09-21T14:13:20Z", 1_790_000_000),
            ("2026-09-21T16:13:20.9+02:00", 1_790_000_000),
            ("253402300799", MAX_TIME),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "now",
            "-1",
            "1.5",
            "1790000000000",
            "1969-12-31T23:59:59Z",
            "2026-09-21T14:13:20",
            "2026-09-21",
        ] {
            assert_eq!(parse(text), Err(TimeError::NotATime), "{text}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_whole_seconds() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h 30m", 5400), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "5", "-5m", "500ms", "5m ago", "soon"] {
            assert_eq!(parse_duration(text), Err(TimeError::NotADuration), "{text}");
        }
        assert_eq!(parse_lifetime("0s"), Err(TimeError::NoDuration));
    }

    #[test]
    fn every_time_that_a_token_may_carry_can_be_shown() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_790_000_000), "2026-09-21T14:13:20Z");
        assert_eq!(rfc3339(MAX_TIME), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_time_is_shown_with_its_distance() {
        assert_eq!(seen_from(100, 40), "1970-01-01T00:00:40Z (1m ago)");
        assert_eq!(seen_from(40, 40), "1970-01-01T00:00:40Z (now)");
        assert_eq!(seen_from(0, 3661), "1970-01-01T01:01:01Z (in 1h 1m 1s)");
    }
}
