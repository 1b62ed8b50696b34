//! The times of an election.

use std::time::Duration;

/// The times of an election. `renew` < `give_up` < `lease`; by default a second replica takes over
/// within 15 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a record counts that is not renewed; written in whole seconds.
    pub lease: Duration,
    /// How often the leader renews it.
    pub renew: Duration,
    /// How long after its last successful renewal the leader stops to be one, counted from before
    /// that request was sent.
    pub give_up: Duration,
    /// How often a standby looks.
    pub look: Duration,
    /// How long one try, a look and a write, may take.
    pub answer: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            renew: Duration::from_secs(3),
            give_up: Duration::from_secs(7),
            look: Duration::from_secs(2),
            answer: Duration::from_secs(2),
        }
    }
}
