//! Puts other ways to steer by a header, and drillgate, through the same requests on a real Istio:
//! `make compare`. The table goes to standard output.

use std::time::Instant;

use drillgate_tests::control_plane::Controller;
use drillgate_tests::istio::{Mesh, comparison};

#[tokio::main]
async fn main() {
    let begun = Instant::now();
    let say = |text: &str| eprintln!("{:>6.1}s  {text}", begun.elapsed().as_secs_f64());
    say("starts etcd, kube-apiserver, istiod and the controller");
    let mesh = Mesh::start().await;
    let mut controller = Controller::start(&mesh.plane.kubeconfig());
    controller.leads().await;
    print!("{}", comparison::table(&mesh, say).await);
}
