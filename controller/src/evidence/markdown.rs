//! `report.md`: short enough for a comment on a pull request. What comes from outside stands in spans
//! of code, where nothing is a link, a mention, a tag or the end of a cell.

use super::RenderError;
use super::record::Record;
use super::text::{cut, visible_record};
use super::time;
use crate::checks::outcome::Verdict;

/// A comment on GitHub has at most 65536 characters; GitLab and others take more.
const MAX_BYTES: usize = 60_000;

/// How much of a record is shown: rows of each table, characters of each text. The last one is
/// short enough whatever the record holds.
const LIMITS: [Limits; 3] = [
    Limits {
        rows: 50,
        characters: 300,
    },
    Limits {
        rows: 20,
        characters: 150,
    },
    Limits {
        rows: 6,
        characters: 80,
    },
];

#[derive(Clone, Copy)]
struct Limits {
    rows: usize,
    characters: usize,
}

/// The record as Markdown of at most 60000 bytes.
///
/// # Errors
/// [`RenderError`].
pub fn markdown(record: &Record) -> Result<String, RenderError> {
    let record = visible_record(record)?;
    let mut text = String::new();
    for limits in LIMITS {
        text = Writer { limits }.report(&record);
        if text.len() <= MAX_BYTES {
            break;
        }
    }
    Ok(text)
}

struct Writer {
    limits: Limits,
}

impl Writer {
    fn report(&self, record: &Record) -> String {
        let parts = [
            self.head(record),
            self.list("Why it failed", &record.failures()),
            self.objectives(record),
            self.checks(record),
            self.controls(record),
            self.ledger(record),
            self.list("Left over", &record.residue),
            self.list("Not tested", &record.not_tested),
        ];
        parts.concat()
    }

    fn head(&self, record: &Record) -> String {
        let (mark, word) = match record.has_passed() {
            true => ("\u{2705}", "passed"),
            false => ("\u{274c}", "failed"),
        };
        let drill = &record.drill;
        format!(
            "## {mark} Recovery drill {word}: {}\n\nDrill {} in {} through {}, {}, {} long.\n",
            self.line(&drill.name),
            self.line(&drill.id),
            self.line(&drill.environment),
            self.line(&drill.gate),
            time::moment(&record.started_at),
            time::duration(time::between(&record.started_at, &record.ended_at)),
        )
    }

    fn list(&self, title: &str, items: &[String]) -> String {
        if items.is_empty() {
            return String::new();
        }
        let shown = items.iter().take(self.limits.rows);
        let lines: String = shown
            .map(|item| format!("- {}\n", self.line(item)))
            .collect();
        format!("\n### {title}\n\n{lines}{}", self.rest(items.len()))
    }

    fn objectives(&self, record: &Record) -> String {
        let rows = record.objectives.iter().map(|objective| {
            let shown = |number: Option<u64>, none: &str| match number {
                Some(number) => time::seconds(number),
                None => none.to_owned(),
            };
            vec![
                self.cell(&objective.name),
                shown(objective.wanted_seconds, "nothing"),
                shown(objective.reached_seconds, "unknown"),
                self.cell(&objective.how),
            ]
        });
        self.table(
            "Objectives",
            &["objective", "at most", "reached", "how"],
            rows,
        )
    }

    fn checks(&self, record: &Record) -> String {
        let rows = record.checks.iter().map(|check| {
            let verdict = match (check.verdict, check.fails_the_drill()) {
                (Verdict::Passed, _) => "\u{2705} passed",
                (Verdict::Failed, true) => "\u{274c} failed",
                (Verdict::Failed, false) => "\u{26a0}\u{fe0f} failed, informative",
                (Verdict::NotRun, true) => "\u{274c} not run",
                (Verdict::NotRun, false) => "not run, informative",
            };
            vec![
                self.cell(&check.name),
                verdict.to_owned(),
                self.cell(&check.message),
            ]
        });
        self.table("Checks", &["check", "verdict", "found"], rows)
    }

    fn controls(&self, record: &Record) -> String {
        let rows = record.controls.iter().map(|control| {
            let verdict = match control.bites {
                true => "\u{2705} refused",
                false => "\u{274c} not refused",
            };
            vec![
                self.cell(&control.name),
                verdict.to_owned(),
                self.cell(&control.wanted),
                self.cell(&control.got),
            ]
        });
        let columns = ["control", "verdict", "wanted", "got"];
        self.table("Negative controls", &columns, rows)
    }

    fn ledger(&self, record: &Record) -> String {
        let rows = record.ledger.rows().into_iter().map(|(name, count)| {
            let number = match count.number {
                Some(number) => number.to_string(),
                None => "unknown".to_owned(),
            };
            vec![name.to_owned(), number, self.cell(&count.source)]
        });
        self.table("Ledger", &["requests", "number", "source"], rows)
    }

    fn table(
        &self,
        title: &str,
        columns: &[&str],
        rows: impl ExactSizeIterator<Item = Vec<String>>,
    ) -> String {
        let all = rows.len();
        if all == 0 {
            return String::new();
        }
        let rule = "|---".repeat(columns.len());
        let mut text = format!("\n### {title}\n\n| {} |\n{rule}|\n", columns.join(" | "));
        for row in rows.take(self.limits.rows.max(7)) {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        text.push_str(&self.rest(all));
        text
    }

    fn rest(&self, all: usize) -> String {
        match all.saturating_sub(self.limits.rows.max(7)) {
            0 => String::new(),
            more => format!("\n{more} more in `report.html`.\n"),
        }
    }

    fn line(&self, text: &str) -> String {
        code(&cut(text, self.limits.characters))
    }

    /// As a cell of a table, where a pipe would end it.
    fn cell(&self, text: &str) -> String {
        self.line(text).replace('|', "\\|")
    }
}

/// A span of code with a fence that is longer than any in the text.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\t'], " ");
    if text.trim().is_empty() {
        return "\u{2013}".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match longest {
        0 => format!("{fence}{text}{fence}"),
        // Spaces keep the text's own backticks off the fence; they are not shown.
        _ => format!("{fence} {text} {fence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, code, markdown};
    use crate::evidence::samples;

    #[test]
    fn a_span_holds_whatever_it_is_given() {
        for (text, span) in [
            ("plain", "`plain`"),
            ("a`b``c", "``` a`b``c ```"),
            ("a\nb", "`a b`"),
            (" \n", "\u{2013}"),
        ] {
            assert_eq!(code(text), span);
        }
    }

    #[test]
    fn a_hostile_row_stays_a_row() {
        let text = markdown(&samples::hostile()).unwrap();
        for line in text.lines().filter(|line| line.contains("script>")) {
            assert!(line.contains("``"), "{line}");
            if line.starts_with('|') {
                assert!(line.ends_with(" |"), "{line}");
                assert!(!line.contains("[31m|"), "{line}");
            }
        }
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
    }

    #[test]
    fn a_record_of_any_length_fits_a_comment() {
        let mut record = samples::hostile();
        let check = record.checks[0].clone();
        record.checks = vec![check; 5_000];
        record.checks[0].message = "\u{1f600}".repeat(10_000);
        let long = "`".repeat(5_000);
        record.not_tested = vec![long.clone(); 500];
        record.residue = vec![long; 500];
        let text = markdown(&record).unwrap();
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert!(text.contains(" more in `report.html`."), "{text}");
    }

    #[test]
    fn a_failed_drill_says_why_and_a_passed_one_does_not() {
        let text = markdown(&samples::failed()).unwrap();
        assert!(text.starts_with("## \u{274c} Recovery drill failed: `orders-dr/orders`"));
        assert!(text.contains("### Why it failed\n\n- `the edge did not take"));
        assert!(text.contains("| Answered by the sandbox | unknown |"));
        let text = markdown(&samples::passed()).unwrap();
        assert!(text.starts_with("## \u{2705} Recovery drill passed"));
        assert!(!text.contains("Why it failed"));
    }
}
