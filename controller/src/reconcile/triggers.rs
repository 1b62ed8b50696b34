//! What has to be looked at again when something else has changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use serde_json::{Map, Value};

use super::cluster::Sender;
use super::made::Made;
use super::plugin::{active_list, member};
use crate::api::{Drill, DrillGate, DrillSchedule, Phase};
use crate::resources::conditions::{ACCEPTED, Status};
use crate::resources::metadata::{DRILL, GATE, ONE_SHOT, gate_label};

/// Sets reconciliations off.
#[derive(Clone)]
pub struct Triggers {
    drills: Store<Drill>,
    gates: Store<DrillGate>,
    drill: Sender<Drill>,
    gate: Sender<DrillGate>,
    schedule: Sender<DrillSchedule>,
}

impl Triggers {
    pub(super) fn new(
        drills: Store<Drill>,
        gates: Store<DrillGate>,
        (drill, gate, schedule): (Sender<Drill>, Sender<DrillGate>, Sender<DrillSchedule>),
    ) -> Triggers {
        Triggers {
            drills,
            gates,
            drill,
            gate,
            schedule,
        }
    }

    /// An object of ours has changed or is gone: whoever it was made for looks at it.
    pub fn ours(&self, object: &Made) {
        if let Some(name) = object.annotations().get(DRILL) {
            if let Some((namespace, name)) = name.split_once('/') {
                self.send_drill(ObjectRef::new(name).within(namespace));
            }
            return;
        }
        let Some(gate) = object.labels().get(GATE) else {
            return;
        };
        // The label is cut when it is long, so it is compared with, and not taken apart.
        let is_of_gate = |found: &ObjectRef<DrillGate>| {
            let namespace = found.namespace.clone().unwrap_or_default();
            gate_label(&namespace, &found.name) == *gate
        };
        if object.annotations().contains_key(ONE_SHOT) {
            return self.places(is_of_gate);
        }
        let owner = object.owner_references().iter();
        let mut owner = owner.filter(|owner| owner.kind == DrillGate::kind(&()));
        if let (Some(owner), Some(namespace)) = (owner.next(), object.namespace()) {
            self.send_gate(ObjectRef::new(&owner.name).within(&namespace));
        }
        let Some(listed) = active_list(object) else {
            return;
        };
        // A drill whose entry in the active list is gone, or is another one than it should be; and
        // one that could not begin without the list.
        for drill in self.drills.state() {
            let looks = waits_for_gate(&drill) || drill_lives(&drill) && !is_in(listed, &drill);
            if looks && is_of_gate(&gate_of(&drill)) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
    }

    /// A gate has changed, or is gone: its drills look at it. Those that stand need not where only
    /// its status has changed, such as the number of its drills: each that comes would set off all.
    pub fn gate(&self, gate: &DrillGate) {
        let is_news = is_news(gate);
        let gate = ObjectRef::from_obj(gate);
        for drill in self.drills.state() {
            let looks = !drill.is_over() && (is_news || !drill_lives(&drill));
            if looks && gate_of(&drill) == gate {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
    }

    /// A drill has changed, or is gone: its schedule looks, and those that waited for its place
    /// look again.
    pub fn drill(&self, drill: &Drill) {
        let owner = drill.owner_references().iter();
        let mut owner = owner.filter(|owner| owner.kind == DrillSchedule::kind(&()));
        if let (Some(owner), Some(namespace)) = (owner.next(), drill.namespace()) {
            let schedule = ObjectRef::new(&owner.name).within(&namespace);
            let _ = self.schedule.unbounded_send(schedule);
        }
        let lives = drill.metadata.deletion_timestamp.is_none() && !drill.is_over();
        if lives {
            return;
        }
        self.places(|gate| *gate == gate_of(drill));
    }

    /// A drill has come or gone at such a gate: those that wait for its place look again.
    fn places(&self, is_at: impl Fn(&ObjectRef<DrillGate>) -> bool) {
        for drill in self.drills.state() {
            let waits = matches!(drill.phase(), None | Some(Phase::Pending));
            if waits && is_at(&gate_of(&drill)) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
    }

    /// Gateways, namespaces or production's routes have changed: whoever was refused looks again,
    /// and the gates look whether all still fits.
    pub fn surroundings(&self) {
        for drill in self.drills.state() {
            if matches!(drill.phase(), None | Some(Phase::Pending)) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
        for gate in self.gates.state() {
            self.send_gate(ObjectRef::from_obj(&*gate));
        }
    }

    /// One gate, by name.
    pub fn send_gate(&self, gate: ObjectRef<DrillGate>) {
        // The receiver lives as long as the process.
        let _ = self.gate.unbounded_send(gate);
    }

    /// One drill, by name.
    pub fn send_drill(&self, drill: ObjectRef<Drill>) {
        let _ = self.drill.unbounded_send(drill);
    }
}

/// The gate that a drill names.
pub fn gate_of(drill: &Drill) -> ObjectRef<DrillGate> {
    let reference = &drill.spec.gate_ref;
    let namespace = reference.namespace.clone().or_else(|| drill.namespace());
    ObjectRef::new(&reference.name).within(&namespace.unwrap_or_default())
}

/// Whether a gate goes, or its status does not tell of its spec yet.
fn is_news(gate: &DrillGate) -> bool {
    let told = gate.status.as_ref();
    let told = told.and_then(|status| status.observed_generation);
    gate.metadata.deletion_timestamp.is_some() || told != gate.metadata.generation
}

/// Whether a drill has begun and not ended.
pub fn drill_lives(drill: &Drill) -> bool {
    matches!(drill.phase(), Some(Phase::Active | Phase::Programming))
}

/// Whether a drill has not begun, and nothing but its gate is known to keep it.
fn waits_for_gate(drill: &Drill) -> bool {
    let is_refused = |condition: &Condition| {
        condition.type_ == ACCEPTED && condition.status == Status::False.as_str()
    };
    let told = drill.status.iter().flat_map(|status| &status.conditions);
    matches!(drill.phase(), None | Some(Phase::Pending)) && !told.into_iter().any(is_refused)
}

/// Whether a plugin's active list has the drill.
fn is_in(listed: &Map<String, Value>, drill: &Drill) -> bool {
    let id = drill
        .status
        .as_ref()
        .and_then(|status| status.drill_id.as_deref());
    let entry = id.and_then(|id| listed.get(id));
    let environment = entry.and_then(|entry| member(entry, "environment"));
    environment.and_then(Value::as_str) == Some(drill.spec.environment.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::is_in;
    use crate::api::Drill;
    use crate::reconcile::plugin::configuration_of;
    use crate::resources::plugin::PluginKind;
    use crate::resources::samples;

    #[test]
    fn a_drill_whose_entry_stands_in_the_list_is_not_set_off_and_one_whose_does_not_is() {
        let gate = serde_saphyr::from_str(samples::GATE).unwrap();
        let mut drill: Drill = serde_saphyr::from_str(samples::DRILL_AUTHORITY).unwrap();
        let objects = samples::drill_objects(&gate, &drill, PluginKind::WasmPlugin);
        let configuration = configuration_of(&objects.activation).unwrap();
        let Value::Object(listed) = &configuration["drills"] else {
            panic!("{configuration}");
        };
        let id = listed.keys().next().unwrap();
        drill.status = serde_json::from_value(json!({ "drillId": id })).unwrap();
        assert!(is_in(listed, &drill));
        assert!(!is_in(&serde_json::Map::new(), &drill));
        drill.spec.environment = "elsewhere".to_owned();
        assert!(!is_in(listed, &drill));
    }
}
