//! What the server says about its services and their types, by its own reflection: the files that
//! define a service, and those that they import.

use prost::Message;
use prost_reflect::DescriptorPool;

use super::files::Files;
use super::line::Line;
use super::protocol::{Problem, Question, Request, Response, Told};
use super::wire::{self, short};
use crate::proxy::Answered;

/// In the order in which they are tried: the messages of both are the same.
const VERSIONS: [&str; 2] = ["v1", "v1alpha"];

/// How often files are asked for that others import. A server may answer with all of them at once,
/// or with one each.
const MAX_ROUNDS: usize = 32;

/// The status for what a server does not know.
const NOT_FOUND: i32 = 5;

/// How many of a server's names are told.
const TOLD: usize = 16;

/// All that is needed to call `service`.
///
/// # Errors
/// In words: that the server has no reflection, or no such service, or what is wrong with what it
/// says.
pub(super) async fn described(
    line: &mut Line<'_>,
    service: &str,
) -> Result<DescriptorPool, String> {
    let (version, told) = first(line, service).await?;
    let mut files = Files::default();
    match told.into_iter().next() {
        Some(Told::Files(encoded)) => files.take(&encoded.files)?,
        Some(Told::Problem(problem)) if problem.code != NOT_FOUND => {
            let (code, message) = (problem.code, short(&problem.message));
            return Err(format!(
                "the server's reflection does not tell of {service}: status {code}, {message}"
            ));
        }
        _ => return Err(no_service(line, version, service).await),
    }
    for _ in 0..MAX_ROUNDS {
        let missing = files.missing();
        if missing.is_empty() {
            let what = format!("grpc.reflection.{version}, {} files", files.count());
            line.saw("reflection", &what);
            let pool = files.pool()?;
            return match pool.get_service_by_name(service) {
                Some(_) => Ok(pool),
                // A message may have the name.
                None => Err(no_service(line, version, service).await),
            };
        }
        let questions: Vec<Question> = missing.iter().cloned().map(Question::File).collect();
        let told = ask(line, version, &questions).await?;
        let told = told.ok_or("the server's reflection has ended in between")?;
        for told in &told {
            if let Told::Files(encoded) = told {
                files.take(&encoded.files)?;
            }
        }
        // Whatever was asked after the last answer is asked again.
        for (name, _) in missing.iter().zip(&told) {
            files.must_have(name)?;
        }
    }
    Err(format!(
        "the files of {service} import others and those others, more than {MAX_ROUNDS} deep: use a command check with grpcurl"
    ))
}

/// What the server says first, and by which version.
async fn first(line: &mut Line<'_>, service: &str) -> Result<(&'static str, Vec<Told>), String> {
    for version in VERSIONS {
        let question = Question::Symbol(service.to_owned());
        if let Some(told) = ask(line, version, &[question]).await? {
            return Ok((version, told));
        }
    }
    Err("the server has no reflection (neither grpc.reflection.v1 nor v1alpha): enable reflection, or use a command check with grpcurl".to_owned())
}

/// Asks all at once: an answer to each, up to the first at which the server gives up. Nothing if it
/// does not know the reflection service.
async fn ask(
    line: &mut Line<'_>,
    version: &str,
    questions: &[Question],
) -> Result<Option<Vec<Told>>, String> {
    let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let encoded = questions.iter().map(|question| {
        let request = Request {
            question: Some(question.clone()),
        };
        request.encode_to_vec()
    });
    let messages: Vec<Vec<u8>> = encoded.collect();
    let answered = line.call(&path, &messages).await?;
    answers(&answered).map_err(|why| format!("the server's reflection: {why}"))
}

/// What is told, in the order of the questions.
fn answers(answered: &Answered) -> Result<Option<Vec<Told>>, String> {
    // What gRPC's own mapping makes of it where something else than a gRPC server has answered.
    if answered.head.status == http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let status = wire::status(answered)?;
    let mut told = Vec::new();
    for message in wire::messages(&answered.body)? {
        let response = Response::decode(message);
        let response = response.map_err(|error| format!("an answer cannot be read: {error}"))?;
        told.push(response.told.ok_or("an answer says nothing")?);
    }
    match status.code.as_str() {
        "12" if told.is_empty() => return Ok(None),
        "0" => {}
        // Some servers end the whole call at the first question that they have no answer to.
        code => told.push(Told::Problem(Problem {
            code: code.parse().unwrap_or_default(),
            message: status.told,
        })),
    }
    match told.is_empty() {
        true => Err("it has ended without an answer".to_owned()),
        false => Ok(Some(told)),
    }
}

/// That there is no such service, and which there are.
async fn no_service(line: &mut Line<'_>, version: &str, service: &str) -> String {
    let question = Question::Services(String::new());
    let told = match ask(line, version, &[question]).await {
        Ok(told) => told.unwrap_or_default(),
        Err(why) => return format!("the server has no service {service}; {why}"),
    };
    let services = told.into_iter().filter_map(|told| match told {
        Told::Services(services) => Some(services.services),
        _ => None,
    });
    let mut names: Vec<String> = services.flatten().map(|service| service.name).collect();
    names.sort();
    format!(
        "the server has no service {service}; it has {}",
        listed(&names)
    )
}

/// Names in a sentence, up to a bound.
pub(super) fn listed(names: &[String]) -> String {
    let told: Vec<String> = names.iter().take(TOLD).map(|name| short(name)).collect();
    match names.len().checked_sub(TOLD) {
        _ if names.is_empty() => "none".to_owned(),
        None | Some(0) => told.join(", "),
        Some(more) => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use prost::Message;

    use super::super::protocol::{Encoded, Problem, Response, Told};
    use super::super::wire;
    use super::super::wire::tests::answered;
    use super::{answers, listed};

    fn body(told: &[Told]) -> Vec<u8> {
        let encoded = told.iter().map(|told| {
            let response = Response {
                told: Some(told.clone()),
            };
            response.encode_to_vec()
        });
        let request = wire::request("/", &encoded.collect::<Vec<_>>()).unwrap();
        request.into_body().to_vec()
    }

    #[test]
    fn a_call_that_ends_early_is_an_answer_to_the_question_it_ended_at() {
        let files = Told::Files(Encoded {
            files: vec![b"f".to_vec()],
        });
        let whole = answers(&answered("0", &body(&[files.clone(), files.clone()])));
        assert_eq!(whole.unwrap().unwrap(), [files.clone(), files.clone()]);
        let mut early = answered("5", &body(std::slice::from_ref(&files)));
        let words = HeaderValue::from_static("file not found");
        early.trailers.insert("grpc-message", words);
        let problem = Problem {
            code: 5,
            message: "file not found".to_owned(),
        };
        let told = answers(&early).unwrap().unwrap();
        assert_eq!(told, [files, Told::Problem(problem)]);
    }

    #[test]
    fn a_server_without_reflection_is_told_from_one_that_makes_no_sense() {
        assert_eq!(answers(&answered("12", b"")).unwrap(), None);
        let mut page = answered("0", b"<html>");
        page.trailers.clear();
        assert!(answers(&page).unwrap_err().contains("does not speak gRPC"));
        page.head.status = StatusCode::NOT_FOUND;
        assert_eq!(answers(&page).unwrap(), None);
        for (body, text) in [
            (&b""[..], "ended without an answer"),
            (b"<html>", "no message of gRPC"),
            (&[0, 0, 0, 0, 1, 8], "cannot be read"),
            (&[0, 0, 0, 0, 0], "says nothing"),
        ] {
            let told = answers(&answered("0", body)).unwrap_err();
            assert!(told.contains(text), "{told}");
        }
    }

    #[test]
    fn of_many_names_the_first_few_are_told() {
        let names = |count: usize| (0..count).map(|it| format!("s{it}")).collect::<Vec<_>>();
        assert_eq!(listed(&names(0)), "none");
        assert_eq!(listed(&names(2)), "s0, s1");
        assert!(listed(&names(16)).ends_with(", s15"));
        assert!(listed(&names(18)).ends_with(", s15 and 2 more"));
        assert_eq!(listed(&["ä".repeat(5000)]).chars().count(), 200);
    }
}
