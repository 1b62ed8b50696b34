//! What all gateways have in common.

use super::row::Fault;
use crate::control_plane::Controller;
use crate::istio::Mesh;

/// istiod, the API server and drillgate's controller.
pub(super) struct Control<'a> {
    pub(super) mesh: &'a mut Mesh,
    controller: Controller,
}

impl<'a> Control<'a> {
    /// A mesh, and a controller in it.
    pub(super) async fn start(mesh: &'a mut Mesh) -> Self {
        let controller = leading(mesh).await;
        Self { mesh, controller }
    }

    /// Has them run or not, as it is with `fault`.
    pub(super) async fn set(&mut self, fault: Fault) {
        match fault {
            Fault::Istiod => self.mesh.istiod.kill(),
            Fault::ApiServer => self.mesh.plane.stop_apiserver(),
            Fault::Over => {
                self.mesh.plane.start_apiserver().await;
                self.mesh.istiod.start_again().await;
                // It ends when it cannot renew its lease; a Deployment starts another one.
                if self.controller.has_ended() {
                    self.controller = leading(self.mesh).await;
                }
            }
            _ => {}
        }
    }
}

/// A controller that leads.
async fn leading(mesh: &Mesh) -> Controller {
    // With so many gateways beside it, a quick election is lost without any fault.
    let election = ["--lease-seconds=20"];
    let mut controller = Controller::start_with(&mesh.plane.kubeconfig(), &election);
    controller.leads().await;
    controller
}
