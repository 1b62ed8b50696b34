//! What drillgate has made for a stage's drill.

use drillgate::api::{Drill, Phase};
use serde_json::{Value, json};

use super::Stage;

impl Stage {
    /// The drill's object of this kind, by its name alone, once the drill is active.
    ///
    /// # Panics
    /// If there is none.
    pub async fn drills_object(&self, kind: &str) -> Value {
        let active = |drill: &Drill| drill.phase() == Some(Phase::Active);
        let drill = self.scene.drill_until("orders", active).await;
        let mut objects = drill.status.expect("a status").objects.into_iter();
        let object = objects.find(|object| object.kind == kind);
        let object = object.expect("an object of this kind");
        json!({
            "apiVersion": object.api_version, "kind": kind,
            "metadata": {"name": object.name, "namespace": object.namespace},
        })
    }

    /// The drill's route.
    ///
    /// # Panics
    /// If there is none.
    pub async fn drills_route(&self) -> Value {
        match self.is_by_gateway_api() {
            true => self.drills_object("HTTPRoute").await,
            false => self.drills_object("VirtualService").await,
        }
    }

    /// The drill's own host, as it is now.
    ///
    /// # Panics
    /// If there is none.
    pub async fn drills_host(&self) -> String {
        let route = self.scene.get(&self.drills_route().await).await;
        let spec = &route.expect("a route").data["spec"];
        let hosts = match self.is_by_gateway_api() {
            true => &spec["hostnames"],
            false => &spec["hosts"],
        };
        hosts[0].as_str().expect("a host").to_owned()
    }
}
