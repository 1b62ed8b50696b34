//! `junit.xml`: what had to hold, for whatever reads test reports.

use askama::Template;

use super::RenderError;
use super::case::{Case, CaseResult, SUITES, cases};
use super::record::Record;
use super::text::visible_record;
use super::time;

/// The record as JUnit's XML. It has a failure if and only if the drill has failed.
///
/// # Errors
/// [`RenderError`].
pub fn junit(record: &Record) -> Result<String, RenderError> {
    let record = visible_record(record)?;
    let cases = cases(&record);
    let report = Report {
        name: format!("drill {}", record.drill.name),
        class: &record.drill.name,
        time: seconds(time::between(&record.started_at, &record.ended_at)),
        timestamp: record
            .started_at
            .0
            .strftime("%Y-%m-%dT%H:%M:%S")
            .to_string(),
        total: Tally::of(cases.iter()),
        suites: SUITES.iter().map(|name| Suite::of(name, &cases)).collect(),
    };
    Ok(report.render()?)
}

#[derive(Template)]
#[template(path = "junit.xml")]
struct Report<'a> {
    name: String,
    class: &'a str,
    time: String,
    timestamp: String,
    total: Tally,
    suites: Vec<Suite<'a>>,
}

struct Suite<'a> {
    name: &'a str,
    time: String,
    tally: Tally,
    cases: Vec<Shown<'a>>,
}

struct Shown<'a> {
    name: &'a str,
    time: String,
    result: &'a CaseResult,
}

struct Tally {
    tests: usize,
    failures: usize,
    skipped: usize,
}

impl<'a> Suite<'a> {
    fn of(name: &'a str, cases: &'a [Case]) -> Suite<'a> {
        let own: Vec<&Case> = cases.iter().filter(|case| case.suite == name).collect();
        let took = own.iter().filter_map(|case| case.took);
        Suite {
            name,
            time: seconds(took.fold(0, i64::saturating_add)),
            tally: Tally::of(own.iter().copied()),
            cases: own.into_iter().map(Shown::of).collect(),
        }
    }
}

impl<'a> Shown<'a> {
    fn of(case: &'a Case) -> Shown<'a> {
        Shown {
            name: &case.name,
            time: seconds(case.took.unwrap_or(0)),
            result: &case.result,
        }
    }
}

impl Tally {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>) -> Tally {
        let mut tally = Tally {
            tests: 0,
            failures: 0,
            skipped: 0,
        };
        for case in cases {
            tally.tests += 1;
            match case.result {
                CaseResult::Passed => {}
                CaseResult::Failed(_) => tally.failures += 1,
                CaseResult::Skipped(_) => tally.skipped += 1,
            }
        }
        tally
    }
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::junit;
    use crate::evidence::samples;

    fn count(text: &str, tag: &str) -> usize {
        let xml = Document::parse(text).unwrap();
        xml.descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
    }

    #[test]
    fn the_failures_are_those_of_the_record() {
        let text = junit(&samples::passed()).unwrap();
        assert_eq!((count(&text, "failure"), count(&text, "testsuite")), (0, 6));
        assert_eq!(count(&text, "skipped"), 1, "{text}");
        let text = junit(&samples::failed()).unwrap();
        let xml = Document::parse(&text).unwrap();
        let root = xml.root_element();
        assert_eq!(
            root.attribute("failures").unwrap(),
            count(&text, "failure").to_string()
        );
        assert_eq!(root.attribute("errors"), Some("0"));
        assert!(text.contains("2 of the drill&#39;s requests"), "{text}");
    }

    #[test]
    fn hostile_names_stay_names() {
        let text = junit(&samples::hostile()).unwrap();
        assert_eq!(count(&text, "script"), 0);
        let xml = Document::parse(&text).unwrap();
        let names: Vec<_> = xml
            .descendants()
            .filter(|node| node.has_tag_name("testcase"))
            .filter_map(|node| node.attribute("name"))
            .filter(|name| name.starts_with("</script><script>alert(1)"))
            .collect();
        assert_eq!(names.len(), 4, "{text}");
        assert!(names[1].ends_with("(2)"), "{names:?}");
    }
}
