//! Runs a control plane until Ctrl-C, to try things on: prints its kubeconfig's path.

use drillgate_tests::control_plane::ControlPlane;

#[tokio::main]
async fn main() {
    let plane = ControlPlane::start().await;
    println!("{}", plane.kubeconfig().display());
    // Without a handler for Ctrl-C it would all end just the same, but with a status of failure.
    let _ended = tokio::signal::ctrl_c().await;
}
