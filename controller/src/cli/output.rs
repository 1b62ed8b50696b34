//! What a command prints, and where to.

use std::error::Error;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use serde::Serialize;

pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// [`GOOD`] or [`BAD`].
pub(super) fn style(is_good: bool) -> Style {
    if is_good { GOOD } else { BAD }
}
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

#[derive(Args)]
pub(super) struct OutputArgs {
    /// For people, or for programs
    #[arg(
        long = "output",
        short = 'o',
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// Writes to standard output; colours are left out unless that is a terminal.
pub(super) fn emit(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        // Whoever reads has seen enough, as `head` has: that is no failure of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("standard output cannot be written: {error}"),
        )),
        Ok(()) => Ok(()),
    }
}

pub(super) fn note(text: &str) {
    say(text);
}

pub(super) fn warning(text: &str) {
    say(&format!("{WARNING}warning:{WARNING:#} {text}"));
}

pub(super) fn error(error: &dyn Error) {
    say(&format!("{BAD}error:{BAD:#} {error}"));
}

/// There is nowhere left to report that standard error cannot be written.
fn say(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// JSON on several lines, as people read it too.
pub(super) fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

/// Labels and values, one pair a line.
pub(super) fn rows<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    rows.into_iter()
        .map(|(label, value)| format!("  {label:<12} {value}\n"))
        .collect()
}
