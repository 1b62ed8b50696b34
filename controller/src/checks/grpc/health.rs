//! The standard health service of gRPC.

use prost::Message;

use super::super::edge::Edge;
use super::super::outcome::Tried;
use super::line::Line;
use super::wire;
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
    let mut line = Line::new(edge, check.host.as_deref());
    let what = match check.service.as_str() {
        "" => "the server".to_owned(),
        service => format!("service {service}"),
    };
    let told = match served(&mut line, &check.service).await {
        Ok(1) => Ok(format!("{what} is SERVING")),
        Ok(status) => Err(format!("{what} is {}", name(status))),
        Err(why) => Err(format!("{what}: {why}")),
    };
    line.tried(told)
}

async fn served(line: &mut Line<'_>, service: &str) -> Result<i32, String> {
    let answered = line.call(METHOD, &[request(service)]).await?;
    let status = health(&answered)?;
    line.saw("health", name(status));
    Ok(status)
}

fn request(service: &str) -> Vec<u8> {
    let message = HealthRequest {
        service: service.to_owned(),
    };
    message.encode_to_vec()
}

/// The status of the health service, or why there is none.
fn health(answered: &Answered) -> Result<i32, String> {
    let status = wire::status(answered)?;
    if !status.is_ok() {
        let meaning = match status.code.as_str() {
            "5" => " (it does not know the service)",
            "12" => " (it has no health service)",
            _ => "",
        };
        let told = match status.told.as_str() {
            "" => String::new(),
            told => format!(": {told}"),
        };
        return Err(format!("grpc-status {}{meaning}{told}", status.code));
    }
    let response = HealthResponse::decode(wire::message(answered)?);
    let response = response.map_err(|error| format!("the answer cannot be read: {error}"))?;
    Ok(response.status)
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
    use super::super::wire::tests::answered;
    use super::{health, request};

    #[test]
    fn a_request_names_the_service() {
        assert_eq!(request("ab"), [0x0a, 2, b'a', b'b']);
        assert!(request("").is_empty());
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
    }
}
