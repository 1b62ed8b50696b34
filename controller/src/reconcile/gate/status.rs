//! What is told of a gate.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{DrillGate, DrillGateStatus, ObjectRef};
use crate::resources::conditions::{
    ACCEPTED, Conditions, EDGE_PROGRAMMED, HOSTS_ACCEPTED, KEYS_RESOLVED, Observation, PROGRAMMED,
    READY, Status, reason,
};
use crate::resources::refusal::Refusal;

/// A status that is being put together, beginning with the one that the gate has.
pub struct Telling<'a> {
    gate: &'a DrillGate,
    conditions: Conditions<'a>,
    status: DrillGateStatus,
}

impl<'a> Telling<'a> {
    /// Begins with what `gate` has, with what stands against it, and with how many `drills` go
    /// through it: also one that is refused now may stand, and let them through.
    pub fn new(
        gate: &'a DrillGate,
        now: &'a Time,
        refusals: &[Refusal],
        drills: i32,
    ) -> Telling<'a> {
        let mut status = gate.status.clone().unwrap_or_default();
        status.active_drills = Some(drills);
        let mut telling = Telling {
            gate,
            conditions: Conditions::new(&status.conditions, gate.metadata.generation, now),
            status,
        };
        for (kind, fine) in [
            (ACCEPTED, "nothing stands against it"),
            (KEYS_RESOLVED, "every key was found"),
            (HOSTS_ACCEPTED, "every server accepts the drill hosts"),
        ] {
            let mut own = refusals
                .iter()
                .filter(|refusal| refusal.reason.gate_condition() == kind);
            let first = own.clone().next();
            let all: Vec<String> = own.by_ref().map(ToString::to_string).collect();
            match first {
                None => {
                    telling
                        .conditions
                        .set(kind, Status::True, reason::AS_ASKED, fine.to_owned())
                }
                Some(first) => {
                    telling.conditions.set(
                        kind,
                        Status::False,
                        first.reason.as_str(),
                        all.join("; "),
                    );
                }
            }
        }
        telling
    }

    /// It cannot be carried out; what stands of it stays as it is.
    pub fn refused(mut self) -> DrillGateStatus {
        let unmet = "another condition does not hold".to_owned();
        let programmed = !self.status.objects.is_empty();
        if !programmed {
            self.conditions
                .set(PROGRAMMED, Status::False, reason::NOT_YET, unmet.clone());
            let nothing = "nothing has been applied".to_owned();
            self.conditions
                .set(EDGE_PROGRAMMED, Status::Unknown, reason::PENDING, nothing);
        }
        self.conditions
            .set(READY, Status::False, reason::NOT_YET, unmet);
        self.done()
    }

    /// Its objects could not be applied.
    pub fn not_applied(mut self, reason: &'static str, message: String) -> DrillGateStatus {
        self.conditions
            .set(PROGRAMMED, Status::False, reason, message.clone());
        self.conditions
            .set(READY, Status::False, reason::NOT_YET, message);
        self.done()
    }

    /// Its objects stand in the API server, and the gateway has been asked.
    pub fn programmed(
        mut self,
        objects: Vec<ObjectRef>,
        generation: u64,
        edge: Observation,
    ) -> DrillGateStatus {
        self.status.objects = objects;
        self.status.configuration_generation = i64::try_from(generation).ok();
        let applied = "its objects have been applied".to_owned();
        self.conditions
            .set(PROGRAMMED, Status::True, reason::AS_ASKED, applied);
        let (is_ready, why) = match edge.status {
            Status::False => (Status::False, edge.message.clone()),
            _ => (Status::True, "drills can go through it".to_owned()),
        };
        self.conditions.observe(edge);
        let reason = match is_ready {
            Status::True => reason::AS_ASKED,
            _ => reason::NOT_YET,
        };
        self.conditions.set(READY, is_ready, reason, why);
        self.done()
    }

    fn done(mut self) -> DrillGateStatus {
        self.status.observed_generation = self.gate.metadata.generation;
        self.status.conditions = self.conditions.into_list();
        self.status
    }
}
