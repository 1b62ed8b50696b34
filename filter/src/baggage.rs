//! W3C baggage towards the sandbox, so that its traces and logs can be found by drill.
//!
//! Baggage grants nothing: it is for reading only, and what a client claims there about a
//! drill is removed (<https://www.w3.org/TR/baggage/>).

use drill_context::{DrillId, Environment};

const DRILL: &str = "drill.id";
const ENVIRONMENT: &str = "drill.env";

/// The one value of `baggage` that is sent on: the drill's members, then the client's own
/// ones from all its `baggage` fields, without any that speak about a drill.
pub(crate) fn merge<'a>(
    received: impl IntoIterator<Item = &'a [u8]>,
    drill: DrillId,
    environment: &Environment,
) -> Vec<u8> {
    let mut merged = format!("{DRILL}={drill},{ENVIRONMENT}={environment}").into_bytes();
    let members = received
        .into_iter()
        .flat_map(|field| field.split(|b| *b == b','));
    for member in members.map(<[u8]>::trim_ascii) {
        if !member.is_empty() && !is_ours(member) {
            merged.push(b',');
            merged.extend_from_slice(member);
        }
    }
    merged
}

fn is_ours(member: &[u8]) -> bool {
    let end = member.iter().position(|b| matches!(b, b'=' | b';'));
    let name = member.split_at(end.unwrap_or(member.len())).0.trim_ascii();
    [DRILL, ENVIRONMENT]
        .iter()
        .any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::merge;

    const OURS: &str = "drill.id=6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f,drill.env=orders-dr";

    fn merged(received: &[&[u8]]) -> String {
        let drill = "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse().unwrap();
        let environment = "orders-dr".parse().unwrap();
        let merged = merge(received.iter().copied(), drill, &environment);
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
    fn empty_members_and_stray_bytes_do_no_harm() {
        assert_eq!(merged(&[b"", b",, ,"]), OURS);
        assert!(merged(&[b"\xff=1"]).starts_with(OURS));
    }
}
