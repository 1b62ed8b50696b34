//! Whose fault it is that many entries could not be written at once.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::reconcile::error::Error;

/// What follows from a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody else has taken these entries, which nobody asks about: they are given up, and stay as
    /// they are. Its drill asks for one when it looks.
    GiveUp(BTreeSet<Uuid>),
    /// Those who asked about these entries are told; all others go on.
    Tell(BTreeSet<Uuid>),
    /// Nothing tells whose fault it is: each half is tried for itself.
    Halve,
    /// All who asked are told.
    TellAll,
}

/// What follows from `error`, when all of `asked` were to be written.
pub fn verdict(error: &Error, asked: &BTreeSet<Uuid>) -> Verdict {
    let named = match error {
        Error::Conflict { holders, .. } => {
            let taken: BTreeSet<Uuid> = holders.iter().filter_map(|holder| entry(holder)).collect();
            let foreign: BTreeSet<Uuid> = taken.difference(asked).copied().collect();
            if !foreign.is_empty() {
                return Verdict::GiveUp(foreign);
            }
            taken
        }
        Error::Invalid { message, .. } => {
            let is_named = |id: &&Uuid| message.contains(&id.to_string());
            asked.iter().filter(is_named).copied().collect()
        }
        _ => return Verdict::TellAll,
    };
    match (named, asked.len()) {
        (named, _) if !BTreeSet::is_empty(&named) => Verdict::Tell(named),
        (_, 0 | 1) => Verdict::TellAll,
        _ => Verdict::Halve,
    }
}

/// What a drill is told of a refusal: of several conflicts, those about its own entry.
pub fn own(error: &Error, id: Uuid) -> Error {
    let mut own = error.clone();
    if let Error::Conflict { holders, .. } = &mut own {
        let is_about_it = |holder: &str| entry(holder).is_none_or(|about| about == id);
        holders.retain(|holder| is_about_it(holder));
    }
    own
}

/// The entry that a conflict is about: `conflict with "x" ... at .spec.pluginConfig.drills.<uuid>`.
fn entry(holder: &str) -> Option<Uuid> {
    let (_, id) = holder.rsplit_once(".pluginConfig.drills.")?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::{Verdict, own, verdict};
    use crate::api::ObjectRef;
    use crate::reconcile::error::Error;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn object() -> ObjectRef {
        ObjectRef {
            api_version: "extensions.istio.io/v1alpha1".to_owned(),
            kind: "TrafficExtension".to_owned(),
            namespace: "istio-system".to_owned(),
            name: "drillgate-edge".to_owned(),
        }
    }

    fn conflict(fields: &[&str]) -> Error {
        let holder = |field: &&str| format!("conflict with \"kubectl\" using v1 at {field}");
        Error::Conflict {
            object: object(),
            holders: fields.iter().map(holder).collect(),
        }
    }

    fn at(number: u128) -> String {
        format!(".spec.wasm.pluginConfig.drills.{}", id(number))
    }

    fn invalid(message: &str) -> Error {
        Error::Invalid {
            object: object(),
            message: message.to_owned(),
        }
    }

    fn of(error: &Error, asked: &[u128]) -> Verdict {
        verdict(error, &asked.iter().map(|number| id(*number)).collect())
    }

    #[test]
    fn a_conflict_is_told_to_those_whose_entry_it_is_about() {
        let error = conflict(&[&at(1), &at(2)]);
        let guilty = BTreeSet::from([id(1), id(2)]);
        assert_eq!(of(&error, &[1, 2, 3]), Verdict::Tell(guilty.clone()));
        assert_eq!(of(&error, &[1, 2]), Verdict::Tell(guilty));
        let told = own(&error, id(2)).to_string();
        assert!(told.contains(&at(2)) && !told.contains(&at(1)), "{told}");
    }

    #[test]
    fn a_conflict_about_an_entry_that_nobody_asks_about_costs_that_entry_alone() {
        let error = conflict(&[&at(1), &at(2)]);
        assert_eq!(of(&error, &[2, 3]), Verdict::GiveUp([id(1)].into()));
    }

    #[test]
    fn a_refusal_that_names_nobody_is_looked_for_in_halves() {
        for error in [
            conflict(&[".spec.wasm.pluginConfig.drills"]),
            invalid("etcdserver: request is too large"),
        ] {
            assert_eq!(of(&error, &[1, 2, 3]), Verdict::Halve);
            assert_eq!(of(&error, &[1]), Verdict::TellAll);
        }
    }

    #[test]
    fn a_refusal_that_names_a_drill_is_told_to_it() {
        let error = invalid(&format!("the policy denies drills.{}", id(2)));
        assert_eq!(of(&error, &[1, 2]), Verdict::Tell([id(2)].into()));
    }

    #[test]
    fn what_has_to_do_with_no_entry_is_told_to_all() {
        assert_eq!(of(&Error::NotLeader, &[1, 2]), Verdict::TellAll);
        assert_eq!(of(&Error::Stale, &[1, 2]), Verdict::TellAll);
    }
}
