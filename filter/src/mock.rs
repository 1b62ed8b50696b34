//! A proxy for native tests: it holds one request, writes down what is asked of it, and
//! fails where it is told to.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::host::{Host, HostError, LogLevel};
use crate::{Reply, Verdict};

#[derive(Default)]
pub(crate) struct MockHost {
    pub(crate) now: i64,
    pub(crate) request: RefCell<Vec<(String, Vec<u8>)>>,
    pub(crate) response: RefCell<Vec<(String, Vec<u8>)>>,
    pub(crate) properties: HashMap<String, Vec<u8>>,
    pub(crate) calls: RefCell<Vec<String>>,
    pub(crate) filter_state: RefCell<HashMap<String, String>>,
    pub(crate) replies: RefCell<Vec<Reply>>,
    pub(crate) lines: RefCell<Vec<(LogLevel, String)>>,
    pub(crate) counted: RefCell<Vec<Verdict>>,
    /// The hostcall that fails, by the name of its method.
    pub(crate) failing: Option<&'static str>,
}

impl MockHost {
    pub(crate) fn at(now: i64) -> MockHost {
        MockHost {
            now,
            ..MockHost::default()
        }
    }

    pub(crate) fn with_header(self, name: &str, value: impl AsRef<[u8]>) -> MockHost {
        let header = (name.to_owned(), value.as_ref().to_vec());
        self.request.borrow_mut().push(header);
        self
    }

    pub(crate) fn with_response_header(self, name: &str, value: &str) -> MockHost {
        let header = (name.to_owned(), value.as_bytes().to_vec());
        self.response.borrow_mut().push(header);
        self
    }

    pub(crate) fn with_property(mut self, path: &str, value: impl AsRef<[u8]>) -> MockHost {
        self.properties
            .insert(path.to_owned(), value.as_ref().to_vec());
        self
    }

    pub(crate) fn failing_at(mut self, call: &'static str) -> MockHost {
        self.failing = Some(call);
        self
    }

    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        of(&self.request.borrow(), name)
    }

    pub(crate) fn response_values(&self, name: &str) -> Vec<String> {
        of(&self.response.borrow(), name)
    }

    fn call(&self, name: &'static str) -> Result<(), HostError> {
        self.calls.borrow_mut().push(name.to_owned());
        if self.failing == Some(name) {
            Err(HostError)
        } else {
            Ok(())
        }
    }
}

fn of(headers: &[(String, Vec<u8>)], name: &str) -> Vec<String> {
    headers
        .iter()
        .filter(|(held, _)| held == name)
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

fn replace(headers: &mut Vec<(String, Vec<u8>)>, name: &str, value: &[u8]) {
    headers.retain(|(held, _)| held != name);
    headers.push((name.to_owned(), value.to_vec()));
}

impl Host for MockHost {
    fn now(&self) -> Result<i64, HostError> {
        self.call("now").map(|()| self.now)
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call("request_header")?;
        let request = self.request.borrow();
        let found = request.iter().find(|(held, _)| held == name);
        Ok(found.map(|(_, value)| value.clone()))
    }

    fn request_headers(&self) -> Result<Vec<(String, Vec<u8>)>, HostError> {
        self.call("request_headers")
            .map(|()| self.request.borrow().clone())
    }

    fn set_request_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.call("set_request_header")?;
        replace(&mut self.request.borrow_mut(), name, value);
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), HostError> {
        self.call("remove_request_header")?;
        self.request.borrow_mut().retain(|(held, _)| held != name);
        Ok(())
    }

    fn clear_route_cache(&self) -> Result<(), HostError> {
        self.call("clear_route_cache")
    }

    fn set_response_header(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.call("set_response_header")?;
        replace(&mut self.response.borrow_mut(), name, value);
        Ok(())
    }

    fn remove_response_header(&self, name: &str) -> Result<(), HostError> {
        self.call("remove_response_header")?;
        self.response.borrow_mut().retain(|(held, _)| held != name);
        Ok(())
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.call("property").ok()?;
        self.properties.get(&path.join(".")).cloned()
    }

    fn set_filter_state(&self, key: &str, value: &str) -> Result<(), HostError> {
        self.call("set_filter_state")?;
        self.filter_state
            .borrow_mut()
            .insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn reply(&self, reply: &Reply) -> Result<(), HostError> {
        self.call("reply")?;
        self.replies.borrow_mut().push(reply.clone());
        Ok(())
    }

    fn log(&self, level: LogLevel, line: &str) {
        self.lines.borrow_mut().push((level, line.to_owned()));
    }

    fn count(&self, verdict: Verdict) {
        self.counted.borrow_mut().push(verdict);
    }
}
