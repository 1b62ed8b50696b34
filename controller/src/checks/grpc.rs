//! The standard health service of gRPC as a check.

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Request, Version};
use hyper::body::Bytes;
use prost::Message;

use super::edge::{Edge, word};
use super::mask::Mask;
use super::outcome::Tried;
use crate::api::GrpcCheck;
use crate::proxy::Answered;

const METHOD: &str = "/grpc.health.v1.Health/Check";

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, Message)]
struct HealthRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct HealthResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Asks once.
pub(super) async fn ask(check: &GrpcCheck, edge: &Edge) -> Tried {
    let request = match request(&check.service) {
        Ok(request) => request,
        Err(error) => return Tried::failed(format!("the request makes no sense: {error}")),
    };
    let answered = match edge.ask(check.host.as_deref(), request).await {
        Ok(answered) => answered,
        Err(why) => return Tried::failed(why),
    };
    let stranger = edge.stranger(&answered.verdict, answered.head.status);
    let told = match stranger {
        Some(stranger) => Err(stranger),
        None => health(&answered),
    };
    let mut mask = Mask::default();
    mask.hide_header(&answered.context);
    let what = match check.service.as_str() {
        "" => "the server".to_owned(),
        service => format!("service {service}"),
    };
    let tried = match &told {
        Ok(1) => Tried::passed(format!("{what} is SERVING")),
        Ok(status) => Tried::failed(format!("{what} is {}", name(*status))),
        Err(why) => Tried::failed(mask.apply(&format!("{what}: {why}"))),
    };
    let tried = tried
        .and_saw("status", answered.head.status.as_str())
        .and_saw("verdict", word(&answered.verdict))
        .and_saw("milliseconds", &answered.took.as_millis().to_string());
    match told {
        Ok(status) => tried.and_saw("health", name(status)),
        Err(_) => tried,
    }
}

fn request(service: &str) -> Result<Request<Bytes>, http::Error> {
    let message = HealthRequest {
        service: service.to_owned(),
    };
    Request::post(METHOD)
        .version(Version::HTTP_2)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(frame(&message))
}

/// One message, not compressed, as gRPC puts it into a body.
fn frame(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = vec![0];
    body.extend(length.to_be_bytes());
    body.extend(message);
    body.into()
}

/// The status of the health service, or why there is none.
fn health(answered: &Answered) -> Result<i32, String> {
    let status = answered.head.status.as_u16();
    let code = code(&answered.trailers).or_else(|| code(&answered.head.headers));
    let Some((code, message)) = code else {
        return Err(format!(
            "it does not speak gRPC: status {status}, and no grpc-status"
        ));
    };
    if code != "0" {
        let meaning = match code.as_str() {
            "5" => " (it does not know the service)",
            "12" => " (it has no health service)",
            _ => "",
        };
        return Err(format!("grpc-status {code}{meaning}{message}"));
    }
    let message = match answered.body.split_first_chunk::<5>() {
        Some(([0, length @ ..], message))
            if usize::try_from(u32::from_be_bytes(*length)) == Ok(message.len()) =>
        {
            message
        }
        _ => return Err("the answer is no message of gRPC".to_owned()),
    };
    let response = HealthResponse::decode(message);
    let response = response.map_err(|error| format!("the answer cannot be read: {error}"))?;
    Ok(response.status)
}

fn code(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let code = text("grpc-status")?;
    let message = text("grpc-message").filter(|message| !message.is_empty());
    let message =
        message.map(|message| format!(": {}", message.chars().take(200).collect::<String>()));
    Some((code, message.unwrap_or_default()))
}

fn name(status: i32) -> &'static str {
    match status {
        1 => "SERVING",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, Response};
    use hyper::body::Bytes;

    use super::{HealthRequest, frame, health, request};
    use crate::proxy::{Answered, Verdict};

    fn answered(status: &'static str, body: &[u8]) -> Answered {
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
    fn a_message_goes_out_in_one_frame() {
        let message = HealthRequest {
            service: "ab".to_owned(),
        };
        assert_eq!(frame(&message)[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(request("").unwrap().body()[..], [0; 5]);
    }

    #[test]
    fn what_the_service_says_is_read() {
        assert_eq!(health(&answered("0", &[0, 0, 0, 0, 2, 8, 1])), Ok(1));
        assert_eq!(health(&answered("0", &[0, 0, 0, 0, 2, 8, 2])), Ok(2));
        assert_eq!(health(&answered("0", &[0, 0, 0, 0, 0])), Ok(0));
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        for (status, body, text) in [
            ("5", &[][..], "does not know the service"),
            ("12", &[], "has no health service"),
            ("0", &[], "no message"),
            ("0", &[0, 0, 0, 0, 9, 8, 1], "no message"),
            ("0", &[1, 0, 0, 0, 2, 8, 1], "no message"),
            ("0", &[0, 0, 0, 0, 1, 8], "cannot be read"),
        ] {
            let told = health(&answered(status, body)).unwrap_err();
            assert!(told.contains(text), "{told}");
        }
        let mut html = answered("0", b"<html>");
        html.trailers = HeaderMap::new();
        assert!(health(&html).unwrap_err().contains("does not speak gRPC"));
    }
}
