//! Whether the process is alive and ready.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the health endpoints tell. The controller keeps it up to date.
#[derive(Debug)]
pub struct Health {
    stalled_after: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    role: Role,
    /// When each loop of the leader last went round.
    beats: BTreeMap<&'static str, Instant>,
}

#[derive(Debug)]
enum Role {
    WaitsFor(String),
    StandsBy,
    Leads,
}

impl Health {
    /// Of a process that has just begun. A loop of the leader that does not go round for
    /// `stalled_after` makes it unhealthy, so that it is restarted; the longest time that one
    /// round may take, time limits of its requests included, must be shorter.
    pub fn new(stalled_after: Duration) -> Self {
        let state = State {
            role: Role::WaitsFor("its start".to_owned()),
            beats: BTreeMap::new(),
        };
        Self {
            stalled_after,
            state: Mutex::new(state),
        }
    }

    /// Not ready: it waits for `what`, such as a first list of all drills.
    pub fn waits_for(&self, what: impl Into<String>) {
        self.becomes(Role::WaitsFor(what.into()), &[]);
    }

    /// Ready, as a standby.
    pub fn stands_by(&self) {
        self.becomes(Role::StandsBy, &[]);
    }

    /// Ready, as the leader, with these loops. Each has to [`beat`](Health::beat) from now on.
    pub fn leads(&self, loops: &[&'static str]) {
        self.becomes(Role::Leads, loops);
    }

    /// A loop of the leader went round, whatever it came to: a round that failed because the API
    /// server is away is one, too. That outage ends the leadership soon, and no restart mends it.
    pub fn beat(&self, name: &'static str) {
        if let Some(beat) = self.state().beats.get_mut(name) {
            *beat = Instant::now();
        }
    }

    /// Whether the process does its work or waits as it should.
    ///
    /// # Errors
    /// The reason, if only a restart helps.
    pub fn alive(&self) -> Result<(), String> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Result<(), String> {
        let state = self.state();
        let silence = |beat: &Instant| now.saturating_duration_since(*beat);
        let stalled = state
            .beats
            .iter()
            .find(|(_, beat)| silence(beat) >= self.stalled_after);
        match stalled {
            Some((name, beat)) => Err(format!(
                "the loop {name} has not gone round for {} s",
                silence(beat).as_secs()
            )),
            None => Ok(()),
        }
    }

    /// Whether the process has all that it needs, as leader or as standby.
    ///
    /// # Errors
    /// What it waits for.
    pub fn ready(&self) -> Result<(), String> {
        match &self.state().role {
            Role::WaitsFor(what) => Err(format!("waits for {what}")),
            Role::StandsBy | Role::Leads => Ok(()),
        }
    }

    fn becomes(&self, role: Role, loops: &[&'static str]) {
        let now = Instant::now();
        let beats = loops.iter().map(|name| (*name, now)).collect();
        *self.state() = State { role, beats };
    }

    /// A panic elsewhere leaves the state as usable as before.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Health;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_ready_as_leader_and_as_standby_and_otherwise_says_what_it_waits_for() {
        let health = Health::new(LIMIT);
        assert_eq!(health.ready(), Err("waits for its start".to_owned()));
        health.stands_by();
        assert_eq!(health.ready(), Ok(()));
        health.waits_for("the list of drills");
        assert_eq!(
            health.ready(),
            Err("waits for the list of drills".to_owned())
        );
        health.leads(&[]);
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn a_leader_is_unhealthy_once_one_of_its_loops_stands_still() {
        let health = Health::new(LIMIT);
        let start = Instant::now();
        health.leads(&["drills", "gates"]);
        assert_eq!(health.alive_at(start + LIMIT / 2), Ok(()));
        // Counted from its becoming the leader: a loop may never go round at all.
        let late = Instant::now() + LIMIT;
        let reason = health.alive_at(late).unwrap_err();
        assert!(reason.contains("drills"), "{reason}");
        while Instant::now() + LIMIT <= late {
            std::thread::yield_now();
        }
        health.beat("drills");
        let reason = health.alive_at(late).unwrap_err();
        assert!(reason.contains("gates"), "{reason}");
        health.beat("gates");
        assert_eq!(health.alive_at(late), Ok(()));
    }

    #[test]
    fn nothing_is_expected_of_the_loops_of_a_replica_that_does_not_lead() {
        let health = Health::new(LIMIT);
        health.leads(&["drills"]);
        health.stands_by();
        health.beat("drills");
        assert_eq!(health.alive_at(Instant::now() + LIMIT * 2), Ok(()));
        health.waits_for("the list of drills");
        assert_eq!(health.alive_at(Instant::now() + LIMIT * 2), Ok(()));
    }
}
