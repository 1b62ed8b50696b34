use super::{Bench, DRILL};

#[test]
fn a_value_is_one_line() {
    let bench = Bench::with_key("HS256");
    let sign = [
        "sign",
        "--key",
        "k1.jwk",
        "--drill",
        DRILL,
        "--env",
        "orders-dr",
    ];
    let ended = bench.run(&sign).with_code(0);
    assert!(ended.stdout.starts_with("eyJ") && ended.stdout.ends_with('\n'));
    assert_eq!(ended.stdout.lines().count(), 1);
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_header_form_is_the_line_that_curl_takes() {
    let bench = Bench::with_key("HS256");
    let at = ["--at", "1790000000"];
    let value = bench.sign(&at);
    let header = bench.sign(&[&at[..], &["--header"]].concat());
    assert_eq!(header, format!("X-Drill-Context: {value}"));
}

#[test]
fn the_same_time_in_either_form_signs_the_same_value() {
    let bench = Bench::with_key("Ed25519");
    let epoch = bench.sign(&["--at", "1790000000", "--expires-in", "5m"]);
    let rfc3339 = bench.sign(&["--at", "2026-09-21T14:13:20Z", "--expires-in", "300s"]);
    assert_eq!(epoch, rfc3339);
    assert_ne!(
        epoch,
        bench.sign(&["--at", "1790000001", "--expires-in", "5m"])
    );
}

#[test]
fn the_json_form_tells_what_was_signed() {
    let bench = Bench::with_key("HS256");
    let options = [
        "--at",
        "1790000000",
        "--expires-in",
        "5m",
        "--token-id",
        "run-42",
    ];
    let value = bench.sign(&options);
    let json = bench.sign(&[&options[..], &["--output", "json"]].concat());
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        serde_json::json!({
            "header": "X-Drill-Context",
            "value": value,
            "kid": "k1",
            "type": "drill+jwt",
            "drill": DRILL,
            "environment": "orders-dr",
            "issuedAt": "2026-09-21T14:13:20Z",
            "expiresAt": "2026-09-21T14:18:20Z",
            "tokenId": "run-42",
        })
    );
}

#[test]
fn a_probe_needs_no_drill() {
    let bench = Bench::with_key("Ed25519");
    let probe = ["sign", "--key", "k1.jwk", "--probe", "--output", "json"];
    let probe = bench.run(&probe).with_code(0).json();
    assert_eq!(probe["type"], "drill-probe+jwt");
    assert_eq!(probe["environment"], "probe");
    let verdict = bench.run(&[
        "verify",
        "--key",
        "k1.jwk",
        probe["value"].as_str().unwrap(),
    ]);
    assert!(verdict.with_code(0).stdout.contains("drill-probe+jwt"));
}

#[test]
fn the_key_may_come_from_standard_input_or_the_environment() {
    let bench = Bench::with_key("HS256");
    let jwk = bench.read("k1.jwk");
    let at = ["--drill", DRILL, "--env", "orders-dr", "--at", "5"];
    let expected = bench.sign(&["--at", "5"]) + "\n";

    let sign = [&["sign"][..], &at].concat();
    let from_stdin = [&sign[..], &["--key", "-"]].concat();
    let value = |ended: super::Ended| ended.with_code(0).stdout;
    assert_eq!(value(bench.run_with(&[], &jwk, &from_stdin)), expected);
    let file = [("DRILLGATE_KEY_FILE", "k1.jwk"), ("DRILLGATE_KEY", "")];
    assert_eq!(value(bench.run_with(&file, "", &sign)), expected);
    let text = [("DRILLGATE_KEY", jwk.as_str())];
    assert_eq!(value(bench.run_with(&text, "", &sign)), expected);

    bench
        .run(&sign)
        .fails_with("no key: name a file with --key FILE");
    let broken = [("DRILLGATE_KEY", "hunter2")];
    let ended = bench.run_with(&broken, "", &sign).with_code(2);
    assert!(
        ended
            .stderr
            .starts_with("error: the key in DRILLGATE_KEY: ")
    );
    assert!(!ended.stderr.contains("hunter2"));
}

#[test]
fn a_public_key_does_not_sign() {
    let bench = Bench::with_key("Ed25519");
    let public = bench.run(&["keys", "public", "k1.jwk"]).stdout;
    bench.write("pub.jwk", &public);
    bench
        .run(&["sign", "--key", "pub.jwk", "--probe"])
        .fails_with("key file pub.jwk: k1 verifies and does not sign");
}

#[test]
fn what_cannot_be_signed_is_refused_by_name() {
    let bench = Bench::with_key("HS256");
    for (options, message) in [
        (&["--env", "a"][..], "--drill <UUID>"),
        (&["--drill", DRILL], "--env <TAG>"),
        (
            &["--drill", "6F1C", "--env", "a"],
            "lower case and hyphenated",
        ),
        (&["--drill", DRILL, "--env", "A"], "a DNS label"),
        (&["--probe", "--env", "a"], "cannot be used with"),
        (
            &["--probe", "--at", "1790000000000"],
            "in the years 1970 to 9999",
        ),
        (
            &["--probe", "--at", "253402300799", "--expires-in", "1s"],
            "1970 to 9999",
        ),
        (&["--probe", "--expires-in", "300"], "such as 90s, 5m or 1h"),
        (&["--probe", "--expires-in", "0s"], "at least one second"),
        (&["--probe", "--token-id", "two words"], "visible ASCII"),
        (
            &["--probe", "--header", "--output", "json"],
            "exclude each other",
        ),
    ] {
        let sign = ["sign", "--key", "k1.jwk"];
        bench.run(&[&sign, options].concat()).fails_with(message);
    }
    bench
        .run(&["sign", "--key", "k2.jwk", "--probe"])
        .fails_with("key file k2.jwk does not exist");
}

#[test]
fn a_key_of_another_name_than_was_asked_for_does_not_sign() {
    let bench = Bench::with_key("HS256");
    assert!(bench.sign(&["--kid", "k1"]).starts_with("eyJ"));
    bench
        .run(&["sign", "--key", "k1.jwk", "--probe", "--kid", "k2"])
        .fails_with("the key that was given is k1 and not k2");
}
