//! A control plane with Istio's kinds and istiod.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::OnceCell;

use super::istiod::{Istiod, ROOT_NAMESPACE};
use crate::control_plane::{ControlPlane, Scene};

/// A control plane with Istio's kinds and ours, and istiod.
#[derive(Debug)]
pub struct Mesh {
    // istiod ends first: it calls the API server.
    /// istiod.
    pub istiod: Istiod,
    /// The control plane.
    pub plane: ControlPlane,
}

impl Mesh {
    /// Starts a mesh of one's own, for tests that stop parts of it.
    ///
    /// # Panics
    /// If its programs are not there, or something is not ready in time.
    pub async fn start() -> Self {
        let plane = ControlPlane::start().await;
        // The namespace of the controller's lease is in there.
        plane.grant_controller().await;
        Scene::install_crds(&plane).await;
        plane.install_gateway_api_crds().await;
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(ROOT_NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let api = Api::<Namespace>::all(plane.client().await);
        let made = api.create(&PostParams::default(), &namespace).await;
        made.unwrap_or_else(|error| panic!("{error}"));
        let istiod = Istiod::start(&plane).await;
        Self { istiod, plane }
    }

    /// The mesh that all tests of this process share, started by the first that asks. They keep
    /// apart by namespaces, and each has a gateway of its own.
    ///
    /// # Panics
    /// As [`Mesh::start`].
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Mesh> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }
}
