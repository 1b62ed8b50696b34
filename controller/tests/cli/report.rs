//! `drillgate report`, as an auditor runs it.

use std::fs;

use drillgate::evidence::record::Record;
use drillgate::evidence::{folder, samples};
use drillgate::keyfile;

use super::Bench;

/// A bench with the folder `evidence` of this record, signed by `k1`, and `k1.pub.jwk`.
fn signed(record: &Record) -> Bench {
    let bench = Bench::with_key("Ed25519");
    let key = keyfile::read(&bench.path("k1.jwk")).unwrap().jwk;
    let now = samples::signing_time();
    folder::write(record, &bench.path("evidence"), Some(&key), now).unwrap();
    keyfile::create(&bench.path("k1.pub.jwk"), &key.public().unwrap()).unwrap();
    bench
}

const VERIFY: [&str; 5] = ["report", "verify", "evidence", "--key", "k1.pub.jwk"];

#[test]
fn a_folder_is_verified_with_its_verdict_key_and_time() {
    let bench = signed(&samples::failed());
    let text = bench.run(&VERIFY).with_code(0).stdout;
    assert!(text.starts_with("verified  evidence\n"), "{text}");
    for row in [
        "verdict      failed",
        "signed by    k1",
        "2026-09-21T14:50:15Z",
    ] {
        assert!(text.contains(row), "{text}");
    }
    let json = bench
        .run(&[&VERIFY[..], &["-o", "json"]].concat())
        .with_code(0)
        .json();
    assert_eq!(
        (json["verified"].as_bool(), json["verdict"].as_str()),
        (Some(true), Some("failed"))
    );
}

#[test]
fn a_changed_folder_is_refused_with_the_file_in_the_sentence() {
    let bench = signed(&samples::passed());
    fs::write(bench.path("evidence/report.md"), "## all is well\n").unwrap();
    let text = bench.run(&VERIFY).with_code(1).stdout;
    assert_eq!(
        text,
        "not verified  evidence: \"report.md\" is not the file that was signed\n"
    );
    let json = bench
        .run(&[&VERIFY[..], &["-o", "json"]].concat())
        .with_code(1)
        .json();
    assert_eq!(json["verified"], false);
}

#[test]
fn a_key_of_another_algorithm_is_refused_and_a_missing_folder_is_an_error() {
    let bench = signed(&samples::passed());
    bench
        .run(&["keys", "new", "--kid", "k1", "--out", "hs.jwk"])
        .with_code(0);
    let ended = bench
        .run(&["report", "verify", "evidence", "--key", "hs.jwk"])
        .with_code(1);
    assert!(
        ended.stdout.contains("evidence is signed by Ed25519"),
        "{}",
        ended.stdout
    );
    bench
        .run(&["report", "verify", "nowhere", "--key", "k1.pub.jwk"])
        .fails_with("nowhere cannot be read");
}

#[test]
fn a_report_is_shown_in_each_form() {
    let bench = signed(&samples::passed());
    for (format, start) in [
        ("markdown", "## \u{2705} Recovery drill passed"),
        ("html", "<!DOCTYPE html>"),
        ("junit", "<?xml "),
        ("json", "{\n  \"verdict\": \"passed\""),
    ] {
        let ended = bench.run(&["report", "show", "evidence", "--format", format]);
        let text = ended.with_code(0).stdout;
        assert!(text.starts_with(start), "{text}");
    }
    fs::write(bench.path("other.json"), r#"{"version": "v9"}"#).unwrap();
    bench
        .run(&["report", "show", "other.json"])
        .fails_with("report other.json cannot be read: it is of version \"v9\"");
}

#[test]
fn a_comparison_ends_with_one_if_the_later_run_is_worse() {
    let (good, bad) = (signed(&samples::passed()), signed(&samples::failed()));
    let (good_path, bad_path) = (good.path("evidence"), bad.path("evidence"));
    let paths = [good_path.to_str().unwrap(), bad_path.to_str().unwrap()];
    let text = good
        .run(&["report", "compare", paths[0], paths[1]])
        .with_code(1)
        .stdout;
    assert!(text.contains("\nbroke\n  checks: order-count: "), "{text}");
    let ended = good.run(&["report", "compare", paths[1], paths[0], "-o", "json"]);
    let json = ended.with_code(0).json();
    assert_eq!(json["mended"][0]["name"], "checks: order-count");
}
