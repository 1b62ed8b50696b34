//! Who is asked, and what is kept of it.

use super::super::edge::{Edge, word};
use super::super::mask::Mask;
use super::super::outcome::Tried;
use super::wire;
use crate::proxy::Answered;

/// The way to one host of the drill's.
pub(super) struct Line<'a> {
    edge: &'a Edge,
    host: Option<&'a str>,
    /// What nobody is shown.
    pub(super) mask: Mask,
    /// What was seen, by name; of what has the same name, the last.
    seen: Vec<(&'static str, String)>,
}

impl<'a> Line<'a> {
    /// To `host`, or to the drill's first one.
    pub(super) fn new(edge: &'a Edge, host: Option<&'a str>) -> Line<'a> {
        Line {
            edge,
            host,
            mask: Mask::default(),
            seen: Vec::new(),
        }
    }

    /// Calls `path` with these messages. Only what the sandbox answers is an answer.
    ///
    /// # Errors
    /// In words: why there is none.
    pub(super) async fn call(
        &mut self,
        path: &str,
        messages: &[Vec<u8>],
    ) -> Result<Answered, String> {
        let request = wire::request(path, messages)?;
        let answered = self.edge.ask(self.host, request).await?;
        self.mask.hide_header(&answered.context);
        let (status, verdict) = (answered.head.status, &answered.verdict);
        self.saw("status", status.as_str());
        self.saw("verdict", word(verdict));
        self.saw("milliseconds", &answered.took.as_millis().to_string());
        match self.edge.stranger(verdict, status) {
            Some(stranger) => Err(stranger),
            None => Ok(answered),
        }
    }

    /// Keeps `what` to be shown.
    pub(super) fn saw(&mut self, name: &'static str, what: &str) {
        self.seen.push((name, what.to_owned()));
    }

    /// What it has come to, without the secrets, all of which are known only now.
    pub(super) fn tried(self, told: Result<String, String>) -> Tried {
        let mask = self.mask;
        let tried = match told {
            Ok(message) => Tried::passed(message),
            Err(why) => Tried::failed(mask.apply(&why)),
        };
        let seen = self.seen.iter();
        seen.fold(tried, |tried, (name, what)| {
            tried.and_saw(name, &mask.apply(what))
        })
    }
}
