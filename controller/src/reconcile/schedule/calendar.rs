//! When runs are due: an expression on the clock of a zone.
//!
//! As a CronJob has it, an hour that a change of the clocks skips has no runs, and one that comes
//! twice has them twice. Whoever wants neither leaves those hours out, or uses UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::expression::Expression;
use crate::api::DrillScheduleSpec;
use crate::resources::refusal::{Reason, Refusal};

/// How many years are looked through: every day that there is comes in eight.
const YEARS: i64 = 9;

const MINUTES_OF_A_YEAR: i64 = 366 * 24 * 60;

/// A whole minute, counted from the epoch. Each run is due at one, and its drill is called by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub i64);

impl Minute {
    /// The minute that `time` is in.
    pub fn of(time: &Time) -> Minute {
        Minute(time.0.as_second().div_euclid(60))
    }

    /// When it begins.
    pub fn time(self) -> Time {
        let second = self.0.saturating_mul(60);
        Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap_or_default())
    }

    fn later(self, minutes: i64) -> Minute {
        Minute(self.0.saturating_add(minutes))
    }
}

/// When a schedule's runs are due.
#[derive(Debug, Clone)]
pub struct Calendar {
    expression: Expression,
    zone: TimeZone,
}

impl Calendar {
    /// Reads what `spec` says, and finds all that is wrong with it.
    pub fn of(spec: &DrillScheduleSpec, now: Minute) -> Result<Calendar, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut refuse = |reason, field: &str, message| {
            let field = field.to_owned();
            refusals.push(Refusal {
                reason,
                field,
                message,
            });
        };
        let name = spec.time_zone.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|_| {
            let message = format!("{name:?} is no time zone that is known here: use an IANA name, such as Europe/Berlin, or leave it out for UTC");
            refuse(Reason::TimeZoneUnknown, "spec.timeZone", message);
        });
        let expression = Expression::parse(&spec.schedule).map_err(|error| {
            refuse(Reason::ScheduleInvalid, "spec.schedule", error.to_string());
        });
        let (Ok(zone), Ok(expression)) = (zone, expression) else {
            return Err(refusals);
        };
        let calendar = Calendar { expression, zone };
        if calendar.next(now).is_none() {
            let message = format!(
                "{:?} names a day that no month has: change the day of the month or the month",
                spec.schedule
            );
            refuse(Reason::ScheduleNeverDue, "spec.schedule", message);
            return Err(refusals);
        }
        Ok(calendar)
    }

    /// The first run after `minute`.
    pub fn next(&self, minute: Minute) -> Option<Minute> {
        let end = minute.later(YEARS * MINUTES_OF_A_YEAR);
        let mut at = minute.later(1);
        while at <= end {
            let civil = self.civil(at)?;
            if !self.has_day(civil.date()) {
                // The day's first minute, wherever the clocks put it.
                at = self
                    .midnight(civil.date().tomorrow().ok()?)?
                    .max(at.later(1));
            } else if self.expression.has_time(civil.hour(), civil.minute()) {
                return Some(at);
            } else {
                at = at.later(1);
            }
        }
        None
    }

    /// The newest run from `first` to `last`, both included. Its cost depends on how far back that
    /// is, and not on how many runs there are in between.
    pub fn newest(&self, first: Minute, last: Minute) -> Option<Minute> {
        let end = first.max(last.later(-YEARS * MINUTES_OF_A_YEAR));
        let mut at = last;
        while at >= end {
            let civil = self.civil(at)?;
            if !self.has_day(civil.date()) {
                at = self.midnight(civil.date())?.later(-1).min(at.later(-1));
            } else if self.expression.has_time(civil.hour(), civil.minute()) {
                return Some(at);
            } else {
                at = at.later(-1);
            }
        }
        None
    }

    /// Whether a run is due at that very minute.
    pub fn has(&self, minute: Minute) -> bool {
        self.newest(minute, minute).is_some()
    }

    fn has_day(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        self.expression.has_day(date.month(), date.day(), weekday)
    }

    fn civil(&self, minute: Minute) -> Option<DateTime> {
        let timestamp = Timestamp::from_second(minute.0.checked_mul(60)?).ok()?;
        Some(self.zone.to_datetime(timestamp))
    }

    /// The first minute of a day.
    fn midnight(&self, date: Date) -> Option<Minute> {
        let start = date
            .to_zoned_datetime(self.zone.clone())
            .ok()?
            .start_of_day()
            .ok()?;
        let start = start.timestamp().as_second();
        // Long ago, zones were seconds off: a minute that begins before the day is not of it.
        Some(Minute(
            start.div_euclid(60) + i64::from(start.rem_euclid(60) > 0),
        ))
    }
}

#[cfg(test)]
mod tests;
