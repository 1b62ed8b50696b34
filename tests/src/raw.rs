//! Bytes to a server and back, for requests that no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends `bytes` to `address` and returns all that came back until the server closed the
/// connection, or was silent for `silence`.
///
/// # Panics
/// If the connection is refused.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>, silence: Duration) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    // A server may answer and close before it has read all; what it answered counts.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(silence, stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
