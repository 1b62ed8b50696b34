//! The members of one JSON object, taken one by one; what is left over is refused.

use std::borrow::Cow;
use std::fmt;

use drill_context::json::{Object, Value};

use super::ConfigError;

/// An object of the configuration, and where it stands in it.
pub(super) struct Members<'a> {
    path: String,
    members: Object<'a>,
}

impl<'a> Members<'a> {
    pub(super) fn new(path: String, members: Object<'a>) -> Members<'a> {
        Members { path, members }
    }

    /// An error that names a member of this object.
    pub(super) fn wrong(&self, name: &str, problem: impl fmt::Display) -> ConfigError {
        ConfigError::new(self.path_of(name), problem)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.members.take(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.into_owned())),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, ConfigError> {
        let text = self.text(name)?;
        text.ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let text = |value| match value {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        };
        let texts = match self.members.take(name) {
            None => return Ok(None),
            Some(Value::Array(values)) => values.into_iter().map(text).collect(),
            Some(_) => None,
        };
        match texts {
            Some(texts) => Ok(Some(texts)),
            None => Err(self.wrong(name, "must be an array of strings")),
        }
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ConfigError> {
        match self.members.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A whole number. A control plane may carry it as a double and write `7.0` or `1.79e9`:
    /// that is the same number.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, ConfigError> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let whole = match self.members.take(name) {
            None => return Ok(None),
            Some(Value::Integer(whole)) => Some(whole),
            Some(Value::Float(double)) if double.fract() == 0.0 && double.abs() < EXACT => {
                Some(double as i64)
            }
            Some(_) => None,
        };
        match whole {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.wrong(name, "must be a whole number")),
        }
    }

    /// An object; an absent one is an empty one.
    pub(super) fn object(&mut self, name: &str) -> Result<Members<'a>, ConfigError> {
        let path = self.path_of(name);
        match self.members.take(name) {
            None => Ok(Members::new(path, Object::default())),
            Some(Value::Object(members)) => Ok(Members::new(path, members)),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    pub(super) fn required_object(&mut self, name: &str) -> Result<Members<'a>, ConfigError> {
        if !self.members.contains(name) {
            return Err(self.wrong(name, "is missing"));
        }
        self.object(name)
    }

    /// Every member as an object, with its name: for a map whose names are data.
    pub(super) fn into_entries(
        self,
    ) -> impl Iterator<Item = Result<(Cow<'a, str>, Members<'a>), ConfigError>> {
        self.each("must be an object", |value| match value {
            Value::Object(members) => Some(members),
            _ => None,
        })
    }

    /// The same where each object is the one element of an array, which server-side apply takes for
    /// a single value.
    pub(super) fn into_whole_entries(
        self,
    ) -> impl Iterator<Item = Result<(Cow<'a, str>, Members<'a>), ConfigError>> {
        self.each("must be an array of one object", |value| {
            let Value::Array(elements) = value else {
                return None;
            };
            match <[Value; 1]>::try_from(elements) {
                Ok([Value::Object(members)]) => Some(members),
                _ => None,
            }
        })
    }

    fn each(
        self,
        form: &'static str,
        object: impl Fn(Value<'a>) -> Option<Object<'a>>,
    ) -> impl Iterator<Item = Result<(Cow<'a, str>, Members<'a>), ConfigError>> {
        let Members { path, members } = self;
        members.into_iter().map(move |(name, value)| {
            let path = join(&path, &name);
            match object(value) {
                Some(members) => Ok((name, Members::new(path, members))),
                None => Err(ConfigError::new(path, form)),
            }
        })
    }

    /// An error that names this object itself.
    pub(super) fn wrong_here(&self, problem: impl fmt::Display) -> ConfigError {
        ConfigError::new(self.path.clone(), problem)
    }

    /// # Errors
    /// A member that nobody took.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        match self.members.any_name() {
            None => Ok(()),
            Some(name) => Err(self.wrong(name, "is not a known member")),
        }
    }

    fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

/// Member names are shown, in a form that cannot break a log line.
fn join(path: &str, name: &str) -> String {
    let name = name.escape_default();
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}.{name}")
    }
}
