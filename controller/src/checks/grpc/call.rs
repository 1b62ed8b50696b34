//! A call of a unary method, found by the server's own reflection.

use serde_json::{Map, Value};

use super::super::capture::Captures;
use super::super::edge::Edge;
use super::super::expect::{Content, content};
use super::super::mask::without_secrets;
use super::super::outcome::Tried;
use super::line::Line;
use super::{parts, reflection, types, wire};
use crate::api::{GrpcCheck, GrpcExpect, GrpcStatus};

/// Calls once.
pub(super) async fn ask(check: &GrpcCheck, method: &str, edge: &Edge) -> Tried {
    let mut line = Line::new(edge, check.host.as_deref());
    let told = match call(check, method, &mut line).await {
        Ok(()) => Ok("the answer is as it must be".to_owned()),
        Err(why) => Err(format!("{method}: {why}")),
    };
    line.tried(told)
}

async fn call(check: &GrpcCheck, method: &str, line: &mut Line<'_>) -> Result<(), String> {
    let (service, name) = parts(method).ok_or("it is not named as package.Service/Method")?;
    let none = Captures::default();
    let empty = Value::Object(Map::new());
    let request = none.fill_json(check.request.as_ref().unwrap_or(&empty))?;
    line.mask.hide_members(&request);

    let pool = reflection::described(line, service).await?;
    let method = types::method(&pool, service, name)?;
    let message = types::message(method.input(), &request)?;
    let answered = line.call(&format!("/{service}/{name}"), &[message]).await?;
    let status = wire::status(&answered)?;
    line.saw("grpc-status", &shown(&status));
    let json = match status.is_ok() {
        true => types::json(&types::read(method.output(), wire::message(&answered)?)?),
        false => Err("there is no answer beside the status".to_owned()),
    };
    if let Ok(json) = &json {
        line.mask.hide_members(json);
        line.saw("answer", &without_secrets(json).to_string());
    }
    // What else is wanted of an answer that is not there would be told for nothing.
    let wrong = match unwanted(&check.expect, &status) {
        Some(unwanted) => vec![unwanted],
        None => {
            let millis = answered.took.as_millis();
            content(&wanted(&check.expect), &json, millis, &none)
        }
    };
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

fn wanted(expect: &GrpcExpect) -> Content<'_> {
    Content {
        json: &expect.json,
        schema: expect.schema.as_ref(),
        max_millis: expect.max_millis,
    }
}

/// Why the status is not as it must be, if it is not.
fn unwanted(expect: &GrpcExpect, status: &wire::Status) -> Option<String> {
    let fits = match expect.status[..] {
        [] => status.is_ok(),
        ref some => GrpcStatus::of(&status.code).is_some_and(|it| some.contains(&it)),
    };
    let all = match expect.status[..] {
        [] => GrpcStatus::Ok.name().to_owned(),
        ref some => some
            .iter()
            .map(|it| it.name())
            .collect::<Vec<_>>()
            .join(" or "),
    };
    (!fits).then(|| format!("the status is {}, and {all} is wanted", shown(status)))
}

/// A status by its name, and what the server says of it.
fn shown(status: &wire::Status) -> String {
    let name = GrpcStatus::of(&status.code).map(GrpcStatus::name);
    let name = name.map_or_else(|| status.code.clone(), str::to_owned);
    match status.told.as_str() {
        "" => name,
        told => format!("{name} ({told})"),
    }
}
