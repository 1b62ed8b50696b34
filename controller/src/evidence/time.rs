//! Times and durations as people read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From one time to another in milliseconds; nothing if the clock went back.
pub(super) fn between(start: &Time, end: &Time) -> i64 {
    let (start, end) = (start.0.as_millisecond(), end.0.as_millisecond());
    end.saturating_sub(start).max(0)
}

/// Date and time to the second, in UTC.
pub(super) fn moment(time: &Time) -> String {
    time.0.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The two largest units, or seconds with a fraction where they are few.
pub(super) fn duration(milliseconds: i64) -> String {
    let ms = milliseconds.max(0);
    match ms {
        0 => "0 s".to_owned(),
        1..SECOND => format!("{ms} ms"),
        SECOND..10_000 => format!("{}.{} s", ms / SECOND, ms % SECOND / 100),
        10_000..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => two((ms / MINUTE, "min"), (ms % MINUTE / SECOND, "s")),
        HOUR..DAY => two((ms / HOUR, "h"), (ms % HOUR / MINUTE, "min")),
        _ => two((ms / DAY, "d"), (ms % DAY / HOUR, "h")),
    }
}

/// The same of whole seconds, as objectives have them.
pub(super) fn seconds(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    if seconds < 60 {
        return format!("{seconds} s");
    }
    duration(seconds.saturating_mul(SECOND))
}

fn two((large, unit): (i64, &str), (small, part): (i64, &str)) -> String {
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, seconds};

    #[test]
    fn durations_have_at_most_two_units() {
        for (ms, text) in [
            (-5, "0 s"),
            (0, "0 s"),
            (12, "12 ms"),
            (2_340, "2.3 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!(seconds(5), "5 s");
        assert_eq!(seconds(900), "15 min");
        assert!(seconds(u64::MAX).ends_with(" h"));
    }
}
