//! `drillgate demo` as a person runs it: what it shows, how it ends, what it leaves behind.

// The lints that keep the product from panicking let tests do so, but see only their functions.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A module that loads and does nothing, as a filter that was never written would.
const NOTHING: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_context_create") (param i32 i32)))"#;

fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillgate"));
    command.arg("demo").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_drill_that_holds_shows_each_step_the_records_and_an_even_ledger() {
    let (code, shown, progress) = run(&mut demo());
    assert_eq!(code, Some(0), "{shown}{progress}");
    for (step, answer) in [
        ("no header", "200 by production"),
        ("signed", "200 by sandbox, routed"),
        ("forged", "403 by gateway, bad-signature"),
        ("expired", "403 by gateway, expired"),
        ("wrong environment", "403 by gateway, wrong-environment"),
        ("duplicated", "403 by gateway, duplicate-header"),
        ("spoofed host", "403 by gateway, spoofed-authority"),
        ("sandbox killed", "503 by gateway, sandbox-unreachable"),
        ("sandbox back", "200 by sandbox, routed"),
        ("drill over", "403 by gateway, drill-over"),
    ] {
        let line = shown.lines().find(|line| line.contains(step));
        let line = line.unwrap_or_else(|| panic!("no step {step} in {shown}"));
        assert!(line.contains(answer), "{line}");
    }
    assert!(shown.contains("ledger: balances"), "{shown}");
    for check in [
        "an-order-is-served",
        "schema",
        "all-orders",
        "age",
        "receipt",
    ] {
        let line = shown.lines().find(|line| line.contains(check));
        let line = line.unwrap_or_else(|| panic!("no check {check} in {shown}"));
        assert!(line.contains("passed"), "{line}");
    }
    assert!(shown.contains("a wrong restore was found out"), "{shown}");
    assert!(shown.contains("every step and the ledger hold"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn json_has_the_same_for_programs() {
    let (code, shown, progress) = run(demo().args(["--output", "json"]));
    assert_eq!(code, Some(0), "{progress}");
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["holds"], true);
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["answer"] == step["expected"]));
    let ledger = &report["ledger"];
    assert_eq!(ledger["production"], ledger["sentWithoutHeader"]);
    assert_eq!(ledger["productionWithHeader"], 0);
    assert_eq!(ledger["sandbox"], ledger["dueToSandbox"]);
    assert_eq!(report["audit"].as_array().map(Vec::len), Some(10));
    let proof = &report["proof"];
    assert_eq!(proof["astray"]["verdict"], "failed");
    let ledger = &proof["record"]["ledger"];
    assert_eq!(ledger["sandbox"]["number"], ledger["routed"]["number"]);
    assert_eq!(ledger["production"]["number"], 0);
}

#[test]
fn its_evidence_is_what_its_key_has_signed() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    let (code, _, progress) = run(demo().arg("--evidence").arg(&evidence));
    assert_eq!(code, Some(0), "{progress}");
    assert!(progress.contains("report.html"), "{progress}");
    let line = progress
        .lines()
        .find_map(|line| line.split_once("verify it with: "));
    let verified = shell(line.expect("how to verify it").1);
    assert!(verified.contains("verdict      passed"), "{verified}");
    let (code, _, said) = run(demo().arg("--evidence").arg(&evidence));
    assert_eq!(code, Some(2), "evidence is never overwritten");
    assert!(said.contains("evidence"), "{said}");
}

#[test]
fn a_stand_in_module_that_does_nothing_is_a_drill_that_does_not_hold() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let module = folder.join("nothing.wasm");
    fs::write(&module, wat::parse_str(NOTHING).unwrap()).unwrap();
    let (code, shown, _) = run(demo().arg("--module").arg(&module));
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("EXPECTED 200 by sandbox, routed"), "{shown}");
    assert!(shown.contains("ledger: does not balance"), "{shown}");
    assert!(shown.contains("the drill does not hold"), "{shown}");
}

#[test]
fn what_is_missing_is_named_with_the_command_that_mends_it() {
    let (code, _, said) = run(demo().args(["--module", "/nowhere/filter.wasm"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere/filter.wasm"), "{said}");
    assert!(said.contains("make module"), "{said}");
    let (code, _, said) = run(demo().args(["--envoy", "/nowhere/envoy"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere/envoy"), "{said}");
    assert!(said.contains("make tools"), "{said}");
    let (code, _, said) = run(demo().args(["--databases", "/nowhere/databases"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere/databases"), "{said}");
    assert!(said.contains("make databases"), "{said}");
}

/// The children of a process, such as its Envoy.
fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok())
        .flat_map(|ids| {
            ids.split_whitespace()
                .map(|id| id.parse().unwrap())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn wait_until_gone(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Path::new(&format!("/proc/{process}/exe")).exists() {
        assert!(
            Instant::now() < deadline,
            "process {process} was left behind"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts `demo --keep` and reads what it prints until the last curl line.
fn keep() -> (Child, Vec<String>) {
    let mut demo = demo()
        .arg("--keep")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    let mut curls = Vec::new();
    while curls.len() < 3 {
        let line = lines.next().expect("three curl lines").unwrap();
        if line.starts_with("curl ") {
            curls.push(line);
        }
    }
    (demo, curls)
}

fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {output:?} (is curl installed? Debian: apt-get install curl)"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn kept_the_printed_curl_lines_work_and_a_signal_ends_it_without_a_process_left() {
    let (mut demo, curls) = keep();
    let [production, sandbox, probe] = curls.as_slice() else {
        panic!("{curls:?}");
    };
    assert!(shell(production).contains(r#""who":"production""#));
    let answer = shell(sandbox);
    assert!(answer.contains(r#""who":"sandbox""#), "{answer}");
    assert!(answer.contains("x-drill-verdict: routed"), "{answer}");
    assert!(shell(probe).contains(r#""activeDrills":1"#));

    let envoys = children(demo.id());
    assert!(!envoys.is_empty());
    shell(&format!("kill -TERM {}", demo.id()));
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    envoys.into_iter().for_each(wait_until_gone);
}
