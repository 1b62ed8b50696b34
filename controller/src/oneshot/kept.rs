//! Evidence in the cluster: written, listed, fetched, and the oldest of it deleted.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt};
use tokio::time::sleep;

use super::Error;
use crate::evidence::kept::{Kept, newest_first, read};
use crate::reconcile::writer::MANAGER;
use crate::resources::metadata::{DRILLGATE, EVIDENCE_OF, MANAGED_BY, full_name, namespace_of};
use crate::resources::names;

/// How often what failed for the moment is tried again, and the pause before that.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// The evidence in a namespace.
#[derive(Debug, Default)]
pub struct History {
    /// The newest first.
    pub kept: Vec<Kept>,
    /// ConfigMaps that are labelled as evidence and do not say of which run: somebody has edited
    /// them, or made them.
    pub unreadable: Vec<String>,
}

/// Writes evidence. It is never written over other evidence.
///
/// # Errors
/// If the cluster does not let us, after some tries.
pub async fn keep(client: &Client, config_map: &ConfigMap) -> Result<(), Error> {
    let namespace = namespace_of(config_map);
    let api = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let params = PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    };
    let mut tries = 0;
    loop {
        let what = format!("create ConfigMap {}", full_name(config_map));
        let failed = |source| refused(what, "create", &namespace, source);
        match api.create(&params, config_map).await {
            Ok(_) => return Ok(()),
            // The answer to a try before this one was lost: the name has the drill's UUID in it.
            Err(kube::Error::Api(status)) if status.code == 409 && tries > 0 => return Ok(()),
            Err(error) => match failed(error) {
                error if error.is_passing() && tries < TRIES => tries += 1,
                error => return Err(error),
            },
        }
        sleep(PAUSE).await;
    }
}

/// The evidence in a namespace, of all drills or of one. Its files are not read.
///
/// # Errors
/// If the cluster does not let us.
pub async fn history(
    client: &Client,
    namespace: &str,
    drill: Option<&str>,
) -> Result<History, Error> {
    let drill = drill.map(|drill| format!("={}", names::evidence_of(drill)));
    let labels = format!(
        "{MANAGED_BY}={DRILLGATE},{EVIDENCE_OF}{}",
        drill.unwrap_or_default()
    );
    let api = Api::<PartialObjectMeta<ConfigMap>>::namespaced(client.clone(), namespace);
    let which = ListParams::default().labels(&labels);
    let listed = api.list_metadata(&which).await;
    let listed = listed
        .map_err(|source| refused("list ConfigMaps".to_owned(), "list", namespace, source))?;
    let mut history = History::default();
    for object in listed {
        match read(&object.metadata) {
            Some(kept) => history.kept.push(kept),
            None => history.unreadable.push(object.name_any()),
        }
    }
    newest_first(&mut history.kept);
    Ok(history)
}

/// Deletes evidence: the very object that was listed. One that is gone is as good.
///
/// # Errors
/// If the cluster does not let us.
pub async fn remove(client: &Client, kept: &Kept) -> Result<(), Error> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), &kept.namespace);
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: kept.uid.clone(),
        resource_version: None,
    });
    match api.delete(&kept.name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(source) => {
            let what = format!("delete ConfigMap {}/{}", kept.namespace, kept.name);
            Err(refused(what, "delete", &kept.namespace, source))
        }
    }
}

/// A ConfigMap, whatever is in it.
///
/// # Errors
/// If there is none with that name, or the cluster does not let us.
pub async fn fetch(client: &Client, namespace: &str, name: &str) -> Result<ConfigMap, Error> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let whole = format!("{namespace}/{name}");
    match api.get_opt(name).await {
        Ok(Some(config_map)) => Ok(config_map),
        Ok(None) => Err(Error::NoEvidence { name: whole }),
        Err(source) => {
            let what = format!("get ConfigMap {whole}");
            Err(refused(what, "get", namespace, source))
        }
    }
}

fn refused(what: String, verb: &'static str, namespace: &str, source: kube::Error) -> Error {
    Error::Evidence {
        what,
        verb,
        namespace: namespace.to_owned(),
        source: Box::new(source),
    }
}
