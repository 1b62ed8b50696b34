use super::Bench;

const COMMANDS: [&[&str]; 8] = [
    &[],
    &["demo"],
    &["proxy"],
    &["sign"],
    &["verify"],
    &["keys", "new"],
    &["keys", "public"],
    &["keys", "show"],
];

#[test]
fn each_help_has_examples_and_exit_codes() {
    for command in COMMANDS {
        let ended = Bench::new().run(&[command, &["--help"]].concat());
        let help = ended.with_code(0).stdout;
        assert!(help.contains("\nExamples:\n  drillgate "), "{help}");
        assert!(help.contains("\nExit codes:\n  0  "), "{help}");
    }
}

#[test]
fn no_help_shows_a_key_of_the_environment() {
    let variables = [
        ("DRILLGATE_KEY", "hunter2"),
        ("DRILLGATE_KEY_FILE", "hunter2"),
    ];
    for command in COMMANDS {
        let ended = Bench::new().run_with(&variables, "", &[command, &["--help"]].concat());
        assert!(!ended.with_code(0).stdout.contains("hunter2"));
    }
}

#[test]
fn the_version_is_told() {
    let ended = Bench::new().run(&["--version"]).with_code(0);
    assert_eq!(
        ended.stdout,
        format!("drillgate {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_usage_error_ends_with_2() {
    for words in [&[][..], &["fly"], &["sign", "--probe", "--fly"], &["keys"]] {
        let ended = Bench::new().run(words).with_code(2);
        assert!(
            ended.stderr.contains("Usage: drillgate"),
            "{}",
            ended.stderr
        );
    }
}
