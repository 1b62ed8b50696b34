//! A proxy that holds one request and fails as the fuzzer says.

use std::cell::{Cell, RefCell};

use drill_filter::{Host, HostError, LogLevel, Reply, Verdict};

use super::inputs::{Fault, NOW, Request};
use super::tokens::Token;

type Headers = Vec<(String, Vec<u8>)>;

#[derive(Debug)]
pub struct Proxy {
    pub now: i64,
    phantom: bool,
    request: RefCell<Headers>,
    pub response: RefCell<Headers>,
    pub details: Option<Vec<u8>>,
    faults: Vec<Fault>,
    next: Cell<usize>,
    /// Each hostcall so far, and whether it went well.
    calls: RefCell<Vec<(&'static str, bool)>>,
    pub filter_state: RefCell<Vec<(String, String)>>,
    pub replies: RefCell<Vec<Reply>>,
    pub lines: RefCell<Vec<String>>,
    pub counted: RefCell<Vec<Verdict>>,
}

impl Proxy {
    pub fn new(request: &Request, token: &Option<Vec<u8>>) -> Proxy {
        let mut headers: Headers = Vec::new();
        for authority in request.authority.values() {
            headers.push((":authority".to_owned(), authority));
        }
        if let Some(token) = token {
            headers.push(("x-drill-context".to_owned(), token.clone()));
        }
        for (name, value) in &request.headers {
            headers.push((name.text(), value.to_vec()));
        }
        Proxy {
            now: NOW + request.now.offset(),
            phantom: matches!(request.token, Token::Phantom),
            request: RefCell::new(headers),
            response: RefCell::new(vec![
                (":status".to_owned(), b"200".to_vec()),
                ("x-drill-verdict".to_owned(), b"forged".to_vec()),
                ("location".to_owned(), b"elsewhere".to_vec()),
            ]),
            details: request.details.bytes(),
            faults: request.faults.clone(),
            next: Cell::new(0),
            calls: RefCell::default(),
            filter_state: RefCell::default(),
            replies: RefCell::default(),
            lines: RefCell::default(),
            counted: RefCell::default(),
        }
    }

    pub fn request(&self) -> Headers {
        self.request.borrow().clone()
    }

    pub fn calls(&self) -> Vec<(&'static str, bool)> {
        self.calls.borrow().clone()
    }

    /// One hostcall: `done` is whether it has an effect, the result what the filter is told.
    fn call(&self, name: &'static str) -> (bool, Result<(), HostError>) {
        let at = self.next.replace(self.next.get() + 1);
        let fault = self.faults.get(at).copied().unwrap_or(Fault::None);
        self.calls.borrow_mut().push((name, fault == Fault::None));
        match fault {
            Fault::None => (true, Ok(())),
            Fault::Fails => (false, Err(HostError)),
            Fault::DoesAndFails => (true, Err(HostError)),
        }
    }
}

pub fn values<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Vec<&'a [u8]> {
    let of_name = headers.iter().filter(|(held, _)| held == name);
    of_name.map(|(_, value)| value.as_slice()).collect()
}

fn replace(headers: &RefCell<Headers>, name: &str, value: &[u8]) {
    let mut headers = headers.borrow_mut();
    headers.retain(|(held, _)| held != name);
    headers.push((name.to_owned(), value.to_vec()));
}

impl Host for Proxy {
    fn now(&self) -> Result<i64, HostError> {
        self.call("now").1.map(|()| self.now)
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call("request_header").1?;
        if self.phantom && name == "x-drill-context" {
            return Ok(Some(b"phantom".to_vec()));
        }
        let request = self.request.borrow();
        Ok(values(&request, name).first().map(|value| value.to_vec()))
    }

    fn request_headers(&self) -> Result<Headers, HostError> {
        self.call("request_headers").1.map(|()| self.request())
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        let (done, result) = self.call("set_request_header");
        if done {
            replace(&self.request, name, value);
        }
        result
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        let (done, result) = self.call("remove_request_header");
        if done {
            self.request.borrow_mut().retain(|(held, _)| held != name);
        }
        result
    }

    fn clear_route_cache(&self) -> Result<(), HostError> {
        self.call("clear_route_cache").1
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        let (done, result) = self.call("set_response_header");
        if done {
            replace(&self.response, name, value);
        }
        result
    }

    fn remove_response_header(&self, name: &str) -> Result<(), HostError> {
        let (done, result) = self.call("remove_response_header");
        if done {
            self.response.borrow_mut().retain(|(held, _)| held != name);
        }
        result
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.call("property").1.ok()?;
        match path {
            ["response", "code_details"] => self.details.clone(),
            ["response", "code"] => Some(200_i64.to_le_bytes().to_vec()),
            // Not eight bytes, as an integer would be.
            ["request", "duration"] => self.details.clone(),
            ["xds", "cluster_name"] => Some(b"outbound|80||orders".to_vec()),
            _ => None,
        }
    }

    fn set_filter_state(&self, key: &str, value: &str) -> Result<(), HostError> {
        let (done, result) = self.call("set_filter_state");
        if done {
            let field = (key.to_owned(), value.to_owned());
            self.filter_state.borrow_mut().push(field);
        }
        result
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        // What was tried counts: a reply that did not go out must say nothing wrong either.
        self.replies.borrow_mut().push(reply.clone());
        self.call("reply").1
    }

    fn log(&self, _: LogLevel, line: &str) {
        self.lines.borrow_mut().push(line.to_owned());
    }

    fn count(&self, verdict: Verdict) {
        self.counted.borrow_mut().push(verdict);
    }
}
