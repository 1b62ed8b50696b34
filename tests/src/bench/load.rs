//! A load of equal requests over connections that are kept, with as little of its own in the
//! figures as can be: bytes that were made before, answers that are read and not understood.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections of one window.
const CONNECTIONS: usize = 8;

/// How long each request took.
type Latencies = Vec<Duration>;

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends `count` requests and gives how long each took; every answer must have `status`.
pub(super) async fn run(
    address: SocketAddr,
    request: &str,
    status: u16,
    count: usize,
) -> Result<Latencies, Failure> {
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let request = request.to_owned();
        workers.spawn(connection(address, request, status, count / CONNECTIONS));
    }
    let mut latencies = Vec::with_capacity(count);
    while let Some(worker) = workers.join_next().await {
        latencies.extend(worker??);
    }
    Ok(latencies)
}

async fn connection(
    address: SocketAddr,
    request: String,
    status: u16,
    count: usize,
) -> Result<Latencies, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let expected = format!("HTTP/1.1 {status} ");
    let mut latencies = Vec::with_capacity(count);
    let mut buffer = Vec::with_capacity(16 * 1024);
    for _ in 0..count {
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        read_answer(&mut stream, &mut buffer).await?;
        latencies.push(started.elapsed());
        if !buffer.starts_with(expected.as_bytes()) {
            let answer = String::from_utf8_lossy(&buffer).into_owned();
            return Err(format!("expected {expected}, got {answer}").into());
        }
    }
    Ok(latencies)
}

/// Reads one answer whole: its head, and as many bytes as `content-length` says.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection was closed".into());
        }
        if let Some(length) = whole_length(buffer)
            && buffer.len() >= length
        {
            return Ok(());
        }
    }
}

/// The length of the answer, once its head is there.
fn whole_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse::<usize>().ok());
    Some(head + length.unwrap_or(0))
}
