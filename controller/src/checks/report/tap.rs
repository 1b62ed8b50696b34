//! The Test Anything Protocol, versions 12 to 14. (No crate for it is kept up; it is a line a test.)

use super::Report;

/// What a report in this form says. Lines that are not of the protocol are the program's own, and
/// indented ones are of subtests, whose result stands in a line of their parent.
pub(super) fn parse(text: &str) -> Report {
    let mut report = Report::default();
    let mut planned = None;
    for line in text.lines() {
        if let Some(count) = line.strip_prefix("1..") {
            let count = count.split(['#', ' ']).next().unwrap_or_default();
            planned = count.parse::<usize>().ok().or(planned);
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            let why = why.trim();
            report.problems.push(format!("it has bailed out: {why}"));
        } else if let Some(rest) = result(line, "not ok") {
            case(&mut report, rest, true);
        } else if let Some(rest) = result(line, "ok") {
            case(&mut report, rest, false);
        }
    }
    match planned {
        None => report
            .problems
            .push("there is no plan (1..N): the program may have been cut off".to_owned()),
        Some(planned) if planned != report.cases => report.problems.push(format!(
            "{planned} tests were planned, and {} came",
            report.cases
        )),
        Some(_) => {}
    }
    report
}

/// What comes behind `word` if the line is such a result.
fn result<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
}

fn case(report: &mut Report, rest: &str, failed: bool) {
    report.cases = report.cases.saturating_add(1);
    let (description, directive) = rest
        .split_once(" #")
        .unwrap_or(match rest.strip_prefix('#') {
            Some(directive) => ("", directive),
            None => (rest, ""),
        });
    let directive = directive.trim().to_ascii_lowercase();
    // What is still to be done may fail.
    if directive.starts_with("skip") || directive.starts_with("todo") {
        report.skipped = report.skipped.saturating_add(1);
    } else if failed {
        let name = description.trim_start_matches(|it: char| it.is_ascii_digit());
        let name = name.trim().trim_start_matches('-').trim();
        let number = report.cases.to_string();
        let name = if name.is_empty() { &number } else { name };
        report.failed.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn results_are_counted_and_the_failed_ones_named() {
        let text = "TAP version 14\n1..6\n# a comment\nok 1 - tables are there\nnot ok 2 - rows\n  ---\n  message: 'none'\n  ...\nok 3 # SKIP no such extension\nnot ok 4 later # TODO soon\n    not ok 1 - of a subtest\nok 5 - sub\nnot ok\nokay then\n";
        let report = parse(text);
        assert_eq!((report.cases, report.skipped), (6, 2));
        assert_eq!(report.failed, ["rows", "6"]);
        assert!(report.problems.is_empty(), "{report:?}");
    }

    #[test]
    fn a_report_that_is_cut_off_has_not_passed() {
        for (text, told) in [
            ("ok 1\n", "there is no plan"),
            ("1..3\nok 1\nok 2\n", "3 tests were planned, and 2 came"),
            (
                "1..1\nok 1\nBail out! no database\n",
                "bailed out: no database",
            ),
            ("1..0 # SKIP nothing to do\n", "0 test cases that ran"),
            ("", "there is no plan"),
        ] {
            let report = parse(text);
            assert!(!report.has_passed(), "{text}");
            let summary = report.summary(3);
            assert!(summary.contains(told), "{summary}");
        }
        assert!(parse("ok 1\nok 2\n1..2\n").has_passed());
    }
}
