//! Messages and statuses of gRPC as they travel over HTTP/2.

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Request, Version};
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;

use crate::proxy::{Answered, MAX_BODY};

/// How much is told of what a server says, in characters.
const TOLD: usize = 200;

/// The status of a call, and what the server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// The number.
    pub(super) code: String,
    /// The words, or nothing.
    pub(super) told: String,
}

impl Status {
    /// Whether the call went well.
    pub(super) fn is_ok(&self) -> bool {
        self.code == "0"
    }
}

/// A call of `path` with all of its messages.
///
/// # Errors
/// In words: what makes no sense.
pub(super) fn request(path: &str, messages: &[Vec<u8>]) -> Result<Request<Bytes>, String> {
    let mut body = Vec::new();
    for message in messages {
        frame(message, &mut body);
    }
    Request::post(path)
        .version(Version::HTTP_2)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(body.into())
        .map_err(|error| format!("the request makes no sense: {error}"))
}

/// One message, not compressed, as gRPC puts it into a body.
fn frame(message: &[u8], body: &mut Vec<u8>) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    body.push(0);
    body.extend(length.to_be_bytes());
    body.extend(message);
}

/// The messages in a body.
///
/// # Errors
/// That there is something else in it.
pub(super) fn messages(body: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut messages = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let message = split(rest).ok_or("the answer is no message of gRPC")?;
        messages.push(message.0);
        rest = message.1;
    }
    Ok(messages)
}

/// The first message, and what follows it; nothing where it is compressed or cut off.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([0, length @ ..], rest) = body.split_first_chunk::<5>()? else {
        return None;
    };
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The one message of an answer.
///
/// # Errors
/// In words: what there is in its place.
pub(super) fn message(answered: &Answered) -> Result<&[u8], String> {
    match messages(&answered.body)?[..] {
        [message] => Ok(message),
        [] => Err("the answer is no message of gRPC".to_owned()),
        ref more => Err(format!("the answer has {} messages", more.len())),
    }
}

/// The status of a call.
///
/// # Errors
/// In words: why there is none.
pub(super) fn status(answered: &Answered) -> Result<Status, String> {
    if !answered.is_whole {
        return Err(format!(
            "the answer is longer than the {MAX_BODY} bytes that are read"
        ));
    }
    let status = of(&answered.trailers).or_else(|| of(&answered.head.headers));
    status.ok_or_else(|| {
        let status = answered.head.status.as_u16();
        format!("it does not speak gRPC: status {status}, and no grpc-status")
    })
}

fn of(headers: &HeaderMap) -> Option<Status> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let code = text("grpc-status")?.to_owned();
    let message = text("grpc-message").unwrap_or_default();
    let told = short(&percent_decode_str(message).decode_utf8_lossy());
    Some(Status { code, told })
}

/// The beginning of what a server says, on one line.
pub(super) fn short(text: &str) -> String {
    let printed = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    printed.take(TOLD).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, Response};
    use hyper::body::Bytes;

    use super::{message, messages, request, status};
    use crate::proxy::{Answered, Verdict};

    /// What the sandbox answers with this status and body.
    pub(in super::super) fn answered(status: &'static str, body: &[u8]) -> Answered {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        Answered {
            verdict: Verdict::Routed,
            head: Response::new(()).into_parts().0,
            body: Bytes::copy_from_slice(body),
            is_whole: true,
            trailers,
            took: Duration::ZERO,
            context: HeaderValue::from_static("a.b.c"),
        }
    }

    #[test]
    fn messages_go_out_one_after_the_other_and_come_back_so() {
        let request = request("/a.B/C", &[b"ab".to_vec(), Vec::new()]).unwrap();
        let body = request.body();
        assert_eq!(body[..], [0, 0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0]);
        assert_eq!(messages(body).unwrap(), [&b"ab"[..], b""]);
        assert!(messages(b"").unwrap().is_empty());
        for none in [
            &[0, 0, 0, 0][..],
            &[0, 0, 0, 0, 9, 8],
            &[1, 0, 0, 0, 0],
            &[0, 255, 255, 255, 255, 1],
            b"<html>",
        ] {
            assert!(messages(none).unwrap_err().contains("no message"));
        }
        let two = answered("0", body);
        assert_eq!(message(&two).unwrap_err(), "the answer has 2 messages");
    }

    #[test]
    fn a_status_is_told_in_the_servers_words() {
        let mut refused = answered("5", b"");
        let words = HeaderValue::from_static("order%209 isn't there%0A%E2%9C%93");
        refused.trailers.insert("grpc-message", words);
        let status = status(&refused).unwrap();
        assert_eq!(status.code, "5");
        assert_eq!(status.told, "order 9 isn't there ✓");
        assert!(!status.is_ok());
    }

    #[test]
    fn where_there_is_no_status_the_reason_is_told() {
        let mut html = answered("0", b"<html>");
        html.trailers = HeaderMap::new();
        assert!(status(&html).unwrap_err().contains("does not speak gRPC"));
        html.is_whole = false;
        assert!(status(&html).unwrap_err().contains("longer than"));
    }
}
