//! Reads the tables. `[class | kind | key]` starts a section; a row is `verdict | name | text`.
//!
//! The text is that of a JWS header or of claims, to be signed with the key, or of the value
//! itself. In it `<300*x>` is 300 times x, `<13>` the byte 13, and `<name>` stands for a part of
//! the valid token (`<H>`, `<P>`, `<S>`, `<token>`) or a valid member (`<alg>`, `<sub>`, ...).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::Signatory;

pub const DRILL: &str = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
pub const HEADER: &str = "{<alg>,<typ>,<kid>}";
pub const CLAIMS: &str = "{<sub>,<aud>,<iat>}";

pub struct Row {
    pub class: String,
    pub name: String,
    pub verdict: String,
    /// The header's fields, as they arrive.
    pub fields: Vec<Vec<u8>>,
}

pub fn read(table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut section = None;
    for line in table.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            section = Some(heading.strip_suffix(']').unwrap());
        } else if !line.is_empty() && !line.starts_with('#') {
            rows.push(row(section.unwrap(), line));
        }
    }
    rows
}

fn row(section: &str, line: &str) -> Row {
    let section: Vec<_> = section.split(" | ").collect();
    let columns: Vec<_> = line.splitn(3, " | ").collect();
    let [verdict, name, text] = columns[..] else {
        panic!("not a row: {line}");
    };
    let fields = match section[1..] {
        ["value"] => value(text),
        ["header", key] => vec![signed(text, CLAIMS, Signatory::from_name(key))],
        ["claims", key] => vec![signed(HEADER, text, Signatory::from_name(key))],
        _ => panic!("not a section: {section:?}"),
    };
    Row {
        class: section[0].to_owned(),
        name: name.to_owned(),
        verdict: verdict.trim_end().to_owned(),
        fields,
    }
}

/// A token of this header and these claims.
pub fn signed(header: &str, claims: &str, signatory: Signatory) -> Vec<u8> {
    let message = message(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(signatory.sign(message.as_bytes()));
    format!("{message}.{signature}").into_bytes()
}

/// What is signed.
pub fn message(header: &str, claims: &str) -> String {
    let encode = |text| URL_SAFE_NO_PAD.encode(expand(text, &member));
    format!("{}.{}", encode(header), encode(claims))
}

fn value(text: &str) -> Vec<Vec<u8>> {
    if text == "<no-field>" {
        return vec![];
    }
    let fields = text.split("<next-field>");
    fields.map(|field| expand(field, &part)).collect()
}

fn expand(text: &str, lookup: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let (name, after) = after.split_once('>').unwrap();
        expanded.extend_from_slice(before.as_bytes());
        match (name.split_once('*'), name.parse::<u8>()) {
            (Some((times, what)), _) => {
                let repeated = what.repeat(times.parse().unwrap());
                expanded.extend_from_slice(repeated.as_bytes());
            }
            (None, Ok(byte)) => expanded.push(byte),
            (None, Err(_)) => expanded.extend_from_slice(lookup(name).as_bytes()),
        }
        rest = after;
    }
    expanded.extend_from_slice(rest.as_bytes());
    expanded
}

/// A member as it should be.
fn member(name: &str) -> String {
    match name {
        "alg" => r#""alg":"HS256""#.to_owned(),
        "typ" => r#""typ":"drill+jwt""#.to_owned(),
        "kid" => r#""kid":"hs""#.to_owned(),
        "sub" => format!(r#""sub":"{DRILL}""#),
        "aud" => r#""aud":"orders-dr""#.to_owned(),
        "iat" => r#""iat":1790000000"#.to_owned(),
        other => panic!("no member <{other}>"),
    }
}

/// A part of the valid token, some of them spoilt.
fn part(name: &str) -> String {
    let token = String::from_utf8(signed(HEADER, CLAIMS, Signatory::Hs)).unwrap();
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments[..] else {
        panic!("{token}");
    };
    match name {
        "token" => token,
        "H" => header.to_owned(),
        "P" => payload.to_owned(),
        "S" => signature.to_owned(),
        "nothing" => String::new(),
        "H-spaced" => header.replacen('J', "J ", 1),
        "S-without-first" => signature[1..].to_owned(),
        "S-half" => URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(signature).unwrap()[..16]),
        "S-stray-bits" => with_stray_bits(signature),
        other => panic!("no part <{other}>"),
    }
}

/// The same bytes to a lax decoder: the last character stands for two bits more than there are.
fn with_stray_bits(signature: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let at = ALPHABET.find(last).unwrap();
    format!("{rest}{}", &ALPHABET[at + 1..at + 2])
}
