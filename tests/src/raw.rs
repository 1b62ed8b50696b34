//! Bytes to a server and back, for requests that no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the beginning of an answer may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends `bytes` to `address` and returns all that came back until the server closed the
/// connection, or was silent for `silence` after it had begun to answer.
///
/// # Panics
/// If the connection is refused.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>, silence: Duration) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    // A server may answer and close before it has read all; what it answered counts.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let mut patience = LIMIT;
    while let Ok(Ok(read @ 1..)) = timeout(patience, stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
        patience = silence;
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What the answers in `bytes` are, each as [`outcome`](crate::traffic::outcome) tells it, with a comma between them.
pub fn outcomes(bytes: &str) -> String {
    let answers = bytes.split("HTTP/1.1 ").skip(1).map(|answer| {
        let status = answer.get(..3).unwrap_or(answer);
        let verdict = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-drill-verdict: "));
        let who = ["sandbox", "production"]
            .into_iter()
            .find(|who| answer.contains(&format!(r#""who":"{who}""#)));
        let known = [Some(status), verdict, who].into_iter().flatten();
        known.collect::<Vec<_>>().join(" ")
    });
    answers.collect::<Vec<_>>().join(", ")
}
