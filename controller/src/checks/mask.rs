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

    /// `text` without the secrets.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASKED);
            }
        }
        text
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

    use super::{Mask, is_secret, is_secret_header, lines};

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
