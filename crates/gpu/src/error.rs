//! What is wrong with a value that somebody else wrote.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Characters of a foreign value that a message quotes.
const QUOTED: usize = 48;

/// A value that does not follow its format: a lowercase sentence that says what was found and what belongs there.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(transparent)]
pub struct DecodeError(String);

/// What a decoder returns.
pub type Result<T, E = DecodeError> = std::result::Result<T, E>;

impl DecodeError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// A doubt that travels beside the facts: what it is about, and what could not be known for sure.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Note {
    /// An annotation key, a container or a device.
    pub subject: String,
    /// One sentence, lowercase.
    pub message: String,
}

impl Note {
    /// A note about `subject`, which is cut to a readable length.
    pub fn new(subject: &str, message: impl Into<String>) -> Self {
        Self { subject: short(subject, 128), message: message.into() }
    }
}

/// `value` in quotes, on one line and cut to a readable length: values are foreign and may be of any size.
pub(crate) fn quoted(value: &str) -> String {
    format!("{:?}", short(value, QUOTED))
}

fn short(value: &str, limit: usize) -> String {
    match value.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}
