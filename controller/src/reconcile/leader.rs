//! Leader election: of several replicas, one at a time writes.
//!
//! As client-go does it: a Lease (`coordination.k8s.io/v1`) names the leader, who renews it. A
//! standby takes it over once it has itself seen the record unchanged for as long as the record
//! counts, so the clocks of the replicas need not agree. Every update carries the
//! `resourceVersion` of the record that it was made from: of two that write at once, one wins.
//!
//! The leader gives up before a standby can take over ([`Timing::give_up`]), and by its own
//! monotonic clock: [`Leadership::check`] tells that even if the process was stopped meanwhile.

mod leadership;
mod record;
mod timing;

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

pub use leadership::{Leadership, Lost, NotLeader};
use record::{Step, next_step, released};
pub use timing::Timing;

/// Who wrote the record, in its managed fields.
const FIELD_MANAGER: &str = "drillgate-leader";

/// Between two tries while the lease runs out.
const PAUSE: Duration = Duration::from_millis(200);

/// One replica in the election.
pub struct Leader {
    leases: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    leadership: Leadership,
    seen: Option<Seen>,
}

/// The record as it was last seen. Without a `resourceVersion` it has been deleted since: whom it
/// names may still act on it until it would have expired.
struct Seen {
    lease: Lease,
    since: Instant,
}

enum Turn {
    Leads,
    LostRace,
    Waits { holder: String, left: Duration },
}

impl Leader {
    /// A replica that does not lead yet. A random part is added to `identity`, such as the pod's
    /// name, so that no two replicas and no two runs of one pod take each other for themselves.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        timing: Timing,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: format!("{identity}_{}", Uuid::new_v4()),
            timing,
            leadership: Leadership::none(),
            seen: None,
        }
    }

    /// What this replica writes into the lease when it leads.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The token that every write asks first.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits until this replica leads. From then on [`Leader::hold`] has to run.
    pub async fn acquire(&mut self) {
        let mut waits_for = String::new();
        loop {
            let pause = match self.attempt().await {
                Ok(Turn::Leads) => {
                    tracing::info!(lease = self.name, identity = self.identity, "leads");
                    return;
                }
                // The winner's record will say who that is.
                Ok(Turn::LostRace) => PAUSE,
                Ok(Turn::Waits { holder, left }) => {
                    if holder != waits_for {
                        tracing::info!(lease = self.name, leader = holder, "stands by");
                        waits_for = holder;
                    }
                    left.min(self.timing.look)
                }
                Err(reason) => {
                    tracing::warn!(lease = self.name, "cannot look at the lease: {reason}");
                    self.timing.look
                }
            };
            sleep(pause).await;
        }
    }

    /// Renews the lease until it is lost. Work that the token lets through goes on beside it;
    /// dropping it is safe at any point.
    pub async fn hold(&mut self) -> Lost {
        let lost = loop {
            sleep(self.timing.renew).await;
            if let Err(lost) = self.renew().await {
                break lost;
            }
        };
        self.leadership.end();
        tracing::warn!(lease = self.name, "leads no more: {lost}");
        lost
    }

    /// Renews the lease once, in as many tries as there is time for.
    async fn renew(&mut self) -> Result<(), Lost> {
        // Asked before and after each try: time passes in each, and more when the process is
        // stopped.
        while let Some(left) = self.leadership.left() {
            match self.attempt().await {
                Ok(Turn::Leads) if self.leadership.check().is_ok() => return Ok(()),
                Ok(Turn::Leads | Turn::LostRace) => {}
                Ok(Turn::Waits { holder, .. }) => return Err(Lost::Taken { by: holder }),
                Err(reason) => tracing::warn!(
                    lease = self.name,
                    "cannot renew the lease, {left:?} left: {reason}"
                ),
            }
            sleep(PAUSE.min(self.leadership.left().unwrap_or_default())).await;
        }
        Err(Lost::NotRenewed {
            within: self.timing.give_up,
        })
    }

    /// Ends the leadership and gives the lease back, so that another takes over at once. All work
    /// must have ended before.
    pub async fn release(&mut self) {
        self.leadership.end();
        let reason = match timeout(self.timing.answer, self.give_back()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer".to_owned(),
        };
        tracing::warn!(
            lease = self.name,
            "cannot give the lease back, another replica has to wait for its end: {reason}"
        );
    }

    async fn give_back(&mut self) -> Result<(), kube::Error> {
        loop {
            // Anew each time: a renewal may have been under way when `hold` was dropped.
            self.look().await?;
            let spec = self.seen.as_ref().and_then(|seen| seen.lease.spec.as_ref());
            let Some(spec) = spec.and_then(|it| released(it, &self.identity, Timestamp::now()))
            else {
                return Ok(());
            };
            if self.write(spec).await? {
                tracing::info!(lease = self.name, "gave the lease back");
                return Ok(());
            }
        }
    }

    async fn attempt(&mut self) -> Result<Turn, String> {
        let limit = match self.leadership.left() {
            Some(left) => left.min(self.timing.answer),
            None => self.timing.answer,
        };
        match timeout(limit, self.turn()).await {
            Ok(turn) => turn.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn turn(&mut self) -> Result<Turn, kube::Error> {
        self.look().await?;
        let empty = LeaseSpec::default();
        let seen = self.seen.as_ref().map(|seen| {
            let spec = seen.lease.spec.as_ref().unwrap_or(&empty);
            (spec, seen.since.elapsed())
        });
        match next_step(seen, &self.identity, self.timing.lease, Timestamp::now()) {
            Step::Wait { holder, left } => Ok(Turn::Waits { holder, left }),
            Step::Write(spec) => {
                let asked = Instant::now();
                if !self.write(spec).await? {
                    return Ok(Turn::LostRace);
                }
                self.leadership.hold_until(asked + self.timing.give_up);
                Ok(Turn::Leads)
            }
        }
    }

    async fn look(&mut self) -> Result<(), kube::Error> {
        match (self.leases.get_opt(&self.name).await?, &mut self.seen) {
            (Some(lease), Some(seen)) if lease.spec == seen.lease.spec => seen.lease = lease,
            (Some(lease), _) => {
                let since = Instant::now();
                self.seen = Some(Seen { lease, since });
            }
            (None, Some(seen)) => seen.lease.metadata = ObjectMeta::default(),
            (None, None) => {}
        }
        Ok(())
    }

    /// Writes the record over the one that was seen; false if another was faster.
    async fn write(&mut self, spec: LeaseSpec) -> Result<bool, kube::Error> {
        let since = Instant::now();
        let mut metadata = self
            .seen
            .as_ref()
            .map_or_else(ObjectMeta::default, |seen| seen.lease.metadata.clone());
        let stands = metadata.resource_version.is_some();
        metadata.name = Some(self.name.clone());
        let lease = Lease {
            metadata,
            spec: Some(spec),
        };
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let written = if stands {
            self.leases.replace(&self.name, &params, &lease).await
        } else {
            self.leases.create(&params, &lease).await
        };
        match written {
            Ok(lease) => {
                self.seen = Some(Seen { lease, since });
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
