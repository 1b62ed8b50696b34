//! Cron expressions, as Kubernetes reads them.
//!
//! Kubernetes uses robfig/cron, whose words differ from those of every crate that was tried: of a
//! step from one number (`5/15`), of `?`, of `*` in a list, of which days are meant when both kinds
//! are given. A schedule that was moved over from a CronJob must mean the same here.

use std::fmt;

/// An expression that has been read: for each field the set of its values, a bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
}

/// Days of the month and of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Days {
    of_month: u64,
    of_week: u64,
    /// Whether both are restricted: then a day need only be one of either.
    either: bool,
}

/// What is wrong with an expression, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError(String);

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExpressionError {}

/// What a field may hold.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of values, from `least` on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field::numbers("minute", 0, 59);
const HOUR: Field = Field::numbers("hour", 0, 23);
const DAY_OF_MONTH: Field = Field::numbers("day of the month", 1, 31);
const MONTH: Field = Field {
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    ..Field::numbers("month", 1, 12)
};
const DAY_OF_WEEK: Field = Field {
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ..Field::numbers("day of the week", 0, 6)
};

impl Expression {
    /// Reads five fields, or one of the names such as `@daily`.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        let text = text.trim();
        let spelled = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = spelled.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(ExpressionError(format!(
                "{text:?} must have five fields (minute, hour, day of the month, month, day of the week), or be one of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
            )));
        };
        let (of_month, any_of_month) = DAY_OF_MONTH.read(day)?;
        let (of_week, any_of_week) = DAY_OF_WEEK.read(weekday)?;
        Ok(Expression {
            minutes: MINUTE.read(minute)?.0,
            hours: HOUR.read(hour)?.0,
            days: Days {
                of_month,
                of_week,
                either: !any_of_month && !any_of_week,
            },
            months: MONTH.read(month)?.0,
        })
    }

    /// Whether it means this day; of the week Sunday is 0.
    pub fn has_day(&self, month: i8, day: i8, weekday: i8) -> bool {
        let of_month = is_in(self.days.of_month, day);
        let of_week = is_in(self.days.of_week, weekday);
        let is_meant = match self.days.either {
            true => of_month || of_week,
            false => of_month && of_week,
        };
        is_meant && is_in(self.months, month)
    }

    /// Whether it means this time of a day that it means.
    pub fn has_time(&self, hour: i8, minute: i8) -> bool {
        is_in(self.hours, hour) && is_in(self.minutes, minute)
    }
}

impl Field {
    const fn numbers(name: &'static str, least: u32, most: u32) -> Field {
        Field {
            name,
            least,
            most,
            names: &[],
        }
    }

    /// The set that `text` stands for, and whether that is any value: a `*`, alone or in a list.
    fn read(&self, text: &str) -> Result<(u64, bool), ExpressionError> {
        let (mut set, mut is_any) = (0, false);
        for range in text.split(',') {
            let (of_range, any) = self.range(range)?;
            set |= of_range;
            is_any |= any;
        }
        Ok((set, is_any))
    }

    /// `*`, a value, or two of them, each with a step if need be.
    fn range(&self, text: &str) -> Result<(u64, bool), ExpressionError> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).ok_or_else(|| self.wrong(text))?)),
            None => (text, None),
        };
        let is_star = matches!(range, "*" | "?");
        let (first, last) = match range.split_once('-') {
            _ if is_star => (self.least, self.most),
            Some((first, last)) => (self.value(first, text)?, self.value(last, text)?),
            // A step from one value goes on to the end.
            None if step.is_some() => (self.value(range, text)?, self.most),
            None => {
                let only = self.value(range, text)?;
                (only, only)
            }
        };
        let step = step.unwrap_or(1);
        if first < self.least || last > self.most || first > last || step == 0 {
            return Err(self.wrong(text));
        }
        let stride = usize::try_from(step).unwrap_or(usize::MAX);
        let set = (first..=last)
            .step_by(stride)
            .fold(0, |set, value| set | 1 << value);
        Ok((set, is_star && step == 1))
    }

    fn value(&self, text: &str, range: &str) -> Result<u32, ExpressionError> {
        let mut named = self.least..;
        let mut names = self.names.iter();
        let named = names.find_map(|name| {
            let value = named.next();
            value.filter(|_| name.eq_ignore_ascii_case(text))
        });
        named
            .or_else(|| number(text))
            .ok_or_else(|| self.wrong(range))
    }

    fn wrong(&self, text: &str) -> ExpressionError {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        let (name, least, most) = (self.name, self.least, self.most);
        ExpressionError(format!(
            "the {name} {text:?} must be {least} to {most}{names}, *, a range from the lesser to the greater, or a list of these, each with a step from 1 on if need be"
        ))
    }
}

/// Digits only: a sign is none of them.
fn number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn is_in(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set & (1 << value) != 0)
}

#[cfg(test)]
mod tests {
    use super::Expression;

    #[test]
    fn what_is_no_expression_is_refused_and_the_field_named() {
        for (text, said) in [
            ("", "five fields"),
            ("0 2 * *", "five fields"),
            ("0 0 2 * * *", "five fields"),
            ("@reboot", "five fields"),
            ("@Daily", "five fields"),
            ("@every 5m", "five fields"),
            ("60 * * * *", "the minute \"60\" must be 0 to 59"),
            ("0 24 * * *", "the hour"),
            ("0 0 0 * *", "the day of the month \"0\" must be 1 to 31"),
            ("0 0 mon * *", "the day of the month"),
            ("0 0 L * *", "the day of the month"),
            ("0 0 1,,2 * *", "the day of the month"),
            (
                "0 0 * 13 *",
                "the month \"13\" must be 1 to 12 or jan to dec",
            ),
            ("0 0 * january *", "the month"),
            (
                "0 0 * * 7",
                "the day of the week \"7\" must be 0 to 6 or sun to sat",
            ),
            ("0 0 * * fri-mon", "from the lesser to the greater"),
            ("0 0 * * 5#1", "the day of the week"),
            ("*/0 * * * *", "a step from 1 on"),
            ("-5 * * * *", "the minute"),
            ("+5 * * * *", "the minute"),
            ("1-2-3 * * * *", "the minute"),
            ("1/2/3 * * * *", "the minute"),
            ("*-5 * * * *", "the minute"),
        ] {
            let error = Expression::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn names_stand_for_their_numbers_and_descriptors_for_their_fields() {
        for (one, other) in [
            ("0 9 * jan,Jul MON-fri", "0 9 * 1,7 1-5"),
            (" 0\t2 * * * ", "0 2 * * *"),
            ("? ? ? ? ?", "* * * * *"),
            ("05 * * * *", "5 * * * *"),
            ("5/15 * * * *", "5-59/15 * * * *"),
            ("*/90 * * * *", "0 * * * *"),
            ("@annually", "0 0 1 1 *"),
            ("@midnight", "@daily"),
            ("@weekly", "0 0 * * sun"),
        ] {
            assert_eq!(Expression::parse(one), Expression::parse(other), "{one}");
            assert!(Expression::parse(one).is_ok(), "{one}");
        }
    }
}
