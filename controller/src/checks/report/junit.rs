//! JUnit's XML, as the runners of many languages write it.

use roxmltree::{Document, Node, ParsingOptions};

use super::Report;

/// How many nodes a report may have.
const MAX_NODES: u32 = 2_000_000;

/// What a report in this form says.
///
/// # Errors
/// Why it is none.
pub(super) fn parse(text: &str) -> Result<Report, String> {
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !["testsuites", "testsuite"].contains(&root.tag_name().name()) {
        let name = root.tag_name().name();
        return Err(format!(
            "it begins with {name}, and JUnit's with testsuites"
        ));
    }
    let mut report = Report::default();
    let cases = root.descendants();
    for case in cases.filter(|node| node.has_tag_name("testcase")) {
        report.cases = report.cases.saturating_add(1);
        if has(case, "failure") || has(case, "error") {
            report.failed.push(name(case));
        } else if has(case, "skipped") {
            report.skipped = report.skipped.saturating_add(1);
        }
    }
    let counted = counted(root);
    if counted > report.failed.len() {
        let named = report.failed.len();
        let problem = format!("the report counts {counted} failures and names {named}");
        report.problems.push(problem);
    }
    Ok(report)
}

fn has(case: Node<'_, '_>, what: &str) -> bool {
    case.children().any(|child| child.has_tag_name(what))
}

fn name(case: Node<'_, '_>) -> String {
    let name = case.attribute("name").unwrap_or("(without a name)");
    match case
        .attribute("classname")
        .filter(|class| !class.is_empty())
    {
        Some(class) => format!("{class}.{name}"),
        None => name.to_owned(),
    }
}

/// The failures that an element says it has; of those that say nothing, what is in them.
fn counted(node: Node<'_, '_>) -> usize {
    let number = |name: &str| node.attribute(name)?.parse::<usize>().ok();
    if let (failures, errors) = (number("failures"), number("errors"))
        && failures.or(errors).is_some()
    {
        return failures.unwrap_or(0).saturating_add(errors.unwrap_or(0));
    }
    let suites = node.children();
    let suites = suites.filter(|child| child.has_tag_name("testsuite"));
    suites.map(counted).fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::parse;

    const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1">
<testcase classname="tests.test_orders" name="test_count" time="0.01"/>
<testcase classname="tests.test_orders" name="test_newest"><failure message="assert 1 == 2">E</failure></testcase>
<testcase classname="tests.test_orders" name="test_db"><error message="no connection"/></testcase>
<testcase classname="" name="test_later"><skipped message="not now"/></testcase>
</testsuite></testsuites>"#;

    #[test]
    fn cases_are_counted_and_the_failed_ones_named() {
        let report = parse(PYTEST).unwrap();
        assert_eq!((report.cases, report.skipped), (4, 1));
        let failed = ["tests.test_orders.test_newest", "tests.test_orders.test_db"];
        assert_eq!(report.failed, failed);
        assert!(report.problems.is_empty() && !report.has_passed());
        let told = report.summary(1);
        let expected =
            "2 of 4 test cases failed: tests.test_orders.test_newest and 1 more, 1 skipped";
        assert_eq!(told, expected);
    }

    #[test]
    fn suites_in_suites_and_a_suite_alone_are_reports_too() {
        let nested = "<testsuites><testsuite><testsuite><testcase name='a'/></testsuite></testsuite><testsuite><testcase name='b'/></testsuite></testsuites>";
        let report = parse(nested).unwrap();
        assert!(report.has_passed());
        assert_eq!(report.summary(1), "2 test cases passed");
        assert!(
            parse("<testsuite failures='0'><testcase name='a'/></testsuite>")
                .unwrap()
                .has_passed()
        );
    }

    #[test]
    fn a_report_that_proves_nothing_has_not_passed() {
        for (text, told) in [
            ("<testsuites/>", "the report has 0 test cases that ran"),
            (
                "<testsuite><testcase name='a'><skipped/></testcase></testsuite>",
                "the report has 0 test cases that ran, 1 skipped",
            ),
            (
                "<testsuite errors='2'><testcase name='a'/></testsuite>",
                "the report counts 2 failures and names 0",
            ),
        ] {
            let report = parse(text).unwrap();
            assert!(!report.has_passed(), "{text}");
            assert_eq!(report.summary(1), told);
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in [
            "",
            "<html/>",
            "<testsuite><testcase>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite>&b;</testsuite>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
