//! When a gateway is sent its configuration again.
//!
//! An Istio gateway fetches the module for each configuration that it is sent. It works on several at
//! once, takes them over as they are done, and never looks again by itself. So a gateway that started
//! while the module's server was away has no filter, and a fetch that took long undoes what came
//! later, until the filter's object changes. Where a gateway answers and does not run with what was
//! applied, another `attempt` in the configuration is such a change.

/// After so many seconds it is sent again for the first time: well after a push, and a usual fetch.
const FIRST: i64 = 20;

/// So many seconds pass at most before it is sent once more.
const LONGEST: i64 = 300;

/// The attempt that the configuration should have, for a gateway that `lags_since` then: the one that is
/// `held`, or, if it is time for another, `now`. All are seconds of the epoch. Each pause is as long as
/// all before it together.
pub fn attempt(held: Option<i64>, lags_since: Option<i64>, now: i64) -> Option<i64> {
    let Some(since) = lags_since else {
        return held;
    };
    let last = held.map_or(since, |held| held.max(since));
    let pause = (last - since).clamp(FIRST, LONGEST);
    match now - last >= pause {
        true => Some(now),
        false => held,
    }
}

#[cfg(test)]
mod tests {
    use super::attempt;

    /// The seconds at which it is sent again in the first so many, for a gateway that lags from 1000
    /// on.
    fn attempts(held: Option<i64>, seconds: i64) -> Vec<i64> {
        let mut held = held;
        let mut all = Vec::new();
        for now in 1000..1000 + seconds {
            let next = attempt(held, Some(1000), now);
            if next != held {
                all.push(now - 1000);
            }
            held = next;
        }
        all
    }

    #[test]
    fn a_gateway_that_lags_is_sent_it_again_and_each_time_later() {
        let all = [20, 40, 80, 160, 320, 620, 920];
        assert_eq!(attempts(None, 1000), all);
        // One for an earlier lag counts for nothing.
        assert_eq!(attempts(Some(500), 1000), all);
        // A controller that has just begun goes on where the one before was.
        assert_eq!(attempts(Some(1080), 300), [160]);
    }

    #[test]
    fn a_gateway_that_does_not_lag_is_left_alone() {
        assert_eq!(attempt(None, None, 5000), None);
        assert_eq!(attempt(Some(70), None, 5000), Some(70));
    }

    #[test]
    fn a_clock_that_was_set_back_waits() {
        assert_eq!(attempt(Some(2000), Some(1990), 100), Some(2000));
    }
}
