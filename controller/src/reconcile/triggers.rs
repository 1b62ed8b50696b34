//! What has to be looked at again when something else has changed.

use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};

use super::cluster::Sender;
use crate::api::{Drill, DrillGate, Phase};
use crate::resources::metadata::{DRILL, GATE, gate_label};

/// Sets reconciliations off.
#[derive(Clone)]
pub struct Triggers {
    drills: Store<Drill>,
    drill: Sender<Drill>,
    gate: Sender<DrillGate>,
}

impl Triggers {
    pub(super) fn new(
        drills: Store<Drill>,
        drill: Sender<Drill>,
        gate: Sender<DrillGate>,
    ) -> Triggers {
        Triggers {
            drills,
            drill,
            gate,
        }
    }

    /// An object of ours has changed or is gone: whoever it was made for looks at it.
    pub fn ours(&self, object: &DynamicObject) {
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
        let owner = object.owner_references().iter();
        let mut owner = owner.filter(|owner| owner.kind == DrillGate::kind(&()));
        if let (Some(owner), Some(namespace)) = (owner.next(), object.namespace()) {
            self.send_gate(ObjectRef::new(&owner.name).within(&namespace));
        }
        // A drill whose entry in the active list is gone, or is another one than it should be.
        for drill in self.drills.state() {
            if drill_lives(&drill) && is_of_gate(&gate_of(&drill)) && !is_listed(object, &drill) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
    }

    /// A gate has changed, or is gone: its drills look at it.
    pub fn gate(&self, gate: &DrillGate) {
        let gate = ObjectRef::from_obj(gate);
        for drill in self.drills.state() {
            if gate_of(&drill) == gate && !is_over(&drill) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
        }
    }

    /// A drill has changed, or is gone: those that waited for its place look again.
    pub fn drill(&self, drill: &Drill) {
        let lives = drill.metadata.deletion_timestamp.is_none() && !is_over(drill);
        if lives {
            return;
        }
        for other in self.drills.state() {
            let waits = matches!(phase(&other), None | Some(Phase::Pending));
            if waits && gate_of(&other) == gate_of(drill) {
                self.send_drill(ObjectRef::from_obj(&*other));
            }
        }
    }

    /// Gateways or production's routes have changed: whoever was refused looks again, and the gates
    /// look whether all still fits.
    pub fn surroundings(&self) {
        for drill in self.drills.state() {
            if matches!(phase(&drill), None | Some(Phase::Pending)) {
                self.send_drill(ObjectRef::from_obj(&*drill));
            }
            self.send_gate(gate_of(&drill));
        }
    }

    /// One gate, by name.
    pub fn send_gate(&self, gate: ObjectRef<DrillGate>) {
        // The receiver lives as long as the process.
        let _ = self.gate.unbounded_send(gate);
    }

    fn send_drill(&self, drill: ObjectRef<Drill>) {
        let _ = self.drill.unbounded_send(drill);
    }
}

/// The gate that a drill names.
pub fn gate_of(drill: &Drill) -> ObjectRef<DrillGate> {
    let reference = &drill.spec.gate_ref;
    let namespace = reference.namespace.clone().or_else(|| drill.namespace());
    ObjectRef::new(&reference.name).within(&namespace.unwrap_or_default())
}

fn phase(drill: &Drill) -> Option<Phase> {
    drill.status.as_ref().and_then(|status| status.phase)
}

fn is_over(drill: &Drill) -> bool {
    matches!(phase(drill), Some(Phase::Ended | Phase::Failed))
}

fn drill_lives(drill: &Drill) -> bool {
    matches!(phase(drill), Some(Phase::Active | Phase::Programming))
}

/// Whether a plugin's active list has the drill. Any other object of the gate has no list, and
/// says nothing about drills.
fn is_listed(object: &DynamicObject, drill: &Drill) -> bool {
    let Some(drills) = active_list(object) else {
        return true;
    };
    let id = drill
        .status
        .as_ref()
        .and_then(|status| status.drill_id.as_deref());
    let environment = id
        .and_then(|id| drills.get(id))
        .and_then(|entry| entry.get("environment"));
    environment.and_then(serde_json::Value::as_str) == Some(drill.spec.environment.as_str())
}

/// The active list of a plugin: nothing for an object of another kind.
pub fn active_list(object: &DynamicObject) -> Option<serde_json::Map<String, serde_json::Value>> {
    let spec = object.data.get("spec")?;
    let kind = object.types.as_ref().map(|types| types.kind.as_str());
    let configuration = match kind {
        Some("WasmPlugin") => spec.get("pluginConfig"),
        Some("TrafficExtension") => spec.get("wasm").and_then(|wasm| wasm.get("pluginConfig")),
        _ => return None,
    };
    let drills = configuration.and_then(|configuration| configuration.get("drills"));
    Some(
        drills
            .and_then(|drills| drills.as_object())
            .cloned()
            .unwrap_or_default(),
    )
}
