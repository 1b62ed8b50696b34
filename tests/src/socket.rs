//! WebSockets: an upstream that speaks the handshake and sends back whatever comes then, and a
//! client for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

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
#[derive(Debug)]
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Echo {
    /// Starts one.
    ///
    /// # Panics
    /// If no port can be bound.
    pub async fn start() -> Self {
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
    ///
    /// # Panics
    /// If a handshake panicked.
    pub fn heads(&self) -> Vec<String> {
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

/// Asks for an upgrade at `host` through `address`, with these lines in the head beside the
/// handshake's own; gives the head of the answer, and whether a frame came back.
///
/// # Panics
/// If the connection is refused, or there is no answer within `limit`.
pub async fn handshake(
    address: SocketAddr,
    host: &str,
    lines: &str,
    limit: Duration,
) -> (String, bool) {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = BufReader::new(stream);
        let asked = format!("GET /socket HTTP/1.1\r\nHost: {host}\r\n{lines}{ASKED}\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await;
        let _ = stream.write_all(&FRAME).await;
        let mut back = [0; FRAME.len()];
        let echoed = stream.read_exact(&mut back).await.is_ok() && back == FRAME;
        (answer, echoed)
    };
    timeout(limit, exchange).await.expect("an answer")
}
