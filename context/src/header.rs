//! From the header fields of a request to the one value that is verified.

use crate::Reason;

/// The name of the header, in the lower case of HTTP/2.
pub const HEADER_NAME: &str = "x-drill-context";

/// The longest value that is looked at, in bytes.
pub const MAX_VALUE_BYTES: usize = 1024;

/// Demands exactly one value and trims SP and HTAB from its ends.
///
/// A comma is refused: a proxy on the way may have joined two fields into one
/// ([RFC 9110, 5.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.3)), and a JWS has none.
///
/// # Errors
/// [`Reason::DuplicateHeader`] for no value, several, or a comma; [`Reason::TooLarge`] past
/// [`MAX_VALUE_BYTES`]; [`Reason::Malformed`] for an empty or a non-ASCII value.
///
/// ```
/// use drill_context::{Reason, single_value};
/// assert_eq!(single_value([b" a.b.c\t".as_slice()]), Ok("a.b.c"));
/// assert_eq!(single_value([b"a".as_slice(), b"a"]), Err(Reason::DuplicateHeader));
/// ```
pub fn single_value<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a str, Reason> {
    let mut values = values.into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Reason::DuplicateHeader);
    };
    let value = trim(value);
    if value.contains(&b',') {
        return Err(Reason::DuplicateHeader);
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(Reason::TooLarge);
    }
    if value.is_empty() || !value.is_ascii() {
        return Err(Reason::Malformed);
    }
    std::str::from_utf8(value).map_err(|_| Reason::Malformed)
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{MAX_VALUE_BYTES, single_value};
    use crate::Reason;

    #[test]
    fn exactly_one_value_is_demanded() {
        let none: [&[u8]; 0] = [];
        assert_eq!(single_value(none), Err(Reason::DuplicateHeader));
        let two: [&[u8]; 2] = [b"a", b"b"];
        assert_eq!(single_value(two), Err(Reason::DuplicateHeader));
        for joined in [b"a,b".as_slice(), b"a,", b",", b" , "] {
            assert_eq!(single_value([joined]), Err(Reason::DuplicateHeader));
        }
    }

    #[test]
    fn only_space_and_tab_are_trimmed() {
        assert_eq!(single_value([b"\t a b \t".as_slice()]), Ok("a b"));
        assert_eq!(single_value([b"\ra\n".as_slice()]), Ok("\ra\n"));
        assert_eq!(single_value(["\u{a0}a".as_bytes()]), Err(Reason::Malformed));
    }

    #[test]
    fn an_empty_value_is_malformed_and_not_absent() {
        for empty in [b"".as_slice(), b" ", b"\t\t"] {
            assert_eq!(single_value([empty]), Err(Reason::Malformed));
        }
    }

    #[test]
    fn two_that_were_joined_are_two_however_long_they_are() {
        let half = "a".repeat(MAX_VALUE_BYTES - 1);
        let joined = format!("{half},{half}");
        assert_eq!(
            single_value([joined.as_bytes()]),
            Err(Reason::DuplicateHeader)
        );
    }

    #[test]
    fn the_length_is_bounded_at_the_exact_byte() {
        let longest = vec![b'a'; MAX_VALUE_BYTES];
        assert!(single_value([longest.as_slice()]).is_ok());
        let longer = vec![b'a'; MAX_VALUE_BYTES + 1];
        assert_eq!(single_value([longer.as_slice()]), Err(Reason::TooLarge));
    }
}
