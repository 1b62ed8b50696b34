//! What is told of a drill.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::checks::Told;
use super::step::after;
use crate::api::{Drill, DrillGate, DrillStatus, ObjectRef, Phase};
use crate::resources::conditions::{
    ACCEPTED, CHECKS_PASSED, Conditions, EDGE_PROGRAMMED, Observation, READY, ROUTES_COMPLETE,
    ROUTES_PROGRAMMED, Status, reason,
};
use crate::resources::refusal::Refusal;

/// A status that is being put together, beginning with the one that the drill has.
pub struct Telling<'a> {
    drill: &'a Drill,
    now: &'a Time,
    conditions: Conditions<'a>,
    status: DrillStatus,
}

impl<'a> Telling<'a> {
    /// Begins with what `drill` has.
    pub fn new(drill: &'a Drill, now: &'a Time) -> Telling<'a> {
        let status = drill.status.clone().unwrap_or_default();
        Telling {
            drill,
            now,
            conditions: Conditions::new(&status.conditions, drill.metadata.generation, now),
            status,
        }
    }

    /// It cannot be carried out, for these reasons.
    pub fn refused(mut self, refusals: &[Refusal]) -> DrillStatus {
        let reason = refusals
            .first()
            .map_or(reason::FAILED, |refusal| refusal.reason.as_str());
        let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        self.status.phase = Some(Phase::Pending);
        self.status.objects = Vec::new();
        self.conditions
            .set(ACCEPTED, Status::False, reason, all.join("; "));
        self.nothing_programmed();
        self.done(all.join("; "))
    }

    /// It waits for its gate.
    pub fn waiting(mut self, why: &str) -> DrillStatus {
        self.status.phase = Some(Phase::Pending);
        self.status.objects = Vec::new();
        self.conditions
            .set(ACCEPTED, Status::Unknown, reason::PENDING, why.to_owned());
        self.nothing_programmed();
        self.done(why.to_owned())
    }

    /// It has begun, and will consist of `objects`: known before any of them is made, so that
    /// whoever takes over after a crash knows what to remove.
    pub fn begun(mut self, objects: &[ObjectRef]) -> DrillStatus {
        let started = self
            .status
            .started_at
            .get_or_insert_with(|| self.now.clone())
            .clone();
        self.status.expires_at = Some(after(&started, self.drill));
        self.status.drill_id = self.drill.uid();
        if self.status.phase != Some(Phase::Active) {
            self.status.phase = Some(Phase::Programming);
        }
        for object in objects {
            if !self.status.objects.contains(object) {
                self.status.objects.push(object.clone());
            }
        }
        self.conditions.set(
            ACCEPTED,
            Status::True,
            reason::AS_ASKED,
            "nothing stands against it".to_owned(),
        );
        if self.status.phase == Some(Phase::Programming) {
            self.nothing_programmed();
        }
        let message = "its routes are on their way to the gateway".to_owned();
        if self.status.phase == Some(Phase::Active) {
            let message = self.status.message.clone().unwrap_or(message);
            return self.done(message);
        }
        self.done(message)
    }

    /// Says which retries of its routes are not made: the Gateway API's standard channel has none.
    pub fn at(mut self, gate: Option<&DrillGate>) -> Telling<'a> {
        if gate.is_none_or(|gate| gate.spec.target_refs.is_none()) {
            return self;
        }
        let routes = self.drill.spec.routes.iter();
        let retried: Vec<&str> = routes
            .filter(|route| route.retries.attempts > 0)
            .map(|route| route.host.as_str())
            .collect();
        let (status, reason, message) = if retried.is_empty() {
            let all = "the HTTPRoutes say all that was asked for".to_owned();
            (Status::True, reason::AS_ASKED, all)
        } else {
            let message = format!(
                "HTTPRoutes have no retries: those of {} are not made as asked, and the mesh's own rule for retries holds; to agree, set spec.routes[].retries.attempts to 0",
                retried.join(", ")
            );
            (Status::False, reason::UNSUPPORTED, message)
        };
        self.conditions
            .set(ROUTES_COMPLETE, status, reason, message);
        self
    }

    /// Its objects stand in the API server, and the gateway and the drill's checks have been asked.
    pub fn programmed(
        mut self,
        objects: Vec<ObjectRef>,
        edge: Observation,
        checks: &Told,
    ) -> DrillStatus {
        let started = self
            .status
            .started_at
            .get_or_insert_with(|| self.now.clone())
            .clone();
        self.status.expires_at = Some(after(&started, self.drill));
        self.status.objects = objects;
        self.conditions.set(
            ACCEPTED,
            Status::True,
            reason::AS_ASKED,
            "nothing stands against it".to_owned(),
        );
        let applied = "the routes have been applied".to_owned();
        self.conditions
            .set(ROUTES_PROGRAMMED, Status::True, reason::AS_ASKED, applied);
        let (status, told) = (edge.status, edge.message.clone());
        self.conditions.observe(edge);
        if status == Status::False {
            self.conditions
                .set(READY, Status::False, reason::NOT_YET, told.clone());
            return self.done(told);
        }
        self.status.phase = Some(Phase::Active);
        self.status.ready_at.get_or_insert_with(|| self.now.clone());
        self.checked(checks);
        self.conditions.set(
            READY,
            Status::True,
            reason::AS_ASKED,
            "signed requests reach the sandbox".to_owned(),
        );
        self.done("signed requests reach the sandbox".to_owned())
    }

    /// Its objects could not be applied.
    pub fn not_applied(mut self, reason: &'static str, message: String) -> DrillStatus {
        self.conditions
            .set(ROUTES_PROGRAMMED, Status::False, reason, message.clone());
        self.conditions
            .set(READY, Status::False, reason::NOT_YET, message.clone());
        self.done(message)
    }

    /// Its time has come.
    pub fn ending(mut self) -> DrillStatus {
        self.status.phase = Some(Phase::Ending);
        if self.conditions.is_pending(CHECKS_PASSED) {
            let message = "the drill was over before they had ended".to_owned();
            self.conditions
                .set(CHECKS_PASSED, Status::Unknown, reason::NOT_RUN, message);
        }
        self.conditions.set(
            READY,
            Status::False,
            reason::ENDED,
            "its time is over".to_owned(),
        );
        self.done("its routes are being taken away".to_owned())
    }

    /// It is over, and nothing of it is left. One that never was active has failed; a gateway that
    /// lags at the end of one that was changes nothing.
    pub fn ended(mut self) -> DrillStatus {
        let asked = match self.status.ready_at {
            Some(_) => &[][..],
            None => &[ROUTES_PROGRAMMED, EDGE_PROGRAMMED],
        };
        let mut asked = asked.iter();
        let unmet = asked.find_map(|kind| self.conditions.unmet(kind));
        let (phase, message) = match unmet {
            None => (
                Phase::Ended,
                "its time is over, and nothing of it is left".to_owned(),
            ),
            Some(unmet) => (
                Phase::Failed,
                format!("its time was over before it was ready: {unmet}"),
            ),
        };
        self.status.phase = Some(phase);
        self.status.ended_at = Some(self.now.clone());
        self.status.objects = Vec::new();
        for kind in [ROUTES_PROGRAMMED, EDGE_PROGRAMMED, READY] {
            self.conditions.set(
                kind,
                Status::False,
                reason::ENDED,
                "the drill is over".to_owned(),
            );
        }
        self.done(message)
    }

    fn checked(&mut self, told: &Told) {
        if let Some(checks) = told.list() {
            self.status.checks = checks;
        }
        match told.condition() {
            Some(condition) => self.conditions.observe(condition),
            None if *told == Told::Nothing => self.conditions.remove(CHECKS_PASSED),
            None => {}
        }
    }

    fn nothing_programmed(&mut self) {
        let nothing = "nothing has been applied".to_owned();
        self.conditions.set(
            ROUTES_PROGRAMMED,
            Status::False,
            reason::PENDING,
            nothing.clone(),
        );
        self.conditions.set(
            EDGE_PROGRAMMED,
            Status::Unknown,
            reason::PENDING,
            nothing.clone(),
        );
        self.conditions
            .set(READY, Status::False, reason::NOT_YET, nothing);
    }

    fn done(mut self, message: String) -> DrillStatus {
        self.status.observed_generation = self.drill.metadata.generation;
        self.status.conditions = self.conditions.into_list();
        self.status.message = Some(message.chars().take(1000).collect());
        self.status
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::{Telling, Told};
    use crate::api::{Drill, DrillStatus, Phase};
    use crate::reconcile::edge::not_yet;
    use crate::resources::conditions::{EDGE_PROGRAMMED, Observation, Status, reason};
    use crate::resources::samples;

    /// What becomes of a drill of which the gateway says this, look after look, and which then ends.
    fn at_the_end(edge: &[Observation]) -> DrillStatus {
        let now = Time("2026-11-26T10:00:00Z".parse().unwrap());
        let mut drill: Drill = serde_saphyr::from_str(samples::DRILL_AUTHORITY).unwrap();
        drill.status = Some(Telling::new(&drill, &now).begun(&[]));
        for seen in edge {
            let telling = Telling::new(&drill, &now);
            drill.status = Some(telling.programmed(Vec::new(), seen.clone(), &Told::Nothing));
        }
        drill.status = Some(Telling::new(&drill, &now).ending());
        Telling::new(&drill, &now).ended()
    }

    fn lags() -> Observation {
        not_yet("it runs with configuration 1".to_owned())
    }

    fn runs() -> Observation {
        Observation {
            kind: EDGE_PROGRAMMED,
            status: Status::True,
            reason: reason::AS_ASKED,
            message: "1 of 1 gateways run with it".to_owned(),
        }
    }

    #[test]
    fn a_drill_that_was_active_has_ended_also_if_the_gateway_lags_at_the_last() {
        for edge in [&[runs()][..], &[lags(), runs(), lags()]] {
            let told = at_the_end(edge);
            assert_eq!(told.phase, Some(Phase::Ended), "{:?}", told.message);
        }
    }

    #[test]
    fn a_drill_that_never_was_active_has_failed_and_says_why() {
        for (edge, why) in [
            (&[lags(), lags()][..], "it runs with configuration 1"),
            (&[], "nothing has been applied"),
        ] {
            let told = at_the_end(edge);
            assert_eq!((told.phase, &told.ready_at), (Some(Phase::Failed), &None));
            let message = told.message.unwrap();
            assert!(message.contains(why), "{message}");
        }
    }
}
