//! The identifiers that a drill context carries, each with one accepted form.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not in the one form accepted for this kind of identifier.
///
/// The message says what the form is and never repeats the text: it may be a secret that
/// ended up in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidName {
    form: &'static str,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {}", self.form)
    }
}

impl std::error::Error for InvalidName {}

/// A drill's UUID ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562)): the claim `sub`.
///
/// One spelling only, so that equal drills are equal texts: 36 characters, lower case,
/// hyphenated, not the nil UUID.
///
/// ```
/// use drill_context::DrillId;
/// assert!("6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse::<DrillId>().is_ok());
/// assert!("6F1C2B9E-4A77-4D0C-9A55-0F5A7C1D2E3F".parse::<DrillId>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillId(Uuid);

impl DrillId {
    /// The drill with this UUID.
    ///
    /// # Errors
    /// [`InvalidName`] for the nil UUID.
    pub fn new(uuid: Uuid) -> Result<DrillId, InvalidName> {
        if uuid.is_nil() {
            return Err(DrillId::INVALID);
        }
        Ok(DrillId(uuid))
    }

    const INVALID: InvalidName = InvalidName {
        form: "a UUID of 36 characters, lower case and hyphenated, not nil",
    };
}

impl FromStr for DrillId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<DrillId, InvalidName> {
        let uuid = Uuid::try_parse(text).map_err(|_| DrillId::INVALID)?;
        let mut canonical = Uuid::encode_buffer();
        if uuid.hyphenated().encode_lower(&mut canonical) != text {
            return Err(DrillId::INVALID);
        }
        DrillId::new(uuid)
    }
}

impl fmt::Display for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident, $form:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<$name, InvalidName> {
                let accepts: fn(&[u8]) -> bool = $accepts;
                if !accepts(text.as_bytes()) {
                    return Err(InvalidName { form: $form });
                }
                Ok($name(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_name! {
    /// The tag of the environment that a drill runs in: the claim `aud`, a DNS label
    /// ([RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)).
    ///
    /// ```
    /// use drill_context::Environment;
    /// assert!("orders-dr".parse::<Environment>().is_ok());
    /// assert!("-dr".parse::<Environment>().is_err());
    /// ```
    Environment,
    "a DNS label: 1 to 63 of a-z, 0-9 and -, with no - at either end",
    |bytes| {
        (1..=63).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
    }
}

text_name! {
    /// The name of a key: the JWS header parameter `kid`.
    ///
    /// ```
    /// use drill_context::KeyId;
    /// assert!("ci-2026.11".parse::<KeyId>().is_ok());
    /// assert!("../etc/passwd".parse::<KeyId>().is_err());
    /// ```
    KeyId,
    "1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'",
    |bytes| {
        (1..=64).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }
}

text_name! {
    /// The name of one token: the claim `jti`. It is recorded, and grants nothing.
    ///
    /// ```
    /// use drill_context::TokenId;
    /// assert!("run-42/step-3".parse::<TokenId>().is_ok());
    /// assert!("two words".parse::<TokenId>().is_err());
    /// ```
    TokenId,
    "1 to 128 visible ASCII characters without quotation mark or backslash",
    |bytes| {
        (1..=128).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
    }
}

#[cfg(test)]
mod tests {
    use super::{DrillId, Environment, KeyId, TokenId};

    #[test]
    fn a_drill_id_has_one_spelling() {
        for refused in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "6F1C2B9E-4A77-4D0C-9A55-0F5A7C1D2E3F",
            "6f1c2b9e4a774d0c9a550f5a7c1d2e3f",
            "{6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f}",
            "urn:uuid:6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f",
            " 6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f",
        ] {
            assert!(refused.parse::<DrillId>().is_err(), "{refused}");
        }
        let text = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f";
        assert_eq!(text.parse::<DrillId>().unwrap().to_string(), text);
    }

    #[test]
    fn an_environment_is_a_dns_label() {
        for (text, accepted) in [
            ("a", true),
            ("0-9", true),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
            ("", false),
            ("A", false),
            ("a.b", false),
            ("a_b", false),
            ("-a", false),
            ("a-", false),
            ("ä", false),
        ] {
            assert_eq!(text.parse::<Environment>().is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn a_key_id_is_bounded_in_length_and_alphabet() {
        for (text, accepted) in [
            ("K.e_y-1", true),
            (&"k".repeat(64), true),
            (&"k".repeat(65), false),
            ("", false),
            ("a/b", false),
            ("a b", false),
            ("a\0", false),
        ] {
            assert_eq!(text.parse::<KeyId>().is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn a_token_id_is_visible_ascii_that_needs_no_escape() {
        for (text, accepted) in [
            ("~!", true),
            (&"j".repeat(128), true),
            (&"j".repeat(129), false),
            ("", false),
            ("a\"b", false),
            ("a\\b", false),
            ("a\nb", false),
            ("é", false),
        ] {
            assert_eq!(text.parse::<TokenId>().is_ok(), accepted, "{text}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_text() {
        let error = "hunter2 hunter2".parse::<KeyId>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("1 to 64"), "{error}");
    }
}
