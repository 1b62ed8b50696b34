//! One flat JSON object, written member by member.

use std::fmt::Display;

/// An object that is being written, its members in the order in which they are added.
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Object {
        // What a record comes to: growing on the way would copy it several times.
        let mut text = String::with_capacity(640);
        text.push('{');
        Object { text }
    }

    /// A member that is a text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.string(value);
    }

    /// A member that is a text, where it is known: an empty one is not.
    pub(crate) fn known(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// A member that is a number.
    pub(crate) fn number(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        self.text.push_str(&value.to_string());
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// Names are ours: letters and underscores.
    fn name(&mut self, name: &'static str) {
        self.text.push_str(match self.text.as_str() {
            "{" => "\"",
            _ => ",\"",
        });
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// RFC 8259, 7: a quotation mark, a backslash and what is below the space are escaped.
    fn string(&mut self, value: &str) {
        let special = |b: u8| (b < b' ') | (b == b'"') | (b == b'\\');
        self.text.push('"');
        // Hardly any text has one, and without a way out the search takes many bytes at a time.
        if !value.bytes().fold(false, |any, b| any | special(b)) {
            self.text.push_str(value);
        } else {
            for c in value.chars() {
                match c {
                    '"' | '\\' => self.text.extend(['\\', c]),
                    c if c < ' ' => self.text.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => self.text.push(c),
                }
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn what_is_written_is_read_back_and_stays_on_one_line() {
        let all: String = (0..=0x2fff_u32).filter_map(char::from_u32).collect();
        let mut object = Object::new();
        object.text("all", &all);
        object.text("plain", "orders.example.com");
        object.text("empty", "");
        object.known("unknown", "");
        object.known("known", "\\");
        object.number("least", i64::MIN);
        object.number("most", u64::MAX);
        let written = object.finish();
        assert!(!written.bytes().any(|b| b < b' '));
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        let expected = serde_json::json!({
            "all": all,
            "plain": "orders.example.com",
            "empty": "",
            "known": "\\",
            "least": i64::MIN,
            "most": u64::MAX,
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn an_object_without_members_is_one() {
        assert_eq!(Object::new().finish(), "{}");
    }
}
