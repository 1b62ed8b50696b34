//! Header values: signed by whom, for what, and damaged how.

use arbitrary::Arbitrary;
use drill_context::{Claims, SigningKey, TokenType, sign};

use crate::moment::Moment;

use super::config::{DRILLS, ENVIRONMENTS};
use super::inputs::NOW;

/// In every made-up header value, to be found again where it must not be.
pub const MARK: &[u8] = b"hunter2-hunter2";

#[derive(Arbitrary, Debug)]
pub enum Token<'a> {
    Absent,
    /// The proxy speaks of a header that is then not in the map.
    Phantom,
    Any(&'a [u8]),
    Signed(Signed),
    /// With some bits of one byte flipped.
    Damaged(Signed, u16, u8),
    Spaced(Signed),
    JoinedTwice(Signed),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub struct Signed {
    pub key: SignedBy,
    pub probe: bool,
    pub drill: u8,
    pub other_environment: bool,
    pub issued: Moment,
    pub not_before: Option<Moment>,
    pub lifetime: Option<u16>,
    pub named: bool,
}

#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    Hs,
    Ed,
    /// Another secret under a name that the gate has.
    HsStranger,
    EdStranger,
    UnknownName,
}

// Made once: an Ed25519 key costs as much as a signature.
thread_local!(static KEYS: [SigningKey; 5] = {
    let hs = |kid: &str, secret| SigningKey::hs256(kid.parse().unwrap(), &[secret; 32]).unwrap();
    let ed = |seed| SigningKey::ed25519("ed".parse().unwrap(), &[seed; 32]).unwrap();
    // In the order of `SignedBy`.
    [hs("hs", 1), ed(2), hs("hs", 9), ed(9), hs("other", 1)]
});

impl Signed {
    pub fn claims(&self) -> Claims {
        let drill = DRILLS[usize::from(self.drill) % DRILLS.len()];
        let environment = ENVIRONMENTS[usize::from(self.other_environment)];
        let issued = NOW + self.issued.offset();
        let mut claims = Claims::new(drill.parse().unwrap(), environment.parse().unwrap(), issued);
        claims.not_before = self.not_before.map(|moment| NOW + moment.offset());
        claims.expires_at = self.lifetime.map(|seconds| issued + 1 + i64::from(seconds));
        claims.token_id = self.named.then(|| "run-42".parse().unwrap());
        claims
    }

    fn text(&self) -> String {
        let token_type = match self.probe {
            true => TokenType::Probe,
            false => TokenType::Drill,
        };
        KEYS.with(|keys| sign(&keys[self.key as usize], token_type, &self.claims()))
    }
}

impl Token<'_> {
    /// The header's value, if it is there.
    pub fn value(&self) -> Option<Vec<u8>> {
        match self {
            Token::Absent | Token::Phantom => None,
            Token::Any(bytes) => Some([MARK, bytes].concat()),
            Token::Signed(signed) => Some(signed.text().into_bytes()),
            Token::Damaged(signed, at, mask) => {
                let mut text = signed.text().into_bytes();
                let at = usize::from(*at) % text.len();
                text[at] ^= mask;
                Some(text)
            }
            Token::Spaced(signed) => Some(format!(" \t{}\t ", signed.text()).into_bytes()),
            Token::JoinedTwice(signed) => {
                let text = signed.text();
                Some(format!("{text}, {text}").into_bytes())
            }
        }
    }

    /// What was signed, where the value is that to the byte.
    pub fn intact(&self) -> Option<&Signed> {
        match self {
            Token::Signed(signed) | Token::Spaced(signed) | Token::Damaged(signed, _, 0) => {
                Some(signed)
            }
            _ => None,
        }
    }
}
