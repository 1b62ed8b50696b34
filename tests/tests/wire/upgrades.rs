//! WebSocket upgrades. The upstreams here speak the handshake and send back whatever comes then.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use drill_context::HEADER_NAME;
use drillgate::lab::Cluster;
use drillgate_tests::SANDBOX;
use drillgate_tests::gate::HOST;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stand::{LIMIT, Stand, outcomes};

/// The handshake of RFC 6455, section 1.3.
const ASKED: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                        Upgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLBMiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A masked text frame that says `Hello`, from section 5.7.
const FRAME: [u8; 11] = [
    0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
];

/// An upstream that accepts every handshake and sends back what it gets; it ends when dropped.
struct Echo {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, seen.clone()));
            }
        });
        Self {
            address,
            heads,
            server,
        }
    }

    /// The heads that came, in lower case.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn echo(stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let head = head(&mut stream).await;
    heads.lock().unwrap().push(head.to_ascii_lowercase());
    stream.write_all(ACCEPTED.as_bytes()).await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    // How it ends is the gateway's to say.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// The head of a message.
async fn head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
    head
}

/// Asks the gateway for an upgrade with these lines in the head; gives what answered, as
/// [`outcomes`] tells it, and whether the frame came back.
async fn upgrade(address: SocketAddr, lines: &str) -> (String, bool) {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = BufReader::new(stream);
        let asked = format!("GET /socket HTTP/1.1\r\nHost: {HOST}\r\n{lines}{ASKED}\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await;
        let _ = stream.write_all(&FRAME).await;
        let mut back = [0; FRAME.len()];
        let echoed = stream.read_exact(&mut back).await.is_ok() && back == FRAME;
        (outcomes(&answer), echoed)
    };
    timeout(LIMIT, exchange).await.expect("an answer")
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
