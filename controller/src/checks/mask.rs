//! What nobody is shown: secrets that went out or came back.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What stands in a secret's place.
const MASKED: &str = "(masked)";

/// Headers whose values are nobody's business, beside those with a telling name.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-drill-context"];

/// Parts of a name that say that its value is a secret.
const SECRET_WORDS: [&str; 12] = [
    "token",
    "secret",
    "passw",
    "pwd",
    "credential",
    "session",
    "cookie",
    "apikey",
    "auth",
    "jwt",
    "bearer",
    "signature",
];

/// The shortest text that is looked for because of its member's name, in characters.
const SHORTEST: usize = 4;

/// How many secrets there may be before members' texts are no longer added to them.
const MAX_SECRETS: usize = 64;

/// Whether a value of this name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name: String = name.to_ascii_lowercase().replace(['-', '_'], "");
    name.ends_with("key") || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether the value of this header is a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_HEADERS.contains(&name.as_str()) || is_secret(&name)
}

/// The secrets that are known, which are taken out of whatever is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask {
    secrets: Vec<String>,
}

impl Mask {
    /// This is a secret, too, and so is it as JSON writes it.
    pub(super) fn hide(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.is_empty() {
            return;
        }
        let json = Value::from(secret).to_string();
        let json = json.trim_matches('"').to_owned();
        for form in [secret.to_owned(), json] {
            if !self.secrets.contains(&form) {
                self.secrets.push(form);
            }
        }
        // What contains another one goes first.
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The secrets in these headers, whole and in their parts: a scheme before it, or a name.
    pub(super) fn hide_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            if is_secret_header(name.as_str()) {
                self.hide_header(value);
            }
        }
    }

    /// The value of one header, and its parts.
    pub(super) fn hide_header(&mut self, value: &HeaderValue) {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if let Some((_, rest)) = text.split_once(' ') {
            self.hide(rest);
        }
        for part in text.split(';') {
            if let Some((_, value)) = part.split_once('=').filter(|(_, value)| value.len() > 7) {
                self.hide(value);
            }
        }
        self.hide(&text);
    }

    /// The texts in `json` whose names say that they are secrets: sentences may tell them. Those that
    /// are very short are words, and of very many only some are looked for.
    pub(super) fn hide_members(&mut self, json: &Value) {
        self.hide_below(json, false);
    }

    fn hide_below(&mut self, json: &Value, is_hidden: bool) {
        match json {
            Value::String(text) if is_hidden && self.may_hide(text) => self.hide(text),
            Value::Array(items) => {
                for item in items {
                    self.hide_below(item, is_hidden);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.hide_below(value, is_hidden || is_secret(name));
                }
            }
            _ => {}
        }
    }

    fn may_hide(&self, text: &str) -> bool {
        self.secrets.len() < MAX_SECRETS && text.chars().nth(SHORTEST - 1).is_some()
    }

    /// `text` without the secrets, and without signed tokens, whoever has signed them: a service may
    /// repeat one that the proxy has made for a program.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASKED);
            }
        }
        // Last: a secret that is known may be longer than the token in it.
        without_tokens(&text)
    }
}

/// `text` without what looks like a JWS in its compact form (RFC 7515, 7.1).
fn without_tokens(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !of_token(c)) {
        let token = piece.trim_end_matches(|c| !of_token(c));
        let (shown, rest) = match is_jws(token) {
            true => (MASKED, piece.strip_prefix(token).unwrap_or_default()),
            false => (piece, ""),
        };
        kept.push_str(shown);
        kept.push_str(rest);
    }
    kept
}

/// Whether it is three parts, of which the first begins as JSON does and the last is as long as a
/// signature.
fn is_jws(token: &str) -> bool {
    let parts: Vec<&str> = token.trim_matches('.').split('.').collect();
    matches!(parts[..], [header, _, signature] if header.starts_with("eyJ") && signature.len() >= 43)
}

/// `json` with nothing in the members whose names say that they are secrets.
pub(super) fn without_secrets(json: &Value) -> Value {
    match json {
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let value = match is_secret(name) {
                    true => Value::from(MASKED),
                    false => without_secrets(value),
                };
                (name.clone(), value)
            });
            members.collect()
        }
        other => other.clone(),
    }
}

/// Headers as lines, in the order of their names, without the values of secret ones.
pub(super) fn lines(headers: &HeaderMap) -> String {
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

fn line((name, value): (&HeaderName, &HeaderValue)) -> String {
    if is_secret_header(name.as_str()) {
        return format!("{name}: {MASKED}");
    }
    format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::{MAX_SECRETS, Mask, is_secret, is_secret_header, lines, without_secrets};

    #[test]
    fn names_say_what_is_a_secret() {
        for name in [
            "token",
            "accessToken",
            "csrf_token",
            "PASSWORD",
            "session_id",
            "api_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["id", "order", "etag", "location"] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(is_secret_header("Set-Cookie") && is_secret_header("X-Api-Key"));
        assert!(!is_secret_header("content-type"));
    }

    #[test]
    fn no_header_that_is_a_secret_is_shown() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "sid=abcdefgh; Path=/"),
            ("authorization", "Bearer zyxw"),
            ("x-drill-context", "a.b.c"),
            ("etag", "7"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let text = lines(&headers);
        assert_eq!(
            text,
            "authorization: (masked)\netag: 7\nset-cookie: (masked)\nx-drill-context: (masked)"
        );
    }

    #[test]
    fn members_that_are_secrets_are_neither_shown_nor_told() {
        let json = json!({"id": 7, "user": {"password": "hunter22", "name": "ann"},
            "tokens": ["t0ken-of-ann", {"of": "t0ken-of-bob"}], "key": "env", "pin_key": 1234});
        let shown = without_secrets(&json);
        let wanted = json!({"id": 7, "user": {"password": "(masked)", "name": "ann"},
            "tokens": "(masked)", "key": "(masked)", "pin_key": "(masked)"});
        assert_eq!(shown, wanted);
        let mut mask = Mask::default();
        mask.hide_members(&json);
        let told = "hunter22 of ann in env: t0ken-of-ann, t0ken-of-bob";
        assert_eq!(
            mask.apply(told),
            "(masked) of ann in env: (masked), (masked)"
        );
        let many: Vec<String> = (0..1000).map(|it| format!("t0ken-{it}")).collect();
        mask.hide_members(&json!({ "tokens": many }));
        assert!(mask.secrets.len() <= MAX_SECRETS + 1);
    }

    #[test]
    fn a_signed_token_is_taken_out_though_nobody_knew_of_it() {
        let signature = "a-_0".repeat(11);
        let token = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{signature}");
        let text = format!("> x-drill-context: {token}\n{{\"t\":\"{token}\"}} {token}.");
        let shown = Mask::default().apply(&text);
        let wanted = "> x-drill-context: (masked)\n{\"t\":\"(masked)\"} (masked)";
        assert_eq!(shown, wanted);
        // A secret around one goes as a whole.
        let mut mask = Mask::default();
        mask.hide(&format!("user:{token}:hunter2"));
        assert_eq!(mask.apply(&format!("a user:{token}:hunter2")), "a (masked)");
        for ordinary in [
            "eyJ.a.b",
            "orders.example.com.",
            "1.2.3",
            "\u{e4}eyJ\u{e4}..",
            "",
        ] {
            assert_eq!(Mask::default().apply(ordinary), ordinary);
        }
    }

    #[test]
    fn a_secret_is_taken_out_of_whatever_repeats_it() {
        let mut mask = Mask::default();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer zyxw"));
        headers.insert("cookie", HeaderValue::from_static("a=12345678; theme=dark"));
        mask.hide_headers(&headers);
        mask.hide("quo\"te");
        mask.hide("");
        let shown = mask.apply(r#"{"t":"zyxw","c":"12345678","q":"quo\"te","theme":"dark"}"#);
        assert_eq!(
            shown,
            r#"{"t":"(masked)","c":"(masked)","q":"(masked)","theme":"dark"}"#
        );
    }
}
