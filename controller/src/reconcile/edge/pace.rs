//! How often a gateway is asked, and since when it lags.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::reconcile::context::AT_REST;
use crate::resources::conditions::{EDGE_PROGRAMMED, Status, reason};

/// How often a gateway is asked that has not run with it for long.
const SELDOM: Duration = Duration::from_secs(2);

/// After so long nothing comes late any more: an Istio gateway gives a fetch of the module 30 seconds.
const SETTLED: Duration = Duration::from_secs(45);

/// When a gateway is asked again that does not run with it yet: after `first`, and the less often the
/// longer `conditions` have told so since what it is about has `begun`. Gateways that are gone must
/// not keep the controller from those that are there.
pub fn again(
    first: Duration,
    conditions: &[Condition],
    begun: Option<&Time>,
    now: &Time,
) -> Duration {
    let lags = conditions.iter().find(|told| lags(told));
    let since = lags.map_or(now.0, |told| since(told, begun));
    let age = Duration::try_from(now.0.duration_since(since)).unwrap_or_default();
    (age / 20).clamp(first, SELDOM)
}

/// When a gateway is asked again that runs with it: once when it has settled, since what it was sent
/// before may come late and undo it, and then as any other thing.
pub fn once_more(conditions: &[Condition], now: &Time) -> Duration {
    let holds =
        |told: &&Condition| told.type_ == EDGE_PROGRAMMED && told.status == Status::True.as_str();
    let Some(told) = conditions.iter().find(holds) else {
        return AT_REST;
    };
    let age = Duration::try_from(now.0.duration_since(told.last_transition_time.0));
    match SETTLED.checked_sub(age.unwrap_or_default()) {
        Some(left) if !left.is_zero() => left,
        _ => AT_REST,
    }
}

/// Since when a gateway has answered, and did not run with what `conditions` are about, which has
/// `begun`.
pub fn lags_since(conditions: &[Condition], begun: Option<&Time>) -> Option<Timestamp> {
    let answered = |told: &&Condition| lags(told) && told.reason != reason::UNREACHABLE;
    let lags = conditions.iter().find(answered)?;
    Some(since(lags, begun))
}

fn lags(told: &Condition) -> bool {
    told.type_ == EDGE_PROGRAMMED && told.status == Status::False.as_str()
}

/// What has waited for something else before it began has not lagged so far.
fn since(lags: &Condition, begun: Option<&Time>) -> Timestamp {
    let told = lags.last_transition_time.0;
    begun.map_or(told, |begun| told.max(begun.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use k8s_openapi::jiff::Timestamp;

    use super::{AT_REST, EDGE_PROGRAMMED, again, lags_since, once_more, reason};

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn told(status: &str, second: i64) -> Condition {
        Condition {
            type_: EDGE_PROGRAMMED.to_owned(),
            status: status.to_owned(),
            last_transition_time: at(second),
            reason: String::new(),
            message: String::new(),
            observed_generation: None,
        }
    }

    #[test]
    fn a_gateway_lags_from_when_it_answered_and_did_not_run_with_it() {
        let since = |told, begun: Option<i64>| {
            let since = lags_since(&[told], begun.map(at).as_ref());
            since.map(Timestamp::as_second)
        };
        assert_eq!(since(told("False", 5), None), Some(5));
        assert_eq!(since(told("False", 5), Some(9)), Some(9));
        assert_eq!(since(told("True", 5), None), None);
        assert_eq!(lags_since(&[], None), None);
        let mut gone = told("False", 5);
        gone.reason = reason::UNREACHABLE.to_owned();
        assert_eq!(since(gone, None), None);
    }

    #[test]
    fn a_gateway_that_runs_with_it_is_asked_once_more_when_it_has_settled() {
        let next = |told| once_more(&[told], &at(1000)).as_secs();
        assert_eq!(next(told("True", 1000)), 45);
        assert_eq!(next(told("True", 956)), 1);
        assert_eq!(next(told("True", 955)), AT_REST.as_secs());
        assert_eq!(next(told("True", 5)), AT_REST.as_secs());
        assert_eq!(next(told("Unknown", 1000)), AT_REST.as_secs());
        assert_eq!(once_more(&[], &at(1000)), AT_REST);
    }

    #[test]
    fn a_gateway_is_asked_the_less_often_the_longer_it_lags() {
        let first = Duration::from_millis(100);
        let asked = |told: &[Condition], begun: Option<i64>| {
            again(first, told, begun.map(at).as_ref(), &at(1000)).as_millis()
        };
        assert_eq!(asked(&[], None), 100);
        for (since, after) in [(1000, 100), (999, 100), (990, 500), (980, 1000), (0, 2000)] {
            assert_eq!(asked(&[told("False", since)], None), after, "{since}");
        }
        // What has waited for something else before it began has not lagged so far.
        assert_eq!(asked(&[told("False", 0)], Some(999)), 100);
        assert_eq!(asked(&[told("False", 0)], Some(990)), 500);
        // A clock that was set back, and one that did hold.
        assert_eq!(asked(&[told("False", 2000)], None), 100);
        assert_eq!(asked(&[told("True", 0)], None), 100);
    }
}
