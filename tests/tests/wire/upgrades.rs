//! WebSocket upgrades. The upstreams here speak the handshake and send back whatever comes then.

use std::net::SocketAddr;

use drill_context::HEADER_NAME;
use drillgate::lab::Cluster;
use drillgate_tests::gate::HOST;
use drillgate_tests::socket::{self, Echo};
use drillgate_tests::{SANDBOX, outcomes};

use crate::stand::{LIMIT, Stand};

/// Asks the gateway for an upgrade with these lines in the head; gives what answered, as
/// [`outcomes`] tells it, and whether a frame came back.
async fn upgrade(address: SocketAddr, lines: &str) -> (String, bool) {
    let (answer, echoed) = socket::handshake(address, HOST, lines, LIMIT).await;
    (outcomes(&answer), echoed)
}

#[tokio::test]
async fn an_upgrade_goes_where_any_request_goes_and_its_bytes_come_back() {
    let (production, sandbox) = (Echo::start().await, Echo::start().await);
    let mut stand = Stand::prepared(|edge| {
        edge.production = Cluster::new("production", [production.address]);
        edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox.address])];
    })
    .await;
    // On an upgrade Envoy takes no header off that `Connection` names.
    let named = format!("Connection: {HEADER_NAME}\r\n");
    for lines in ["", &named] {
        let ends = [
            ("101", true),
            ("101 routed", true),
            ("403 bad-signature", false),
        ];
        for (context, (end, echoed)) in stand.lines().iter().zip(ends) {
            let lines = format!("{context}{lines}");
            let got = upgrade(stand.harness.address(), &lines).await;
            assert_eq!(got, (end.to_owned(), echoed), "{lines}");
        }
    }
    let token = stand.token.to_ascii_lowercase();
    let carries = |head: &String| head.contains(&format!("\n{HEADER_NAME}: {token}\r\n"));
    assert_eq!(production.heads().len(), 2);
    assert!(!production.heads().iter().any(carries));
    assert_eq!(sandbox.heads().len(), 2);
    assert!(sandbox.heads().iter().all(carries));

    let ordinary = [&stand.harness.production, &stand.harness.sandbox].map(|of| of.address());
    let [production, sandbox] = ordinary;
    stand
        .harness
        .change(|edge| {
            edge.production = Cluster::new("production", [production]);
            edge.sandboxes = vec![Cluster::new(SANDBOX, [sandbox])];
        })
        .await;
    stand.assert_unharmed().await;
}

#[tokio::test]
async fn an_upgrade_to_a_sandbox_that_is_down_is_answered_with_503() {
    let stand = Stand::start().await;
    stand.harness.sandbox.down().await.unwrap();
    let [_, valid, _] = stand.lines();
    let (end, echoed) = upgrade(stand.harness.address(), &valid).await;
    assert_eq!((end.as_str(), echoed), ("503 sandbox-unreachable", false));
    stand.harness.sandbox.revive().await.unwrap();
    stand.assert_arrived(&[""; 0]).await;
}

#[tokio::test]
async fn a_sandbox_that_refuses_an_upgrade_has_answered() {
    // An ordinary service: it knows nothing of WebSocket and answers as to any request.
    let stand = Stand::start().await;
    let [_, valid, _] = stand.lines();
    let (end, echoed) = upgrade(stand.harness.address(), &valid).await;
    assert_eq!((end.as_str(), echoed), ("200 routed", false));
    assert_eq!(stand.harness.sandbox.total(), 1);
}
