//! Route keys: the part of a drill's host that no client can guess.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How many characters of five bits each hold 128 bits.
const LENGTH: usize = 26;

/// A new route key from the operating system's random numbers: 26 of a-z and 2-7.
///
/// # Errors
/// What the operating system says when it has no random numbers to give.
///
/// ```
/// let key = drillgate::route_key::generate()?;
/// assert_eq!(key.len(), 26);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate() -> Result<String, getrandom::Error> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random)?;
    let letter = |byte: &u8| {
        ALPHABET
            .get(usize::from(byte % 32))
            .copied()
            .map(char::from)
    };
    Ok(random.iter().filter_map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::generate;

    #[test]
    fn a_route_key_is_what_the_filter_accepts_and_never_the_same() {
        let key = generate().unwrap();
        assert_eq!(key.len(), 26);
        assert!(
            key.bytes()
                .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
        );
        assert_ne!(key, generate().unwrap());
    }
}
