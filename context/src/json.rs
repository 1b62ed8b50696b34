//! JSON as the verifier reads it: one meaning per text.
//!
//! [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259#section-4) leaves open what two members
//! of one name mean, and readers differ. Here such a text is refused at any depth, also when
//! the second name is spelled with escapes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a JSON object without duplicate members.
///
/// # Errors
/// A sentence that says what is wrong and where. Member names may be part of it, values
/// never are.
///
/// ```
/// use drill_context::json::parse_object;
/// assert!(parse_object(br#"{"a": 1, "b": [2]}"#).is_ok());
/// assert!(parse_object(br#"{"a": 1, "\u0061": 2}"#).is_err());
/// assert!(parse_object(b"[1]").is_err());
/// ```
pub fn parse_object(text: &[u8]) -> Result<Object<'_>, String> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A JSON value. Texts without escapes are borrowed from what was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is written as an integer and fits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of a JSON object, in the order of the text; no two have one name.
///
/// They are taken out one by one, so that what nobody asked for is left.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(held, _)| held == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Whether there is such a member.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(held, _)| held == name)
    }

    /// The name of a member that is left.
    pub fn any_name(&self) -> Option<&str> {
        self.0.first().map(|(name, _)| name.as_ref())
    }
}

impl<'a> IntoIterator for Object<'a> {
    type Item = (Cow<'a, str>, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        if !value.is_finite() {
            return Err(E::custom("a number that is not finite"));
        }
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element()? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), value)) = entries.next_entry()? {
            members.push((name, value));
        }
        match duplicate(&members) {
            Some(name) => Err(A::Error::custom(format_args!("duplicate member {name:?}"))),
            None => Ok(Value::Object(Object(members))),
        }
    }
}

/// A name that two members have.
fn duplicate<'n>(members: &'n [(Cow<'_, str>, Value<'_>)]) -> Option<&'n str> {
    let mut names = members.iter().map(|(name, _)| name.as_ref());
    // A token has a handful of members: comparing them is quicker than sorting. A configuration
    // may have a thousand drills, and mostly has them in order.
    if members.len() <= 16 {
        while let Some(name) = names.next() {
            if names.clone().any(|other| other == name) {
                return Some(name);
            }
        }
        return None;
    }
    let mut seen = Vec::with_capacity(members.len());
    names.find(|name| match seen.binary_search(name) {
        Ok(_) => true,
        Err(at) => {
            seen.insert(at, *name);
            false
        }
    })
}

/// A member's name, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(ValueVisitor)? {
            Value::Text(name) => Ok(Name(name)),
            _ => Err(D::Error::custom("a member's name is a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, parse_object};

    #[test]
    fn a_plain_object_keeps_every_kind_of_value() {
        let text = br#"{"n":null,"b":true,"i":-1,"u":18446744073709551615,"f":1.5,"s":"x","e":"\u0078","a":[1,{"o":2}]}"#;
        let mut object = parse_object(text).unwrap();
        let text = |text: &'static str| Value::Text(text.into());
        assert_eq!(object.take("n"), Some(Value::Null));
        assert_eq!(object.take("b"), Some(Value::Bool(true)));
        assert_eq!(object.take("i"), Some(Value::Integer(-1)));
        assert_eq!(object.take("u"), Some(Value::Float(18446744073709551615.0)));
        assert_eq!(object.take("f"), Some(Value::Float(1.5)));
        assert_eq!(object.take("s"), Some(text("x")));
        assert_eq!(object.take("e"), Some(text("x")));
        let Some(Value::Array(array)) = object.take("a") else {
            panic!("no array");
        };
        let inner = parse_object(br#"{"o":2}"#).unwrap();
        assert_eq!(array, [Value::Integer(1), Value::Object(inner)]);
        assert_eq!(object.take("a"), None);
        assert_eq!(object.any_name(), None);
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"\u0061":1,"b":0,"a":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
        ] {
            let error = parse_object(text.as_bytes()).unwrap_err();
            assert!(error.contains("duplicate member \"a\""), "{error}");
        }
    }

    #[test]
    fn a_duplicate_is_found_among_many_members() {
        let members = |last: &str| {
            let many: String = (0..1000).map(|n| format!("\"m{n}\":0,")).collect();
            format!("{{{many}\"{last}\":0}}")
        };
        assert!(parse_object(members("m1000").as_bytes()).is_ok());
        let error = parse_object(members("m7").as_bytes()).unwrap_err();
        assert!(error.contains("duplicate member \"m7\""), "{error}");
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in [
            "",
            "[]",
            "\"x\"",
            "1",
            "null",
            "{} {}",
            "{",
            "{\"a\":1e999}",
            "{\"a\":NaN}",
            "{1:2}",
        ] {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse_object(deep.as_bytes()).is_err());
    }
}
