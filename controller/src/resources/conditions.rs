//! Conditions: what they are called, and how one takes the place of another.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The spec can be carried out as it is.
pub const ACCEPTED: &str = "Accepted";

/// Every key of a gate was found, and is one.
pub const KEYS_RESOLVED: &str = "KeysResolved";

/// Every server of a gate's Gateways accepts the hosts of its drills.
pub const HOSTS_ACCEPTED: &str = "HostsAccepted";

/// The objects of a gate have been applied.
pub const PROGRAMMED: &str = "Programmed";

/// The routes of a drill have been applied.
pub const ROUTES_PROGRAMMED: &str = "RoutesProgrammed";

/// The API that the gate's gateways are made with can say all that the routes of a drill ask for. It
/// is for people: a drill is ready without it.
pub const ROUTES_COMPLETE: &str = "RoutesComplete";

/// The gateway itself runs with what was applied.
pub const EDGE_PROGRAMMED: &str = "EdgeProgrammed";

/// Every required check of a drill has passed.
pub const CHECKS_PASSED: &str = "ChecksPassed";

/// The last run of a schedule that was due was started.
pub const ON_TIME: &str = "OnTime";

/// All of the above that an object has.
pub const READY: &str = "Ready";

/// Reasons of conditions that hold, or that are not known to hold yet. Those of refusals are
/// [`super::refusal::Reason`].
pub mod reason {
    /// It holds.
    pub const AS_ASKED: &str = "AsAsked";
    /// It is under way.
    pub const PENDING: &str = "Pending";
    /// The gateway does not answer.
    pub const UNREACHABLE: &str = "Unreachable";
    /// There is no way to find out, such as a gate without a probe.
    pub const UNKNOWN: &str = "Unknown";
    /// The Drill has ended, or is about to.
    pub const ENDED: &str = "Ended";
    /// The gateway's API has no words for it.
    pub const UNSUPPORTED: &str = "Unsupported";
    /// Another condition does not hold: its reason says more.
    pub const NOT_YET: &str = "NotYet";
    /// The API server or the gateway refused what was applied.
    pub const FAILED: &str = "Failed";
    /// A required check has failed.
    pub const CHECKS_FAILED: &str = "ChecksFailed";
    /// A required check was not run: the controller cannot, or the drill was over before.
    pub const NOT_RUN: &str = "NotRun";
    /// A run of a schedule was not started in time.
    pub const MISSED_RUN: &str = "MissedRun";
    /// A run of a schedule was skipped, since a drill of an earlier one goes on.
    pub const SKIPPED_RUN: &str = "SkippedRun";
    /// A schedule starts nothing for now, as asked.
    pub const SUSPENDED: &str = "Suspended";
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does.
    True,
    /// It does not.
    False,
    /// That is not known.
    Unknown,
}

impl Status {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::True => "True",
            Status::False => "False",
            Status::Unknown => "Unknown",
        }
    }
}

/// What is known of one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which condition.
    pub kind: &'static str,
    /// Whether it holds.
    pub status: Status,
    /// Why, in one CamelCase word.
    pub reason: &'static str,
    /// Why, for people.
    pub message: String,
}

/// The conditions of one object, as they are told at one time about one generation of its spec.
#[derive(Debug)]
pub struct Conditions<'a> {
    list: Vec<Condition>,
    generation: Option<i64>,
    now: &'a Time,
}

impl<'a> Conditions<'a> {
    /// Begins with what has been told before.
    pub fn new(told: &[Condition], generation: Option<i64>, now: &'a Time) -> Conditions<'a> {
        Conditions {
            list: told.to_vec(),
            generation,
            now,
        }
    }

    /// Tells one.
    pub fn observe(&mut self, observation: Observation) {
        set(&mut self.list, observation, self.generation, self.now);
    }

    /// Tells one by its parts.
    pub fn set(
        &mut self,
        kind: &'static str,
        status: Status,
        reason: &'static str,
        message: String,
    ) {
        self.observe(Observation {
            kind,
            status,
            reason,
            message,
        });
    }

    /// What is told of one that does not hold, if so.
    pub fn unmet(&self, kind: &str) -> Option<&str> {
        let mut list = self.list.iter();
        let unmet = |held: &&Condition| held.type_ == kind && held.status == Status::False.as_str();
        list.find(unmet).map(|held| held.message.as_str())
    }

    /// Whether one is told to be under way.
    pub fn is_pending(&self, kind: &str) -> bool {
        let mut list = self.list.iter();
        list.any(|held| held.type_ == kind && held.reason == reason::PENDING)
    }

    /// Takes one away: it means nothing any more.
    pub fn remove(&mut self, kind: &str) {
        self.list.retain(|held| held.type_ != kind);
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Condition> {
        self.list
    }
}

/// Puts `observation` into `conditions`. The time of the last transition moves on only when the
/// status changes, so that observing the same twice changes nothing.
pub fn set(
    conditions: &mut Vec<Condition>,
    observation: Observation,
    generation: Option<i64>,
    now: &Time,
) {
    let status = observation.status.as_str();
    let before = conditions
        .iter_mut()
        .find(|condition| condition.type_ == observation.kind);
    let since = match &before {
        Some(before) if before.status == status => before.last_transition_time.clone(),
        _ => now.clone(),
    };
    let after = Condition {
        type_: observation.kind.to_owned(),
        status: status.to_owned(),
        reason: observation.reason.to_owned(),
        message: observation.message,
        observed_generation: generation,
        last_transition_time: since,
    };
    match before {
        Some(before) => *before = after,
        None => conditions.push(after),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::{ACCEPTED, Observation, READY, Status, reason, set};

    fn at(time: &str) -> Time {
        Time(time.parse().unwrap())
    }

    fn ready(status: Status, message: &str) -> Observation {
        Observation {
            kind: READY,
            status,
            reason: reason::PENDING,
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_time_moves_on_only_when_the_status_changes() {
        let (first, later) = (at("2026-09-21T14:13:20Z"), at("2026-09-21T15:00:00Z"));
        let mut conditions = Vec::new();
        set(&mut conditions, ready(Status::False, "a"), Some(1), &first);
        set(&mut conditions, ready(Status::False, "b"), Some(2), &later);
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].last_transition_time, first);
        assert_eq!(conditions[0].message, "b");
        assert_eq!(conditions[0].observed_generation, Some(2));

        set(&mut conditions, ready(Status::True, "b"), Some(2), &later);
        assert_eq!(conditions[0].last_transition_time, later);
    }

    #[test]
    fn another_condition_is_left_alone() {
        let now = at("2026-09-21T14:13:20Z");
        let mut conditions = Vec::new();
        set(&mut conditions, ready(Status::True, ""), None, &now);
        let before = conditions[0].clone();
        let accepted = Observation {
            kind: ACCEPTED,
            ..ready(Status::False, "")
        };
        set(&mut conditions, accepted, None, &now);
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[0], before);
    }
}
