//! `drillgate audit`.

use super::{Bench, DRILL};

fn line(verdict: &str, request: &str) -> String {
    format!(
        "[2026-11-26 10:00:00.000][12][warning][wasm] wasm log drillgate: {{\"event\":\"drill-request\",\"verdict\":\"{verdict}\",\"drill\":\"{DRILL}\",\"path\":\"/a\\u001b[31m\",\"status\":200,\"request_id\":\"{request}\"}}\nan ordinary line\n"
    )
}

fn bench() -> Bench {
    let bench = Bench::new();
    let one = line("routed", "1") + &line("sandbox-unreachable", "2");
    bench.write("one.log", &one);
    bench.write("two.log", &(line("routed", "3") + &line("routed", "1")));
    bench
}

#[test]
fn it_lists_records_for_people_and_for_programs() {
    let bench = bench();
    let ended = bench.run(&["audit", "one.log"]).with_code(0);
    assert!(ended.stdout.starts_with("DRILL "), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().count(), 3);
    assert!(ended.stdout.contains("/a?[31m"), "{:?}", ended.stdout);
    let ended = bench
        .run(&["audit", "one.log", "--output", "json"])
        .with_code(0);
    assert_eq!(ended.json()[1]["verdict"], "sandbox-unreachable");
    let other = "0b9f2f0e-6d5e-4ec5-9d4b-5c3c1f0a7e11";
    let ended = bench
        .run(&["audit", "one.log", "--drill", other])
        .with_code(0);
    assert_eq!(ended.stdout, "no records\n");
}

#[test]
fn it_holds_a_drill_to_what_was_sent() {
    let bench = bench();
    let expect = |sent: &str| {
        let ended = bench.run(&[
            "audit",
            "one.log",
            "two.log",
            "--expect-drill",
            DRILL,
            "--sent",
            sent,
            "-o",
            "json",
        ]);
        assert!(
            ended.stderr.contains("1 records are there twice"),
            "{}",
            ended.stderr
        );
        ended
    };
    let ended = expect("3").with_code(0);
    assert_eq!(ended.json()["drills"][DRILL]["routed"], 2);
    let ended = expect("4").with_code(1);
    assert!(
        ended
            .stderr
            .contains("4 requests were sent, and 3 records are there: 1 are missing")
    );
    expect("2").with_code(1);
}

#[test]
fn it_reads_standard_input_and_names_what_it_cannot_read() {
    let bench = bench();
    let ended = bench.run_with(&[], &line("routed", "1"), &["audit", "--totals"]);
    let ended = ended.with_code(0);
    assert!(ended.stdout.contains(DRILL), "{}", ended.stdout);
    bench
        .run(&["audit", "none.log"])
        .fails_with("none.log cannot be read");
    let ended = bench.run(&["audit", "--expect-drill", DRILL]).with_code(2);
    assert!(ended.stderr.contains("--sent"), "{}", ended.stderr);
}
