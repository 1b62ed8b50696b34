//! The messages of `grpc.reflection.v1`, and of `v1alpha`, as far as they are used.

use prost::{Message, Oneof};

/// `ServerReflectionRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(oneof = "Question", tags = "3, 4, 7")]
    pub(super) question: Option<Question>,
}

/// What is asked for, by its name; of services, all.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Question {
    #[prost(string, tag = "3")]
    File(String),
    #[prost(string, tag = "4")]
    Symbol(String),
    #[prost(string, tag = "7")]
    Services(String),
}

/// `ServerReflectionResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(oneof = "Told", tags = "4, 6, 7")]
    pub(super) told: Option<Told>,
}

/// What is told.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Told {
    #[prost(message, tag = "4")]
    Files(Encoded),
    #[prost(message, tag = "6")]
    Services(Services),
    #[prost(message, tag = "7")]
    Problem(Problem),
}

/// `FileDescriptorResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Encoded {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) files: Vec<Vec<u8>>,
}

/// `ListServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Services {
    #[prost(message, repeated, tag = "1")]
    pub(super) services: Vec<Service>,
}

/// `ServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Service {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

/// `ErrorResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Problem {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{Encoded, Problem, Question, Request, Response, Services, Told};

    #[test]
    fn questions_and_answers_are_as_the_protocol_numbers_them() {
        for (question, number) in [
            (Question::File("a".to_owned()), 3),
            (Question::Symbol("a".to_owned()), 4),
            (Question::Services("a".to_owned()), 7),
        ] {
            let request = Request {
                question: Some(question),
            };
            assert_eq!(request.encode_to_vec(), [number << 3 | 2, 1, b'a']);
        }
        for (told, number) in [
            (Told::Files(Encoded::default()), 4),
            (Told::Services(Services::default()), 6),
            (Told::Problem(Problem::default()), 7),
        ] {
            let response = Response { told: Some(told) };
            assert_eq!(response.encode_to_vec(), [number << 3 | 2, 0]);
        }
    }
}
