//! The members of one JSON object, taken one by one; what is left over is refused.

use std::fmt;

use serde_json::{Map, Value};

use super::ConfigError;

/// An object of the configuration, and where it stands in it.
pub(super) struct Members {
    path: String,
    members: Map<String, Value>,
}

impl Members {
    pub(super) fn new(path: String, members: Map<String, Value>) -> Members {
        Members { path, members }
    }

    /// An error that names a member of this object.
    pub(super) fn wrong(&self, name: &str, problem: impl fmt::Display) -> ConfigError {
        ConfigError::new(self.path_of(name), problem)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, ConfigError> {
        let text = self.text(name)?;
        text.ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        let texts = match self.members.remove(name) {
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
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A whole number. A control plane may carry it as a double and write `7.0` or `1.79e9`:
    /// that is the same number.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, ConfigError> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let Some(value) = self.members.remove(name) else {
            return Ok(None);
        };
        let whole = match (value.as_i64(), value.as_f64()) {
            (Some(whole), _) => Some(whole),
            (None, Some(double)) if double.fract() == 0.0 && double.abs() < EXACT => {
                Some(double as i64)
            }
            _ => None,
        };
        match whole {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.wrong(name, "must be a whole number")),
        }
    }

    /// An object; an absent one is an empty one.
    pub(super) fn object(&mut self, name: &str) -> Result<Members, ConfigError> {
        let path = self.path_of(name);
        match self.members.remove(name) {
            None => Ok(Members::new(path, Map::new())),
            Some(Value::Object(members)) => Ok(Members::new(path, members)),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    pub(super) fn required_object(&mut self, name: &str) -> Result<Members, ConfigError> {
        if !self.members.contains_key(name) {
            return Err(self.wrong(name, "is missing"));
        }
        self.object(name)
    }

    /// Every member as an object, with its name: for a map whose names are data.
    pub(super) fn into_entries(
        self,
    ) -> impl Iterator<Item = Result<(String, Members), ConfigError>> {
        let Members { path, members } = self;
        members.into_iter().map(move |(name, value)| {
            let path = join(&path, &name);
            match value {
                Value::Object(members) => Ok((name, Members::new(path, members))),
                _ => Err(ConfigError::new(path, "must be an object")),
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
        match self.members.keys().next() {
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
