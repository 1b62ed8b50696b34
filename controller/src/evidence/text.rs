//! What comes from outside, made fit to be read: no character in it hides, reorders or ends anything.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::RenderError;
use super::record::Record;

/// The record with every text in it made visible.
pub(super) fn visible_record(record: &Record) -> Result<Record, RenderError> {
    let value = serde_json::to_value(record)?;
    Ok(serde_json::from_value(visible_value(value))?)
}

fn visible_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(visible_value).collect(),
        Value::Object(members) => {
            let shown = members
                .into_iter()
                .map(|(name, value)| (visible(&name).into_owned(), visible_value(value)));
            Value::Object(shown.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// The text with marks in place of control characters, of characters that turn the direction of
/// what follows, and of those that cannot be seen at all. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            hidden if is_hidden(hidden) => shown.push_str(&mark(hidden)),
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Arabic letter mark; zero width space, left-to-right and right-to-left marks; line and
        // paragraph separators; embeddings, overrides, isolates and other invisible operators.
        '\u{61c}'
        | '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        // What is no character in XML.
        other => other.is_control() || (other as u32) & 0xfffe == 0xfffe,
    }
}

/// Digits rather than a picture of the character, which few fonts have.
fn mark(hidden: char) -> String {
    format!("[U+{:04X}]", hidden as u32)
}

/// At most so many characters, with an ellipsis where something was cut.
pub(super) fn cut(text: &str, characters: usize) -> String {
    if text.chars().nth(characters).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(characters.saturating_sub(1));
    kept.chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, visible};

    #[test]
    fn what_hides_is_shown_and_what_reads_stays() {
        for (text, shown) in [
            ("plain: <ä> 日本 \n\t", "plain: <ä> 日本 \n\t"),
            ("a\u{0}b\u{1b}[31m\r", "a[U+0000]b[U+001B][31m[U+000D]"),
            ("\u{7f}\u{85}", "[U+007F][U+0085]"),
            ("gpj\u{202e}exe", "gpj[U+202E]exe"),
            ("x\u{feff}\u{ffff}", "x[U+FEFF][U+FFFF]"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö\u{2026}");
        assert_eq!(cut("", 0), "");
    }
}
