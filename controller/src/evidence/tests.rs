//! Whatever a record holds, its reports are whole.

use std::fs;
use std::path::Path;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use roxmltree::{Document as Xml, ParsingOptions};
use serde_json::Value;

use super::document::{self, Document};
use super::record::{Event, Record, Stage};
use super::{Seal, html, junit, markdown, samples, schema};
use crate::checks::outcome::Verdict;

fn page(record: &Record) -> String {
    html(record, &Seal::Unsigned).unwrap()
}

fn parsed(text: &str) -> Xml<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Xml::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Any text, hostile ones more often than by chance.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => vec(any::<char>(), 0..40).prop_map(|all| all.into_iter().collect()),
        1 => Just(samples::HOSTILE.to_owned()),
        1 => "[<>&\"'`|\\\\\\]\n\r\t -]{0,20}",
    ]
}

fn time() -> impl Strategy<Value = Time> {
    (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second())
        .prop_map(|second| Time(Timestamp::from_second(second).unwrap()))
}

fn event() -> impl Strategy<Value = Event> {
    let stages = [Stage::Provision, Stage::Checks, Stage::Afterwards];
    (
        prop::sample::select(stages.to_vec()),
        text(),
        time(),
        time(),
    )
        .prop_map(|(stage, what, started_at, ended_at)| Event {
            stage,
            what,
            started_at,
            ended_at,
        })
}

prop_compose! {
    fn record()(
        base in prop::sample::select(vec![samples::passed(), samples::failed(), samples::empty()]),
        name in text(),
        hosts in vec(text(), 0..4),
        (started_at, ended_at) in (time(), time()),
        timeline in vec(event(), 0..60),
        names in vec((text(), text(), any::<bool>()), 0..5),
        numbers in vec(proptest::option::of(any::<u32>()), 9),
        lists in (vec(text(), 0..3), vec(text(), 0..3), vec(text(), 0..3)),
        versions in proptest::collection::btree_map(text(), text(), 0..4),
    ) -> Record {
        let mut record = Record { started_at, ended_at, timeline, versions, ..base };
        record.drill.name = name;
        record.drill.hosts = hosts;
        let model = samples::passed().checks.remove(0);
        for (name, message, passed) in names {
            let mut check = model.clone();
            check.seen.insert(name.clone(), message.clone());
            check.verdict = if passed { Verdict::Passed } else { Verdict::Failed };
            (check.name, check.message) = (name, message);
            record.checks.push(check);
        }
        let numbers: Vec<Option<u64>> = numbers.into_iter().map(|n| n.map(u64::from)).collect();
        let ledger = &mut record.ledger;
        let counts = [
            &mut ledger.sent, &mut ledger.routed, &mut ledger.refused, &mut ledger.failed,
            &mut ledger.unanswered, &mut ledger.sandbox, &mut ledger.production,
        ];
        for (count, number) in counts.into_iter().zip(&numbers) {
            count.number = *number;
        }
        for objective in &mut record.objectives {
            (objective.wanted_seconds, objective.reached_seconds) = (numbers[7], numbers[8]);
        }
        (record.residue, record.not_tested, record.errors) = lists;
        record
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_record_is_shown_in_every_form(record in record()) {
        let failures = record.failures();
        let page = page(&record);
        let xml = parsed(&page);
        prop_assert!(!xml.descendants().any(|node| node.has_tag_name("script")));
        let junit = junit(&record).unwrap();
        let failed = parsed(&junit).root_element().attribute("failures").unwrap() != "0";
        prop_assert_eq!(failed, !failures.is_empty());
        prop_assert!(markdown(&record).unwrap().len() <= 60_000);
        let text = Document::of(&record).text().unwrap();
        prop_assert_eq!(document::read(text.as_bytes()).unwrap(), record);
    }
}

#[test]
fn the_schema_in_the_documents_is_current_and_takes_the_samples() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.schema.json");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    assert!(
        committed == current,
        "write it anew: drillgate report schema >docs/report.schema.json"
    );
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    for record in [
        samples::passed(),
        samples::failed(),
        samples::empty(),
        samples::hostile(),
    ] {
        let mut value = serde_json::to_value(Document::of(&record)).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        value["verdict"] = Value::from("perhaps");
        assert!(!validator.is_valid(&value));
    }
}

#[test]
fn nothing_in_a_page_comes_from_elsewhere_or_runs() {
    for record in [samples::passed(), samples::hostile()] {
        let page = page(&record);
        let xml = parsed(&page);
        for node in xml.descendants().filter(roxmltree::Node::is_element) {
            let tag = node.tag_name().name();
            let bad = [
                "script", "link", "img", "iframe", "object", "embed", "a", "form", "base",
            ];
            assert!(!bad.contains(&tag), "{tag}");
            for attribute in node.attributes() {
                let name = attribute.name();
                let fetches = ["src", "href", "style", "srcset"].contains(&name);
                assert!(!fetches && !name.starts_with("on"), "{tag} {name}");
            }
        }
        assert!(!page.contains("@import") && !page.contains("url("));
        assert!(!page.contains('\u{202e}') && !page.contains('\0'));
    }
}

#[test]
fn a_page_has_landmarks_headings_and_headers_of_columns_and_rows() {
    let page = page(&samples::failed());
    let xml = parsed(&page);
    let all = |tag: &'static str| xml.descendants().filter(move |node| node.has_tag_name(tag));
    for tag in ["header", "main", "footer", "h1", "title"] {
        assert!(all(tag).count() >= 1, "{tag}");
    }
    assert_eq!(xml.root_element().attribute("lang"), Some("en"));
    assert!(all("th").all(|th| matches!(th.attribute("scope"), Some("col" | "row"))));
    assert_eq!(
        all("h2").next().and_then(|h2| h2.text()),
        Some("Why it failed")
    );
    let ids: Vec<_> = xml
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    for section in all("section") {
        let label = section.attribute("aria-labelledby").unwrap();
        assert!(ids.contains(&label), "{label}");
    }
    assert!(page.contains(">unknown<"));
}

#[test]
fn each_reason_and_each_check_is_on_the_page() {
    let record = samples::failed();
    let page = page(&record);
    let xml = parsed(&page);
    let texts: Vec<_> = xml.descendants().filter_map(|node| node.text()).collect();
    let checks = record.checks.iter().map(|check| check.name.clone());
    for wanted in record
        .failures()
        .into_iter()
        .chain(checks)
        .chain(record.not_tested)
    {
        assert!(texts.contains(&wanted.as_str()), "{wanted}");
    }
}

/// The relative luminance of a colour `#rrggbb`, as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap();
        let value = f64::from(value) / 255.0;
        match value <= 0.04045 {
            true => value / 12.92,
            false => ((value + 0.055) / 1.055).powf(2.4),
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/// WCAG 2.2, 1.4.3 and 1.4.11: 4.5 for text, 3 for what a picture is made of; on light, on dark, on
/// paper.
#[test]
fn each_text_stands_out_from_what_is_behind_it() {
    let style = include_str!("../../templates/report.css");
    let palettes: Vec<&str> = style.split(":root {").skip(1).collect();
    assert_eq!(palettes.len(), 3);
    for palette in palettes {
        let palette = palette.split('}').next().unwrap();
        let colour = |name: &str| {
            let after = palette.split(&format!("--{name}: ")).nth(1);
            luminance(
                after
                    .unwrap_or_else(|| panic!("{name}"))
                    .split(';')
                    .next()
                    .unwrap(),
            )
        };
        for (front, back, least) in [
            ("ink", "paper", 4.5),
            ("ink", "faint", 4.5),
            ("ink", "good-paper", 4.5),
            ("ink", "bad-paper", 4.5),
            ("soft", "paper", 4.5),
            ("good", "good-paper", 4.5),
            ("bad", "bad-paper", 4.5),
            ("neutral", "neutral-paper", 4.5),
            ("neutral", "paper", 4.5),
            ("bar", "paper", 3.0),
        ] {
            let (one, other) = (colour(front), colour(back));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= least, "{front} on {back}: {contrast:.2}");
        }
    }
}
