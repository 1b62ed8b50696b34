//! The three ways in which the commands that look at a cluster answer.

use std::error::Error;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::output;

#[derive(Args)]
pub(super) struct ViewArgs {
    /// For people, or for programs
    #[arg(
        long = "output",
        short = 'o',
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub(super) view: View,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum View {
    #[default]
    Table,
    Json,
    Yaml,
}

impl View {
    /// Prints `value`, or for people what `table` makes of it.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Box<dyn Error>> {
        let text = match self {
            View::Table => table(value),
            View::Json => output::json(value)?,
            View::Yaml => serde_saphyr::to_string(value)?,
        };
        Ok(output::emit(&text)?)
    }
}

/// Columns as wide as what is in them, headings first.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings = headings.map(str::to_owned);
    let lines = std::iter::once(&headings).chain(rows);
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(padded.join("   ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [
            ["orders".to_owned(), "1".to_owned()],
            ["a".to_owned(), "22".to_owned()],
        ];
        let text = table(["NAME", "N"], &rows);
        assert_eq!(text, "NAME     N\norders   1\na        22\n");
    }
}
