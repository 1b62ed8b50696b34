//! The only place that writes to the API server.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::core::object::HasStatus;
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Error;
use super::leader::Leadership;
use super::made::Made;
use crate::api::ObjectRef;
use crate::resources::metadata::namespace_of;

/// The field manager of gates' objects, and of whole objects of drills.
pub const MANAGER: &str = "drillgate";

/// The field manager of the status.
const STATUS_MANAGER: &str = "drillgate-status";

/// The finalizer of gates and drills: their objects lie in other namespaces too, and a drill's
/// entry in the active list is no object of its own.
pub const FINALIZER: &str = "drillgate.dev/cleanup";

/// Writes, as long as this replica is the leader.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
    recorder: Recorder,
}

impl Writer {
    /// A writer that asks `leadership` before each write.
    pub fn new(client: Client, leadership: Leadership, identity: &str) -> Writer {
        let reporter = Reporter {
            controller: "drillgate".to_owned(),
            instance: Some(identity.to_owned()),
        };
        Writer {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            leadership,
        }
    }

    /// The writer of a command that runs once: it has no other replica to heed, and the API
    /// server's own rules keep it from others' fields.
    pub fn of_command(client: Client) -> Writer {
        Writer::new(client, Leadership::of_command(), "command")
    }

    /// Every write goes through here: it is not begun, and not carried on, by a replica that is
    /// not the leader any more.
    async fn write<T>(&self, write: impl Future<Output = T>) -> Result<T, Error> {
        let written = self.leadership.during(write).await;
        written.map_err(|_| Error::NotLeader)
    }

    /// Applies `body`, of the object that `object` names, as `manager`; never by force. Gives the
    /// version that the object has now.
    pub async fn apply(
        &self,
        object: &ObjectRef,
        body: &Value,
        manager: &str,
    ) -> Result<Option<String>, Error> {
        let (params, patch) = (PatchParams::apply(manager), Patch::Apply(body));
        // Of the answer only the version is read: a filter with a thousand entries is large, and
        // even its metadata is, which says who manages each.
        let request = Request::new(self.api(object).resource_url());
        let request = request.patch_metadata(&object.name, &params, &patch);
        let patching = async {
            let request = request.map_err(kube::Error::BuildRequest)?;
            self.client.request::<Patched>(request).await
        };
        let patched = self.write(patching).await?;
        let patched = patched.map_err(|error| Error::about(object, error))?;
        Ok(patched.metadata.resource_version)
    }

    /// The object as [`Writer::apply`] would leave it; nothing is changed.
    pub async fn dry_run(
        &self,
        object: &ObjectRef,
        body: &Value,
        manager: &str,
    ) -> Result<Made, Error> {
        let (api, params) = (self.api(object), PatchParams::apply(manager).dry_run());
        let patched = api.patch(&object.name, &params, &Patch::Apply(body)).await;
        let patched = patched.map_err(|error| Error::about(object, error))?;
        Ok(patched.into())
    }

    /// Makes an object that was not there; nothing if one of that name is.
    pub async fn create<K>(&self, object: &K) -> Result<Option<K>, Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Serialize
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace_of(object));
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self.write(api.create(&params, object)).await? {
            Ok(made) => Ok(Some(made)),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(None),
            Err(error) => Err(Error::about(&reference(object), error)),
        }
    }

    /// Takes the fields of `manager` out of the very object with this UID: an apply to one that is
    /// gone would make a new one.
    pub async fn withdraw(
        &self,
        object: &ObjectRef,
        uid: &str,
        manager: &str,
    ) -> Result<(), Error> {
        let body = json!({
            "apiVersion": object.api_version,
            "kind": object.kind,
            "metadata": {"name": object.name, "namespace": object.namespace, "uid": uid},
        });
        self.apply(object, &body, manager).await.map(drop)
    }

    /// Deletes an object that is ours; says whether there was one. One that is gone is as good.
    pub async fn delete(&self, object: &ObjectRef) -> Result<bool, Error> {
        self.delete_if(object, None).await
    }

    /// As [`Writer::delete`], but only the very object with this UID.
    pub async fn delete_if(&self, object: &ObjectRef, uid: Option<String>) -> Result<bool, Error> {
        let params = DeleteParams {
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid),
                ..Preconditions::default()
            }),
            ..DeleteParams::background()
        };
        let api = self.api(object);
        match self.write(api.delete(&object.name, &params)).await? {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(Error::about(object, error)),
        }
    }

    /// Reads an object as it is now.
    pub async fn read(&self, object: &ObjectRef) -> Result<Option<Made>, Error> {
        match self.api(object).get(&object.name).await {
            Ok(found) => Ok(Some(found.into())),
            // Where its kind is not served any more, the answer is no status of Kubernetes'.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(Error::about(object, error)),
        }
    }

    /// Puts our finalizer on an object, or takes it off; gives the object's new version. Only if
    /// the object still is as it was read.
    pub async fn set_finalizer<K>(&self, object: &K, wanted: bool) -> Result<K, Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let mut finalizers = object.finalizers().to_vec();
        finalizers.retain(|held| held != FINALIZER);
        if wanted {
            finalizers.push(FINALIZER.to_owned());
        }
        let body = json!({"metadata": {
            "finalizers": finalizers,
            "resourceVersion": object.resource_version(),
        }});
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace_of(object));
        let patch = Patch::Merge(&body);
        let (name, params) = (object.name_any(), PatchParams::default());
        let patched = self.write(api.patch(&name, &params, &patch)).await?;
        patched.map_err(|error| Error::about(&reference(object), error))
    }

    /// Takes our finalizer off; gives the version of the object from then on, unless it is gone.
    pub async fn release<K>(&self, object: &K) -> Result<Option<String>, Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        match self.set_finalizer(object, false).await {
            Ok(released) => Ok(released.resource_version()),
            Err(error) if error.category() == "NotFound" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the whole status, unless it says so already, and if the object still is as it was
    /// read; says whether there was anything to write.
    pub async fn status<K>(&self, object: &K, told: &K::Status) -> Result<bool, Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + HasStatus
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
        K::Status: Serialize + PartialEq,
    {
        if object.status() == Some(told) {
            return Ok(false);
        }
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"resourceVersion": object.resource_version()},
            "status": told,
        });
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace_of(object));
        let params = PatchParams::apply(STATUS_MANAGER);
        let (name, patch) = (object.name_any(), Patch::Apply(&body));
        match self.write(api.patch_status(&name, &params, &patch)).await? {
            Ok(_) => Ok(true),
            // It has been deleted in between, and there is nothing left to tell.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
            Err(error) => Err(Error::about(&reference(object), error)),
        }
    }

    /// Tells people, beside the object. An event that cannot be written is logged and no error:
    /// the status has it all.
    pub async fn tell<K>(&self, object: &K, kind: EventType, reason: &str, note: String)
    where
        K: Resource<DynamicType = ()>,
    {
        let event = Event {
            type_: kind,
            reason: reason.to_owned(),
            note: Some(note.chars().take(1000).collect()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let about: ObjectReference = object.object_ref(&());
        if let Ok(Err(error)) = self.write(self.recorder.publish(&event, &about)).await {
            tracing::warn!(%error, reason, "an event could not be written");
        }
    }

    fn api(&self, object: &ObjectRef) -> Api<DynamicObject> {
        let (group, version) = object
            .api_version
            .split_once('/')
            .unwrap_or(("", &object.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &object.kind));
        Api::namespaced_with(self.client.clone(), &object.namespace, &resource)
    }
}

/// What is read of the answer to an apply.
#[derive(Deserialize)]
struct Patched {
    metadata: Versioned,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned {
    resource_version: Option<String>,
}

/// A reference to a custom resource of ours.
pub(crate) fn reference<K: Resource<DynamicType = ()>>(object: &K) -> ObjectRef {
    ObjectRef {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        namespace: namespace_of(object),
        name: object.name_any(),
    }
}
