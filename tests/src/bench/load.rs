//! A load of equal requests over connections that are kept, with as little of its own in the
//! figures as can be: bytes that were made before, answers that are read and not understood.

use std::io;
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

/// Connections to one address, which stay open from window to window.
#[derive(Debug)]
pub(super) struct Connections(Vec<Connection>);

impl Connections {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Connections> {
        let mut all = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let buffer = Vec::with_capacity(16 * 1024);
            all.push(Connection { stream, buffer });
        }
        Ok(Connections(all))
    }

    /// Sends `count` requests and gives how long each took; every answer must have `status`.
    pub(super) async fn run(
        &mut self,
        request: &str,
        status: u16,
        count: usize,
    ) -> Result<Latencies, Failure> {
        let mut workers = JoinSet::new();
        for mut connection in self.0.drain(..) {
            let request = request.to_owned();
            workers.spawn(async move {
                let latencies = connection
                    .run(&request, status, count / CONNECTIONS)
                    .await?;
                Ok::<_, Failure>((connection, latencies))
            });
        }
        let mut latencies = Vec::with_capacity(count);
        while let Some(worker) = workers.join_next().await {
            let (connection, of_this) = worker??;
            self.0.push(connection);
            latencies.extend(of_this);
        }
        Ok(latencies)
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn run(
        &mut self,
        request: &str,
        status: u16,
        count: usize,
    ) -> Result<Latencies, Failure> {
        let expected = format!("HTTP/1.1 {status} ");
        let mut latencies = Vec::with_capacity(count);
        for _ in 0..count {
            let started = Instant::now();
            self.stream.write_all(request.as_bytes()).await?;
            read_answer(&mut self.stream, &mut self.buffer).await?;
            latencies.push(started.elapsed());
            if !self.buffer.starts_with(expected.as_bytes()) {
                let answer = String::from_utf8_lossy(&self.buffer).into_owned();
                return Err(format!("expected {expected}, got {answer}").into());
            }
        }
        Ok(latencies)
    }
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
