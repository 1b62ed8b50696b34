use super::{Bench, DRILL, Ended};

/// Verifies with `k1.jwk`.
fn verify(bench: &Bench, value: &str, options: &[&str]) -> Ended {
    bench.run(&[&["verify", "--key", "k1.jwk", value], options].concat())
}

#[track_caller]
fn refused(ended: Ended, code: &str) {
    let ended = ended.with_code(1);
    let start = format!("refused: {code}\n");
    assert!(ended.stdout.starts_with(&start), "{}", ended.stdout);
}

#[test]
fn what_a_new_key_signs_it_verifies() {
    for alg in ["HS256", "Ed25519"] {
        let bench = Bench::with_key(alg);
        let value = bench.sign(&["--expires-in", "5m"]);
        let ended = verify(&bench, &value, &["--drill", DRILL, "--env", "orders-dr"]);
        let ended = ended.with_code(0);
        let start = format!(
            "accepted\n  kid          k1\n  type         drill+jwt\n  drill        {DRILL}\n  environment  orders-dr\n"
        );
        assert!(ended.stdout.starts_with(&start), "{}", ended.stdout);
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn a_public_key_verifies() {
    let bench = Bench::with_key("Ed25519");
    let public = bench.run(&["keys", "public", "k1.jwk"]).stdout;
    bench.write("pub.jwk", &public);
    let value = bench.sign(&[]);
    bench
        .run(&["verify", "--key", "pub.jwk", &value])
        .with_code(0);
}

#[test]
fn a_tampered_value_is_refused() {
    for alg in ["HS256", "Ed25519"] {
        let bench = Bench::with_key(alg);
        let value = bench.sign(&[]);
        let other = bench.sign(&["--token-id", "other"]);
        let (signed, _) = value.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        let ended = verify(&bench, &format!("{signed}.{signature}"), &[]);
        assert!(!ended.stdout.contains(DRILL), "nothing of it is believed");
        refused(ended, "bad-signature");
    }
}

#[test]
fn each_reason_is_told_by_its_code() {
    let bench = Bench::with_key("HS256");
    let value = bench.sign(&["--at", "1000000", "--expires-in", "1h"]);
    let other = "00000000-0000-4000-8000-000000000001";
    for (options, code) in [
        (&["--at", "999969"][..], "not-yet-valid"),
        (&["--at", "999999", "--skew", "0s"], "not-yet-valid"),
        (&["--at", "1003600"], "expired"),
        (&["--at", "1000061", "--max-age", "1m"], "stale"),
        (&["--at", "1000000", "--drill", other], "unknown-drill"),
        (&["--at", "1000000", "--env", "b"], "wrong-environment"),
    ] {
        refused(verify(&bench, &value, options), code);
    }
    verify(&bench, &value, &["--at", "1003599"]).with_code(0);
    refused(verify(&bench, "a.b", &[]), "malformed");
    refused(verify(&bench, "a,b", &[]), "duplicate-header");
    refused(verify(&bench, &"a".repeat(1025), &[]), "too-large");
}

#[test]
fn of_several_keys_the_one_that_signed_is_found() {
    let bench = Bench::with_key("HS256");
    bench
        .run(&[
            "keys", "new", "--kid", "k2", "--alg", "Ed25519", "--out", "k2.jwk",
        ])
        .with_code(0);
    let value = bench.sign(&[]);
    let with_both = ["verify", &value, "--key", "k2.jwk", "--key", "k1.jwk"];
    bench.run(&with_both).with_code(0);

    let ended = bench.run(&["verify", &value, "--key", "k2.jwk"]);
    assert!(
        ended.stdout.contains("k1 (not verified)"),
        "{}",
        ended.stdout
    );
    refused(ended, "unknown-key");
    bench
        .run(&["verify", &value, "--key", "k1.jwk", "--key", "k1.jwk"])
        .fails_with("already has a key with this kid: name each key once");
}

#[test]
fn the_value_may_come_from_standard_input_and_with_the_header_s_name() {
    let bench = Bench::with_key("HS256");
    let value = bench.sign(&[]);
    let header = format!("x-drill-context: {value}\r\n");
    for stdin in [&value, &format!("{value}\n"), &header] {
        for words in [
            &["verify", "--key", "k1.jwk"][..],
            &["verify", "--key", "k1.jwk", "-"],
        ] {
            bench.run_with(&[], stdin, words).with_code(0);
        }
    }
    verify(&bench, header.trim_end(), &[]).with_code(0);
    let twice = header.repeat(2);
    let ended = bench.run_with(&[], &twice, &["verify", "--key", "k1.jwk"]);
    refused(ended, "duplicate-header");
}

#[test]
fn the_json_form_has_the_same_members_for_either_verdict() {
    let bench = Bench::with_key("HS256");
    let value = bench.sign(&[]);
    let accepted = verify(&bench, &value, &["--output", "json"])
        .with_code(0)
        .json();
    assert_eq!(accepted["verdict"], "accepted");
    assert_eq!(accepted["drill"], DRILL);
    let refused = verify(&bench, "a.b.c", &["--output", "json"])
        .with_code(1)
        .json();
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["reason"], "malformed");
    let members = |json: &serde_json::Value| -> Vec<String> {
        json.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(members(&accepted), members(&refused));
}

#[test]
fn what_cannot_be_verified_at_all_ends_with_2() {
    let bench = Bench::with_key("HS256");
    bench.run(&["verify", "a.b.c"]).fails_with("no key");
    bench
        .run(&["verify", "--key", "k1.jwk"])
        .fails_with("no value");
    bench
        .run(&["verify", "--key", "-", "-"])
        .fails_with("standard input can be read once");
    for (options, message) in [
        (&["--skew", "61s"][..], "--skew must be 0 to 60 seconds"),
        (
            &["--max-age", "25h"],
            "--max-age must be 1 to 86400 seconds",
        ),
        (&["--at", "soon"], "RFC 3339"),
    ] {
        verify(&bench, "a.b.c", options).fails_with(message);
    }
}

#[test]
fn a_reader_that_has_seen_enough_changes_no_exit_code() {
    let bench = Bench::with_key("HS256");
    let value = bench.sign(&[]);
    for (value, code) in [(value.as_str(), 0), ("a.b.c", 1)] {
        let mut child = bench
            .command(&["verify", "--key", "k1.jwk", value])
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stderr.is_empty());
    }
}
