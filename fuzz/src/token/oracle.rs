//! A second opinion on a token, from `token.md`'s rules and nothing of the product's code: slow,
//! plain, and written in another way wherever there is one.

use drill_context::Claims;

use super::json::{self, Json};
use super::keys::{ED, HS, Signatory};

#[derive(Debug, PartialEq)]
pub enum Judgement {
    Accept(Seen),
    Refuse,
    /// A time so close to a whole second that readers of decimal fractions may differ.
    Either,
}

/// What the claims say.
#[derive(Debug, PartialEq)]
pub struct Seen {
    sub: String,
    aud: String,
    jti: Option<String>,
    iat: i64,
    nbf: Option<i64>,
    exp: Option<i64>,
}

impl Seen {
    pub fn of(claims: &Claims) -> Seen {
        Seen {
            sub: claims.drill.to_string(),
            aud: claims.environment.to_string(),
            jti: claims.token_id.as_ref().map(|id| id.to_string()),
            iat: claims.issued_at,
            nbf: claims.not_before,
            exp: claims.expires_at,
        }
    }
}

pub fn judge(fields: &[&[u8]], now: i64) -> Judgement {
    let mut close = false;
    let seen = authentic(fields).and_then(|payload| claims(&payload, &mut close));
    match seen {
        _ if close => Judgement::Either,
        Some(seen) if in_time(&seen, now) => Judgement::Accept(seen),
        _ => Judgement::Refuse,
    }
}

/// The payload, if the token is in form and signed by the key that it names.
fn authentic(fields: &[&[u8]]) -> Option<Vec<u8>> {
    let [field] = fields else { return None };
    let value = std::str::from_utf8(field).ok()?;
    let value = value.trim_matches(|c| c == ' ' || c == '\t');
    let segments: Vec<&str> = value.split('.').collect();
    let [header, payload, signature] = segments[..] else {
        return None;
    };
    if value.len() > 1024 {
        return None;
    }
    let signatory = named(&unbase64(header)?)?;
    let message = format!("{header}.{payload}");
    let expected = signatory.sign(message.as_bytes());
    let payload = unbase64(payload)?;
    (unbase64(signature)? == expected).then_some(payload)
}

/// Whose signature the header asks for.
fn named(header: &[u8]) -> Option<Signatory> {
    let Json::Object(members) = json::read(header)? else {
        return None;
    };
    let known = |(name, _): &(String, Json)| matches!(name.as_str(), "alg" | "typ" | "kid");
    if members.len() != 3 || !members.iter().all(known) {
        return None;
    }
    let typ = text(&members, "typ")?.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    if typ != "drill+jwt" && typ != "drill-probe+jwt" {
        return None;
    }
    match (text(&members, "kid")?, text(&members, "alg")?) {
        (HS, "HS256") => Some(Signatory::Hs),
        (ED, "EdDSA" | "Ed25519") => Some(Signatory::Ed),
        _ => None,
    }
}

fn claims(payload: &[u8], close: &mut bool) -> Option<Seen> {
    let Json::Object(members) = json::read(payload)? else {
        return None;
    };
    let aud = match member(&members, "aud")? {
        Json::Array(elements) if elements.len() == 1 => &elements[0],
        other => other,
    };
    let Json::Text(aud) = aud else { return None };
    let jti = match member(&members, "jti") {
        None => None,
        Some(Json::Text(jti)) if is_token_id(jti) => Some(jti.clone()),
        Some(_) => return None,
    };
    let mut time = |name: &str| match member(&members, name) {
        None => Some(None),
        Some(Json::Number(number)) => seconds(number, close).map(Some),
        Some(_) => None,
    };
    let seen = Seen {
        sub: text(&members, "sub")?.to_owned(),
        aud: aud.clone(),
        jti,
        iat: time("iat")??,
        nbf: time("nbf")?,
        exp: time("exp")?,
    };
    let in_form = is_uuid(&seen.sub) && is_label(aud) && seen.exp.is_none_or(|e| e > seen.iat);
    in_form.then_some(seen)
}

fn in_time(seen: &Seen, now: i64) -> bool {
    let started = |second: i64| second - 30 <= now;
    let ended = seen.exp.is_some_and(|second| second <= now);
    started(seen.iat) && seen.nbf.is_none_or(started) && !ended && seen.iat + 3600 >= now
}

/// The second in which a time lies.
fn seconds(number: &str, close: &mut bool) -> Option<i64> {
    let second = match number.parse::<i64>() {
        Ok(whole) => whole as f64,
        Err(_) => {
            let fraction: f64 = number.parse().ok()?;
            // Short decimals are exact in every reader; of a longer one the last digits may be
            // lost, and with them the second.
            let error = fraction.abs() * 1e-15;
            let digits = number.chars().filter(char::is_ascii_digit).count();
            *close |= digits > 15 && (fraction - error).floor() != (fraction + error).floor();
            fraction.floor()
        }
    };
    (0.0..=253_402_300_799.0)
        .contains(&second)
        .then_some(second as i64)
}

fn is_uuid(text: &str) -> bool {
    let form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    text.len() == form.len()
        && text.chars().any(|c| c != '0' && c != '-')
        && form.chars().zip(text.chars()).all(|(form, c)| match form {
            '-' => c == '-',
            _ => "0123456789abcdef".contains(c),
        })
}

fn is_label(text: &str) -> bool {
    let inner = text.trim_matches('-');
    inner == text
        && (1..64).contains(&text.len())
        && text
            .chars()
            .all(|c| "abcdefghijklmnopqrstuvwxyz0123456789-".contains(c))
}

fn is_token_id(text: &str) -> bool {
    let visible = |c: char| (0x21..0x7f).contains(&u32::from(c)) && c != '"' && c != '\\';
    (1..129).contains(&text.len()) && text.chars().all(visible)
}

fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    let found = members.iter().find(|(held, _)| held == name);
    found.map(|(_, value)| value)
}

fn text<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a str> {
    match member(members, name)? {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// Character by character. Bits that are left over must be fewer than a character has, and zero.
fn unbase64(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for character in segment.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (!segment.is_empty() && bits < 6 && held == 0).then_some(bytes)
}
