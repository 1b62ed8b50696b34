//! Requests through the edge as a check.

use http::Request;
use hyper::body::Bytes;

use super::capture::Captures;
use super::edge::{Edge, json, word};
use super::expect::{Answer, failures};
use super::mask::{Mask, lines};
use super::outcome::Tried;
use crate::api::HttpStep;
use crate::proxy::Answered;

/// Takes the steps in their order, up to the first that is not as it must be.
pub(super) async fn ask(steps: &[HttpStep], edge: &Edge) -> Tried {
    let mut walk = Walk {
        edge,
        several: steps.len() > 1,
        captures: Captures::default(),
        mask: Mask::default(),
        seen: Vec::new(),
    };
    let mut failure = None;
    for (index, step) in steps.iter().enumerate() {
        let number = index.saturating_add(1);
        if let Err(why) = walk.step(number, step).await {
            failure = Some(format!("{}{why}", walk.title(number, step)));
            break;
        }
    }
    let message = match steps.len() {
        1 => "the answer is as it must be".to_owned(),
        count => format!("all {count} answers are as they must be"),
    };
    walk.tried(failure, message)
}

/// One way through the steps.
struct Walk<'a> {
    edge: &'a Edge,
    several: bool,
    captures: Captures,
    mask: Mask,
    seen: Vec<(String, String)>,
}

impl Walk<'_> {
    async fn step(&mut self, number: usize, step: &HttpStep) -> Result<(), String> {
        let request = request(step, &self.captures)?;
        self.mask.hide_headers(request.headers());
        let answered = self.edge.ask(step.host.as_deref(), request).await?;
        self.mask.hide_header(&answered.context);
        self.mask.hide_headers(&answered.head.headers);
        let json = json(&answered.body, answered.is_whole);
        let headers = &answered.head.headers;
        let of = (headers, json.as_ref().ok());
        // Before anything is told: what is captured may be a secret.
        let missing = self.captures.keep(&step.capture, of, &mut self.mask);
        self.saw(number, &answered);
        if let Some(stranger) = self.edge.stranger(&answered.verdict, answered.head.status) {
            return Err(stranger);
        }
        let answer = Answer {
            status: answered.head.status,
            headers,
            body: &answered.body,
            json: &json,
            millis: answered.took.as_millis(),
        };
        let mut wrong = failures(&step.expect, &answer, &self.captures);
        wrong.extend(missing);
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(wrong.join("; ")),
        }
    }

    fn saw(&mut self, number: usize, answered: &Answered) {
        let prefix = match self.several {
            true => format!("step {number} "),
            false => String::new(),
        };
        for (name, what) in [
            ("status", answered.head.status.as_u16().to_string()),
            ("verdict", word(&answered.verdict).to_owned()),
            ("milliseconds", answered.took.as_millis().to_string()),
            ("headers", lines(&answered.head.headers)),
            ("body", String::from_utf8_lossy(&answered.body).into_owned()),
        ] {
            self.seen.push((format!("{prefix}{name}"), what));
        }
    }

    fn title(&self, number: usize, step: &HttpStep) -> String {
        match self.several {
            true => format!("step {number} ({} {}): ", step.method, step.path),
            false => String::new(),
        }
    }

    /// Only now all secrets are known.
    fn tried(self, failure: Option<String>, message: String) -> Tried {
        let mask = self.mask;
        let tried = match failure {
            Some(why) => Tried::failed(mask.apply(&why)),
            None => Tried::passed(message),
        };
        let seen = self.seen.iter();
        seen.fold(tried, |tried, (name, what)| {
            tried.and_saw(name, &mask.apply(what))
        })
    }
}

fn request(step: &HttpStep, captures: &Captures) -> Result<Request<Bytes>, String> {
    let path = captures.fill(&step.path)?;
    if !path.starts_with('/') {
        return Err(format!("the path is {path:?}, and must begin with /"));
    }
    let mut request = Request::builder().method(step.method.as_str()).uri(path);
    for (name, value) in &step.headers {
        request = request.header(name, captures.fill(value)?);
    }
    let body = captures.fill(step.body.as_deref().unwrap_or_default())?;
    let request = request.body(Bytes::from(body));
    request.map_err(|error| format!("the request makes no sense: {error}"))
}
