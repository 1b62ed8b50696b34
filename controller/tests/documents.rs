//! Every `drillgate` command in the documents and in the examples is one that the command line takes.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use drillgate::cli::Cli;

/// What stands for the variables of a shell.
const VARIABLES: [(&str, &str); 4] = [
    ("$DRILL", "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f"),
    ("$ID", "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f"),
    ("$value", "a.b.c"),
    ("$EDGE", "https://gateway.example.com"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents and the examples, by their path.
fn texts() -> Vec<(String, String)> {
    let mut files = vec![root().join("README.md")];
    for folder in ["docs", "examples"] {
        walk(&root().join(folder), &mut files);
    }
    let read = |path: PathBuf| {
        (
            path.display().to_string(),
            fs::read_to_string(&path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            walk(&path, files);
        } else if [".md", ".yaml", ".yml", ".sh"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            files.push(path);
        }
    }
}

/// The commands in a text: in Markdown, what stands in a block of code.
fn commands(path: &str, text: &str) -> Vec<String> {
    let is_markdown = path.ends_with(".md");
    let mut in_block = !is_markdown;
    let mut found = Vec::new();
    let text = text.replace("\\\n", " ").replace("&&\n", "&& ");
    for line in text.lines() {
        if is_markdown && line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.extend(command(line));
        }
    }
    found
}

/// The `drillgate` command in a line, up to where the shell goes on with something else.
fn command(line: &str) -> Option<String> {
    let line = line
        .trim_start()
        .trim_start_matches("- ")
        .trim_start_matches("run: ");
    let line = line.trim_start_matches("$ ");
    let rest = ["value=$(drillgate ", "source <(drillgate ", "drillgate "]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    // An indented line of its output begins with the word, too.
    if rest.starts_with(' ') {
        return None;
    }
    let ends = ["&", "|", ">", ") ", "  #", " # ", ";"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min();
    let command = rest.get(..end.unwrap_or(rest.len()))?;
    Some(format!(
        "drillgate {}",
        command.trim_end().trim_end_matches(')')
    ))
}

#[test]
fn every_command_in_the_documents_is_taken() {
    let mut all = Vec::new();
    for (path, text) in texts() {
        all.extend(
            commands(&path, &text)
                .into_iter()
                .map(|command| (path.clone(), command)),
        );
    }
    for (path, command) in &all {
        let mut filled = command.clone();
        for (name, value) in VARIABLES {
            filled = filled.replace(name, value);
        }
        let words = shlex::split(&filled).unwrap_or_else(|| panic!("{path}: {command}"));
        if let Err(error) = Cli::try_parse_from(words) {
            let asks = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            assert!(asks, "{path}: {command}\n{error}");
        }
    }
    assert!(all.len() > 25, "{all:#?}");
}

#[test]
fn every_command_is_somewhere_in_the_documents() {
    let words = texts().into_iter().flat_map(|(path, text)| {
        let all = commands(&path, &text).into_iter();
        all.filter_map(|command| command.split_whitespace().nth(1).map(str::to_owned))
            .collect::<Vec<_>>()
    });
    let shown: BTreeSet<String> = words.collect();
    let command = Cli::command();
    let names = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned());
    let missing: Vec<String> = names.filter(|name| !shown.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_command_ends_where_the_shell_goes_on() {
    for (line, found) in [
        ("$ drillgate list", Some("drillgate list")),
        (
            "drillgate crds | kubectl apply -f -",
            Some("drillgate crds"),
        ),
        (
            "value=$(drillgate sign --of orders) && curl x",
            Some("drillgate sign --of orders"),
        ),
        ("drillgate    0.0s  drill", None),
        ("kubectl get drillgate", None),
    ] {
        assert_eq!(command(line).as_deref(), found, "{line}");
    }
}
