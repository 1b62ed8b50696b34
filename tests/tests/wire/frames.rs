//! HTTP/2 frames by hand: what no HTTP/2 library lets its user send.
//!
//! Fields are written as literals without indexing or Huffman coding, so that any byte can stand
//! anywhere. Of an answer no more is decoded than the tests ask for.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use drill_context::HEADER_NAME;
use drillgate_tests::gate::HOST;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// The setting that there is no compression table: each answer can be read by itself.
const NO_TABLE: [u8; 6] = [0, 1, 0, 0, 0, 0];

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A field of a request: its name and its value.
pub type Field = (String, Vec<u8>);

/// One field.
pub fn field(name: &str, value: impl AsRef<[u8]>) -> Field {
    (name.to_owned(), value.as_ref().to_vec())
}

/// The fields of a request for the drill's host, with this context if there is one.
pub fn request(method: &str, path: &str, context: Option<&str>) -> Vec<Field> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":authority", HOST),
        (":path", path),
    ];
    let context = context.map(|value| (HEADER_NAME, value));
    let fields = pseudo.into_iter().chain(context);
    fields.map(|(name, value)| field(name, value)).collect()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A HEADERS frame that ends the stream if `last`, and CONTINUATION frames for what goes over
/// `at_most` bytes.
pub fn headers(stream: u32, fields: &[Field], last: bool, at_most: usize) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(literal).collect();
    let pieces = block.chunks(at_most);
    let end = pieces.len() - 1;
    let frames = pieces.enumerate().flat_map(|(at, piece)| {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        let ends_stream = if at == 0 && last { END_STREAM } else { 0 };
        let ends_headers = if at == end { END_HEADERS } else { 0 };
        frame(kind, ends_stream | ends_headers, stream, piece)
    });
    frames.collect()
}

/// A DATA frame that does not end the stream.
pub fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, payload)
}

/// The client takes its request back.
pub fn cancel(stream: u32) -> Vec<u8> {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    frame(RST_STREAM, 0, stream, &CANCEL)
}

/// A HEADERS frame that ends nothing, and many empty CONTINUATION frames after it.
pub fn endless(stream: u32, fields: &[Field]) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(literal).collect();
    let empty = frame(CONTINUATION, 0, stream, &[]).repeat(3000);
    [frame(HEADERS, END_STREAM, stream, &block), empty].concat()
}

/// A request whose fields name one long entry of the compression table 8,000 times.
pub fn compressed_bomb(stream: u32, fields: &[Field]) -> Vec<u8> {
    const NEWEST_ENTRY: u8 = 0x80 | 62;
    let mut block: Vec<u8> = fields.iter().flat_map(literal).collect();
    let mut long = literal(&field("x-bomb", [b'a'; 3000]));
    // With indexing: the entry goes into the table.
    long[0] = 0x40;
    block.extend(long);
    block.extend([NEWEST_ENTRY].repeat(8000));
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

fn literal((name, value): &Field) -> Vec<u8> {
    let text = |bytes: &[u8]| [length(bytes.len()), bytes.to_vec()].concat();
    [vec![0], text(name.as_bytes()), text(value)].concat()
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn length(mut value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// Opens a connection, sends `frames` and tells what became of `stream`: the status and who
/// answered or why not, such as `200 sandbox` or `403 bad-signature`; `reset` for the stream,
/// `closed` for the connection.
///
/// # Panics
/// If neither an answer nor an end came within a minute.
pub async fn outcome(address: SocketAddr, frames: &[u8], stream: u32) -> String {
    let mut connection = open(address, frames).await;
    let end = timeout(LIMIT, read_to_end_of(&mut connection, stream)).await;
    end.expect("neither an answer nor an end")
}

/// A connection on which `frames` have been sent.
pub async fn open(address: SocketAddr, frames: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.expect("connect");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = frame(SETTINGS, 0, 0, &NO_TABLE);
    let bytes = [preface, settings.as_slice(), frames].concat();
    // A server may close before it has read all; what it answered counts.
    let _ = connection.write_all(&bytes).await;
    connection
}

async fn read_to_end_of(connection: &mut TcpStream, wanted: u32) -> String {
    let mut outcome = String::new();
    loop {
        let mut head = [0; 9];
        if connection.read_exact(&mut head).await.is_err() {
            return outcome + "closed";
        }
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if connection.read_exact(&mut payload).await.is_err() {
            return outcome + "closed";
        }
        if kind == GOAWAY {
            return outcome + "closed";
        }
        if u32::from_be_bytes(id) != wanted {
            continue;
        }
        match kind {
            HEADERS => outcome.push_str(&status(&payload)),
            DATA => outcome.push_str(&answered(&payload)),
            RST_STREAM => return outcome + "reset",
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return outcome.trim_end().to_owned();
        }
        outcome.push(' ');
    }
}

/// The status of a header block, which begins with it: Envoy shortens none but the informational
/// ones and those of the static table.
fn status(block: &[u8]) -> String {
    const STATIC: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
    match block.strip_prefix(&[0x20]).unwrap_or(block) {
        [indexed @ 0x88..=0x8e, ..] => STATIC[usize::from(indexed - 0x88)].to_owned(),
        [8, 3, digits @ ..] => String::from_utf8_lossy(&digits[..3]).into_owned(),
        [8, ..] => "100".to_owned(),
        other => panic!("no status: {other:?}"),
    }
}

/// Who answered, or the code in a refusal's problem document.
fn answered(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let mut answered = String::new();
    for member in ["who", "code"] {
        if let Some(text) = body[member].as_str() {
            write!(answered, "{text}").unwrap();
        }
    }
    answered
}
