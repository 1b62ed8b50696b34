//! Tokens that are nearly right: a valid one, with its members edited, its JSON spelled
//! otherwise, signed by somebody, encoded somehow and damaged on its way.

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::moment::Moment;

use super::keys::Signatory;
use super::members::{Edit, Spelling, quote, write};
use super::{DRILL, ENVIRONMENT, NOW, compare};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    signatory: Choice,
    now: Moment,
    header: Vec<Edit<'a>>,
    claims: Vec<Edit<'a>>,
    spelling: Spelling,
    header_damage: Option<Damage>,
    claims_damage: Option<Damage>,
    encoding: Encoding,
    token_damage: Option<Damage>,
    field: Field<'a>,
}

/// Who signs, and whether the header says so.
#[derive(Arbitrary, Debug)]
enum Choice {
    Hs,
    Ed,
    EdByItsOtherName,
    HsSaysEd,
    EdSaysHs,
    PublicKeyAsSecret,
    Stranger,
}

#[derive(Arbitrary, Debug)]
enum Damage {
    Flip(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Cut(u16),
    Append(u8),
}

#[derive(Arbitrary, Debug)]
enum Encoding {
    Right,
    Padded,
    Standard,
}

/// How the token is put into the header.
#[derive(Arbitrary, Debug)]
enum Field<'a> {
    Alone,
    Between(&'a [u8], &'a [u8]),
    Spaced(u8),
    And(&'a [u8]),
    Twice,
}

pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let token = token(&input);
    let fields: Vec<Vec<u8>> = match input.field {
        Field::Alone => vec![token],
        Field::Between(before, after) => vec![[before, &token, after].concat()],
        Field::Spaced(n) => vec![[vec![b' '; n.into()], token, vec![b'\t'; n.into()]].concat()],
        Field::And(other) => vec![token, other.to_vec()],
        Field::Twice => vec![token.clone(), token],
    };
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let now = NOW + input.now.offset();
    let _ = compare(&fields, now);
}

fn token(input: &Input) -> Vec<u8> {
    let (signatory, alg, kid) = match input.signatory {
        Choice::Hs => (Signatory::Hs, "HS256", "hs"),
        Choice::Ed => (Signatory::Ed, "EdDSA", "ed"),
        Choice::EdByItsOtherName => (Signatory::Ed, "Ed25519", "ed"),
        Choice::HsSaysEd => (Signatory::Hs, "EdDSA", "ed"),
        Choice::EdSaysHs => (Signatory::Ed, "HS256", "hs"),
        Choice::PublicKeyAsSecret => (Signatory::PublicKeyAsSecret, "HS256", "ed"),
        Choice::Stranger => (Signatory::Stranger, "HS256", "hs"),
    };
    let spelling = input.spelling;
    let quoted = |text: &str| quote(text, spelling);
    let member = |name: &str, value: String| (name.to_owned(), value);
    let header = vec![
        member("alg", quoted(alg)),
        member("typ", quoted("drill+jwt")),
        member("kid", quoted(kid)),
    ];
    let claims = vec![
        member("sub", quoted(DRILL)),
        member("aud", quoted(ENVIRONMENT)),
        member("iat", NOW.to_string()),
    ];
    let mut header = write(header, &input.header, spelling);
    let mut claims = write(claims, &input.claims, spelling);
    damage(&mut header, &input.header_damage);
    damage(&mut claims, &input.claims_damage);
    let encode = |bytes: &[u8]| match input.encoding {
        Encoding::Right => URL_SAFE_NO_PAD.encode(bytes),
        Encoding::Padded => URL_SAFE.encode(bytes),
        Encoding::Standard => STANDARD.encode(bytes),
    };
    let message = format!("{}.{}", encode(&header), encode(&claims));
    let signature = encode(&signatory.sign(message.as_bytes()));
    let mut token = format!("{message}.{signature}").into_bytes();
    damage(&mut token, &input.token_damage);
    token
}

fn damage(text: &mut Vec<u8>, damage: &Option<Damage>) {
    let place = |at: &u16| usize::from(*at) % text.len().max(1);
    match damage {
        Some(Damage::Flip(at, mask)) => {
            let at = place(at);
            text[at] ^= mask;
        }
        Some(Damage::Insert(at, byte)) => text.insert(place(at), *byte),
        Some(Damage::Remove(at)) => {
            text.remove(place(at));
        }
        Some(Damage::Cut(at)) => text.truncate(place(at)),
        Some(Damage::Append(byte)) => text.push(*byte),
        None => {}
    }
}
