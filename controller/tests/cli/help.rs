use clap::{Command, CommandFactory};
use drillgate::cli::Cli;

use super::Bench;

/// Every command, and the whole.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    walk(&Cli::command(), &[], &mut found);
    assert!(found.len() > 15, "{found:?}");
    found
}

fn walk(command: &Command, path: &[String], found: &mut Vec<Vec<String>>) {
    for sub in command.get_subcommands() {
        let path = [path, &[sub.get_name().to_owned()]].concat();
        // A command that only has others is described by these.
        if sub.has_subcommands() {
            walk(sub, &path, found);
        } else {
            found.push(path);
        }
    }
}

fn help(variables: &[(&str, &str)], command: &[String]) -> String {
    let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
    words.push("--help");
    let ended = Bench::new().run_with(variables, "", &words);
    ended.with_code(0).stdout
}

#[test]
fn each_help_has_examples_and_exit_codes() {
    for command in commands() {
        let help = help(&[], &command);
        assert!(help.contains("\nExamples:\n  "), "{help}");
        assert!(help.contains("\nExit codes:\n  0  "), "{help}");
    }
}

#[test]
fn no_help_shows_a_key_of_the_environment() {
    let variables = [
        ("DRILLGATE_KEY", "hunter2"),
        ("DRILLGATE_KEY_FILE", "hunter2"),
    ];
    for command in commands() {
        assert!(!help(&variables, &command).contains("hunter2"));
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
