//! The drills that stand in a cluster, whoever brought them up: put together from the labels and
//! annotations of their objects, their entries in the active lists, and their resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use crate::api::{CheckStatus, Drill, Mode, ObjectRef, Phase};
use crate::reconcile::made::Made;
use crate::reconcile::plugin::{active_list, end_of, member};
use crate::reconcile::reference;
use crate::resources::metadata::full_name;
use crate::resources::metadata::{
    DRILL, DRILL_ID, EXPIRES_AT, GATE, ONE_SHOT, gate_label, namespace_of,
};
use crate::resources::refusal::LivingDrill;

/// A drill that stands in a cluster, or what is left of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its UUID.
    pub id: Uuid,
    /// Its name, as `namespace/name`; empty where only its entry is left.
    pub name: String,
    /// Its gate, as in the label of its objects.
    pub gate: String,
    /// What tokens must be signed for; nothing without an entry in the active list.
    pub environment: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// How it is told apart.
    pub mode: Mode,
    /// Its whole objects.
    pub objects: Vec<ObjectRef>,
    /// The filter that has its entry.
    pub entry: Option<ObjectRef>,
    /// Its resource, if it has one: then the controller looks after it.
    pub resource: Option<Resource>,
}

/// The resource of a drill.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Where it stands in its life.
    pub phase: Option<Phase>,
    /// What the controller has to say.
    pub message: Option<String>,
    /// What its checks came to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckStatus>,
}

/// In which state a drill is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    /// Signed requests are let through.
    Active,
    /// Its time is over, and something of it is left.
    Expired,
    /// Something of it is missing: it is coming up, going, or was left half way.
    Incomplete,
    /// It has a resource and nothing at the edge.
    Waiting,
}

impl Standing {
    /// Whether its time is over.
    pub fn is_over(&self, now: &Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now.0)
    }

    /// In which state it is.
    pub fn state(&self, now: &Time) -> State {
        match (self.entry.is_some(), self.objects.is_empty()) {
            (false, true) => State::Waiting,
            _ if self.is_over(now) => State::Expired,
            (true, false) => State::Active,
            _ => State::Incomplete,
        }
    }

    /// The drill `id`, from its objects and its entry in the active list of `filter`, if it has one.
    pub fn of(id: Uuid, objects: &[Arc<Made>], filter: &Made) -> Standing {
        let mut stands = Standing::new(id);
        for object in objects {
            stands.add_object(object);
        }
        let entry = active_list(filter).and_then(|drills| drills.get(&id.to_string()));
        if let Some(entry) = entry {
            stands.add_entry(filter, entry);
        }
        stands.sort();
        stands
    }

    /// Whether requests are steered to it at the gate with this label.
    pub fn is_living_at(&self, gate: &str, now: &Time) -> bool {
        self.gate == gate && self.entry.is_some() && !self.is_over(now)
    }

    /// The drill among others of its gate.
    pub fn living(&self) -> LivingDrill {
        LivingDrill {
            name: self.name.clone(),
            environment: self.environment.clone().unwrap_or_default(),
            mode: self.mode,
            hosts: self.hosts.clone(),
        }
    }

    /// That the controller looks after it.
    pub fn managed(&self, instead: &str) -> Error {
        Error::Managed {
            what: format!("Drill {}", self.name),
            instead: instead.to_owned(),
        }
    }

    fn new(id: Uuid) -> Standing {
        Standing {
            id,
            name: String::new(),
            gate: String::new(),
            environment: None,
            expires_at: None,
            hosts: Vec::new(),
            mode: Mode::Authority,
            objects: Vec::new(),
            entry: None,
            resource: None,
        }
    }

    /// From an object that carries its label.
    fn add_object(&mut self, object: &Made) {
        let annotation = |name: &str| object.annotations().get(name);
        if let Some(name) = annotation(DRILL).or_else(|| annotation(ONE_SHOT)) {
            self.name.clone_from(name);
        }
        if let Some(gate) = object.labels().get(GATE) {
            self.gate.clone_from(gate);
        }
        let end = annotation(EXPIRES_AT).and_then(|end| end.parse().ok());
        self.expires_at = self.expires_at.or(end);
        self.hosts.extend(host_of(object));
        self.objects.push(reference(object));
    }

    /// From its entry in the active list of `filter`.
    fn add_entry(&mut self, filter: &Made, entry: &Value) {
        let text = |name: &str| member(entry, name).and_then(Value::as_str);
        self.environment = text("environment").map(str::to_owned);
        if text("mode") == Some("owned") {
            self.mode = Mode::Owned;
        }
        if let Some(gate) = filter.labels().get(GATE) {
            self.gate.clone_from(gate);
        }
        // What counts is when the edge ends it.
        let end = end_of(entry).and_then(|end| Timestamp::from_second(end).ok());
        self.expires_at = end.or(self.expires_at);
        self.entry = Some(reference(filter));
    }

    /// The same whatever the order is in which all was found.
    fn sort(&mut self) {
        self.hosts.sort();
        self.hosts.dedup();
        self.objects.sort();
    }

    fn add_resource(&mut self, drill: &Drill) {
        let status = drill.status.clone().unwrap_or_default();
        self.name = full_name(drill);
        let namespace = drill.spec.gate_ref.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| namespace_of(drill));
        self.gate = gate_label(&namespace, &drill.spec.gate_ref.name);
        self.environment = Some(drill.spec.environment.clone());
        self.mode = drill.spec.mode;
        let end = status.expires_at.map(|end| end.0);
        self.expires_at = self.expires_at.or(end);
        let routes = drill.spec.routes.iter();
        self.hosts = routes.map(|route| route.host.clone()).collect();
        self.resource = Some(Resource {
            phase: status.phase,
            message: status.message,
            checks: status.checks,
        });
    }
}

/// The host that a drill's VirtualService or HTTPRoute is about.
fn host_of(object: &Made) -> Option<String> {
    let (rewritten, host) = match object.types.kind.as_str() {
        "VirtualService" => ("/http/0/rewrite/authority", "/hosts/0"),
        "HTTPRoute" => ("/rules/0/filters/0/urlRewrite/hostname", "/hostnames/0"),
        _ => return None,
    };
    let spec = object.spec()?;
    let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
    let original = text(rewritten).or_else(|| text(host));
    original.map(str::to_owned)
}

/// The drills that stand in a cluster with these `objects` of ours and these `drills`. A resource
/// that is over is left out unless something of it is left.
pub fn standing(objects: &[Made], drills: &[Drill]) -> Vec<Standing> {
    let mut all: BTreeMap<Uuid, Standing> = BTreeMap::new();
    for object in objects {
        let id = object.labels().get(DRILL_ID);
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            let stands = all.entry(id).or_insert_with(|| Standing::new(id));
            stands.add_object(object);
        }
        for (id, entry) in active_list(object).into_iter().flatten() {
            if let Ok(id) = id.parse() {
                let stands = all.entry(id).or_insert_with(|| Standing::new(id));
                stands.add_entry(object, entry);
            }
        }
    }
    for drill in drills {
        let Some(id) = drill.uid().and_then(|id| id.parse().ok()) else {
            continue;
        };
        if !drill.is_over() || all.contains_key(&id) {
            let stands = all.entry(id).or_insert_with(|| Standing::new(id));
            stands.add_resource(drill);
        }
    }
    let mut all: Vec<Standing> = all.into_values().collect();
    all.iter_mut().for_each(Standing::sort);
    all.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    all
}

/// The drill that `asked` means: a UUID, `namespace/name`, or a name in `namespace`.
///
/// # Errors
/// If there is none, or there are several.
pub fn find<'a>(all: &'a [Standing], asked: &str, namespace: &str) -> Result<&'a Standing, Error> {
    let name = match asked.contains('/') {
        true => asked.to_owned(),
        false => format!("{namespace}/{asked}"),
    };
    let id: Option<Uuid> = asked.parse().ok();
    let means = |one: &&Standing| Some(one.id) == id || one.name == name;
    let found: Vec<&Standing> = all.iter().filter(means).collect();
    match found.as_slice() {
        [one] => Ok(one),
        _ => Err(Error::Ambiguous {
            asked: asked.to_owned(),
            found: found.iter().map(|one| one.id.to_string()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::{Made, Standing, State, find, standing};
    use crate::api::{Drill, Phase};
    use crate::resources::plugin::PluginKind;
    use crate::resources::samples;

    fn at(seconds: i64) -> Time {
        Time(Timestamp::from_second(seconds).unwrap())
    }

    /// A sample drill's objects, and the filter with its entry last.
    fn objects() -> Vec<Made> {
        let gate = serde_saphyr::from_str(samples::GATE).unwrap();
        let drill = serde_saphyr::from_str(samples::DRILL_MULTI_ROUTE).unwrap();
        let made = samples::drill_objects(&gate, &drill, PluginKind::WasmPlugin);
        let mut filter = made.activation.clone();
        if let crate::resources::Object::WasmPlugin(filter) = &mut filter {
            let label = (
                "drillgate.dev/gate".to_owned(),
                "istio-system.edge".to_owned(),
            );
            filter.metadata.labels = Some([label].into());
        }
        let whole = made.destination_rules.iter().chain(&made.virtual_services);
        whole
            .chain([&filter])
            .map(|object| {
                let mut body = serde_json::to_value(object).unwrap();
                body["apiVersion"] = json!(object.resource().api_version);
                body["kind"] = json!(object.resource().kind);
                serde_json::from_value(body).unwrap()
            })
            .collect()
    }

    #[test]
    fn a_drill_is_put_together_from_what_stands() {
        let all = standing(&objects(), &[]);
        assert_eq!(all.len(), 1);
        let one = &all[0];
        assert_eq!(one.id.to_string(), samples::DRILL);
        assert_eq!(one.gate, "istio-system.edge");
        assert_eq!(one.hosts.len(), 3);
        assert!(
            one.hosts
                .iter()
                .all(|host| !host.contains("drill.internal")),
            "{:?}",
            one.hosts
        );
        assert!(one.environment.is_some() && one.resource.is_none());
        assert_eq!(one.expires_at.unwrap().as_second(), samples::EXPIRES_AT);
        assert_eq!(one.state(&at(samples::EXPIRES_AT - 1)), State::Active);
        assert_eq!(one.state(&at(samples::EXPIRES_AT)), State::Expired);
    }

    #[test]
    fn a_half_of_a_drill_is_seen_as_such() {
        let all = objects();
        let (filter, whole) = all.split_last().unwrap();
        for half in [whole, std::slice::from_ref(filter)] {
            let found = standing(half, &[]);
            assert_eq!(found[0].state(&at(0)), State::Incomplete);
        }
    }

    #[test]
    fn one_drill_alone_is_put_together_as_among_all() {
        let all = objects();
        let (filter, whole) = all.split_last().unwrap();
        let whole: Vec<Arc<Made>> = whole.iter().cloned().map(Arc::new).collect();
        let id = samples::DRILL.parse().unwrap();
        let one = Standing::of(id, &whole, filter);
        assert_eq!(one.living().environment, one.environment.clone().unwrap());
        assert_eq!(one, standing(&all, &[])[0]);
        let (during, end) = (at(samples::EXPIRES_AT - 1), at(samples::EXPIRES_AT));
        assert!(one.is_living_at("istio-system.edge", &during));
        assert!(!one.is_living_at("istio-system.edge", &end));
        assert!(!one.is_living_at("istio-system.other", &during));
        // Nothing is steered to what has no entry.
        let bare: Made = serde_json::from_value(json!({
            "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
            "metadata": {"name": "other"}, "spec": {},
        }))
        .unwrap();
        let half = Standing::of(id, &whole, &bare);
        assert!(!half.is_living_at("istio-system.edge", &during));
    }

    #[test]
    fn a_resource_belongs_to_the_objects_with_its_uid() {
        let mut drill: Drill = serde_saphyr::from_str(samples::DRILL_MULTI_ROUTE).unwrap();
        let with = standing(&objects(), std::slice::from_ref(&drill));
        assert_eq!(with.len(), 1);
        assert!(with[0].resource.is_some());
        let alone = standing(&[], std::slice::from_ref(&drill));
        assert_eq!(alone[0].state(&at(0)), State::Waiting);
        drill.status.get_or_insert_default().phase = Some(Phase::Ended);
        assert!(standing(&[], std::slice::from_ref(&drill)).is_empty());
        assert_eq!(standing(&objects(), &[drill]).len(), 1);
    }

    #[test]
    fn a_drill_is_found_by_its_uuid_and_by_its_name() {
        let all = standing(&objects(), &[]);
        let name = all[0].name.clone();
        let (namespace, short) = name.split_once('/').unwrap();
        for asked in [samples::DRILL, name.as_str(), short] {
            assert_eq!(find(&all, asked, namespace).unwrap().name, name, "{asked}");
        }
        assert!(find(&all, short, "elsewhere").is_err());
        let twice = [all[0].clone(), all[0].clone()];
        let error = find(&twice, &name, "ci").unwrap_err().to_string();
        assert!(error.contains("several"), "{error}");
    }
}
