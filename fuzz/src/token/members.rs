//! JSON objects that are nearly right: edits of their members, and how they are spelled.

use arbitrary::Arbitrary;

use crate::moment::Moment;

use super::{DRILL, ENVIRONMENT, NOW};

/// A change to the members of the header or of the claims.
#[derive(Arbitrary, Debug)]
pub enum Edit<'a> {
    Set(Name<'a>, Value<'a>),
    Append(Name<'a>, Value<'a>),
    Remove(Name<'a>),
    Swap(u8, u8),
}

#[derive(Arbitrary, Debug)]
pub enum Name<'a> {
    Alg,
    Typ,
    Kid,
    Sub,
    Aud,
    Iat,
    Nbf,
    Exp,
    Jti,
    Crit,
    B64,
    Jwk,
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// Seconds from now.
    Time(Moment, Option<u16>),
    Integer(i64),
    Double(f64),
    Exponent(i32, i16),
    Text(&'a str),
    /// One that is right somewhere.
    Known(u8),
    Array(Vec<Value<'a>>),
    Object(Vec<(Name<'a>, Value<'a>)>),
    Deep(u8),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub struct Spelling {
    escaped: bool,
    spaced: bool,
}

pub type Members = Vec<(String, String)>;

/// Changes the members and writes them down.
pub fn write(mut members: Members, edits: &[Edit], spelling: Spelling) -> Vec<u8> {
    for edit in edits {
        apply(edit, &mut members, spelling);
    }
    object(&members, spelling).into_bytes()
}

fn apply(edit: &Edit, members: &mut Members, spelling: Spelling) {
    match edit {
        Edit::Set(name, value) => {
            let (name, value) = (name.text(), value.json(spelling));
            match members.iter_mut().find(|(held, _)| *held == name) {
                Some((_, held)) => *held = value,
                None => members.push((name.to_owned(), value)),
            }
        }
        Edit::Append(name, value) => {
            members.push((name.text().to_owned(), value.json(spelling)));
        }
        Edit::Remove(name) => members.retain(|(held, _)| held != name.text()),
        Edit::Swap(one, other) if !members.is_empty() => {
            let count = members.len();
            members.swap(usize::from(*one) % count, usize::from(*other) % count);
        }
        Edit::Swap(..) => {}
    }
}

impl Name<'_> {
    fn text(&self) -> &str {
        match self {
            Name::Alg => "alg",
            Name::Typ => "typ",
            Name::Kid => "kid",
            Name::Sub => "sub",
            Name::Aud => "aud",
            Name::Iat => "iat",
            Name::Nbf => "nbf",
            Name::Exp => "exp",
            Name::Jti => "jti",
            Name::Crit => "crit",
            Name::B64 => "b64",
            Name::Jwk => "jwk",
            Name::Other(name) => name,
        }
    }
}

const KNOWN: [&str; 12] = [
    "HS256",
    "EdDSA",
    "Ed25519",
    "none",
    "hs",
    "ed",
    "drill+jwt",
    "application/DRILL-probe+jwt",
    DRILL,
    "6F1C2B9E-4A77-4D0C-9A55-0F5A7C1D2E3F",
    ENVIRONMENT,
    "run-42/step.3",
];

impl Value<'_> {
    fn json(&self, spelling: Spelling) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Time(moment, None) => (NOW + moment.offset()).to_string(),
            Value::Time(moment, Some(fraction)) => {
                format!("{}.{fraction:05}", NOW + moment.offset())
            }
            Value::Integer(value) => value.to_string(),
            // Not always JSON: NaN and infinity are none.
            Value::Double(value) => value.to_string(),
            Value::Exponent(value, exponent) => format!("{value}e{exponent}"),
            Value::Text(text) => quote(text, spelling),
            Value::Known(index) => quote(KNOWN[usize::from(*index) % KNOWN.len()], spelling),
            Value::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(|e| e.json(spelling)).collect();
                format!("[{}]", elements.join(","))
            }
            Value::Object(members) => {
                let member =
                    |(name, value): &(Name, Value)| (name.text().to_owned(), value.json(spelling));
                object(&members.iter().map(member).collect::<Members>(), spelling)
            }
            Value::Deep(depth) => {
                let depth = usize::from(*depth);
                "[".repeat(depth) + &"]".repeat(depth)
            }
        }
    }
}

fn object(members: &Members, spelling: Spelling) -> String {
    let space = if spelling.spaced { "\n\t " } else { "" };
    let member = |(name, value): &(String, String)| {
        format!(
            "{space}{}{space}:{space}{value}{space}",
            quote(name, spelling)
        )
    };
    let members: Vec<_> = members.iter().map(member).collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

pub fn quote(text: &str, spelling: Spelling) -> String {
    if !spelling.escaped {
        return serde_json::Value::from(text).to_string();
    }
    let escaped: String = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04X}"))
        .collect();
    format!("\"{escaped}\"")
}
