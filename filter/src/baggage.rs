//! W3C baggage towards the sandbox, so that its traces and logs can be found by drill.
//!
//! Baggage grants nothing: it is for reading only, and what a client claims there about a
//! drill is removed (<https://www.w3.org/TR/baggage/>).

use drill_context::{DrillId, Environment};

const DRILL: &str = "drill.id";
const ENVIRONMENT: &str = "drill.env";

/// The members that name a drill.
pub(crate) fn members(drill: DrillId, environment: &Environment) -> String {
    format!("{DRILL}={drill},{ENVIRONMENT}={environment}")
}

/// The one value of `baggage` that is sent on: the drill's [`members`], then the client's own
/// ones from all its `baggage` fields, without any that speak about a drill.
///
/// Nor is a member whose name is no token: a reader that takes more than spaces off a name could find
/// there what the client may not say.
pub(crate) fn merge<'a>(ours: &str, received: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut merged = ours.as_bytes().to_vec();
    let members = received
        .into_iter()
        .flat_map(|field| field.split(|b| *b == b','));
    for member in members.map(<[u8]>::trim_ascii) {
        let name = name(member);
        if is_token(name) && !is_ours(name) {
            merged.push(b',');
            merged.extend_from_slice(member);
        }
    }
    merged
}

fn name(member: &[u8]) -> &[u8] {
    let end = member.iter().position(|b| matches!(b, b'=' | b';'));
    member
        .split_at(end.unwrap_or(member.len()))
        .0
        .trim_ascii_end()
}

/// A name is a token (RFC 9110, 5.6.2).
fn is_token(name: &[u8]) -> bool {
    let of_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(of_token)
}

/// Libraries decode `%2E` in a name, too.
fn is_ours(name: &[u8]) -> bool {
    let decoded = decoded(name);
    let decoded = decoded.trim_ascii();
    [DRILL, ENVIRONMENT]
        .iter()
        .any(|ours| decoded.eq_ignore_ascii_case(ours.as_bytes()))
}

/// With each `%` and two hexadecimal digits as the byte that they stand for.
fn decoded(mut name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    while let Some((&first, rest)) = name.split_first() {
        let escaped = match (first, rest) {
            (b'%', [high, low, rest @ ..]) => digit(*high).zip(digit(*low)).map(|it| (it, rest)),
            _ => None,
        };
        let (byte, rest) = match escaped {
            Some(((high, low), rest)) => (high << 4 | low, rest),
            None => (first, rest),
        };
        bytes.push(byte);
        name = rest;
    }
    bytes
}

fn digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::{members, merge};

    const OURS: &str = "drill.id=6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f,drill.env=orders-dr";

    fn merged(received: &[&[u8]]) -> String {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        let environment = "orders-dr".parse().unwrap();
        let merged = merge(&members(drill, &environment), received.iter().copied());
        String::from_utf8_lossy(&merged).into_owned()
    }

    #[test]
    fn the_drills_members_come_first_and_the_clients_own_ones_stay() {
        assert_eq!(merged(&[]), OURS);
        assert_eq!(
            merged(&[b"user=7;p=1 , tenant=a", b"x=y"]),
            format!("{OURS},user=7;p=1,tenant=a,x=y")
        );
    }

    #[test]
    fn members_in_which_a_client_speaks_about_a_drill_are_removed() {
        for claim in [
            "drill.id=x",
            " drill.id = x",
            "drill.env=prod;p=1",
            "DRILL.ID=x",
            "drill.id",
            "drill.id;p",
            "drill%2Eid=x",
            "%64rill.e%6ev=prod",
            "%20drill.id=x",
        ] {
            assert_eq!(
                merged(&[claim.as_bytes(), b"a=b"]),
                format!("{OURS},a=b"),
                "{claim}"
            );
        }
        assert_eq!(merged(&[b"drill.idx=1"]), format!("{OURS},drill.idx=1"));
    }

    #[test]
    fn a_member_whose_name_is_no_token_is_removed() {
        // What some libraries take off around a name: a vertical tab, a no-break space.
        for member in [
            "\x0bdrill.id=x",
            "\u{a0}drill.id=x",
            "drill.id\u{3000}=x",
            "a b=1",
            "=x",
            ";p",
        ] {
            assert_eq!(merged(&[member.as_bytes(), b"a=b"]), format!("{OURS},a=b"));
        }
        // What is odd and a token stays.
        for member in ["a%2=1", "%=1", "drill.id%=1", "a!#$&'*+-.^_`|~=1", "flag"] {
            assert_eq!(merged(&[member.as_bytes()]), format!("{OURS},{member}"));
        }
    }

    #[test]
    fn empty_members_and_stray_bytes_do_no_harm() {
        assert_eq!(merged(&[b"", b",, ,"]), OURS);
        assert_eq!(merged(&[b"\xff=1"]), OURS);
    }
}
