//! Puts other ways to steer by a header, and drillgate, through the same requests on a real Istio:
//! `make compare`. The tables go to standard output.

use std::time::Instant;

use drillgate_tests::istio::{Mesh, comparison};

#[tokio::main]
async fn main() {
    let begun = Instant::now();
    let say = |text: &str| eprintln!("{:>6.1}s  {text}", begun.elapsed().as_secs_f64());
    say("starts etcd, kube-apiserver and istiod");
    let mut mesh = Mesh::start().await;
    let [istio, gateway_api] = comparison::tables(&mut mesh, say).await;
    print!("{istio}\n{gateway_api}");
}
