//! Fields of a JSON object as Go reads them: key case does not matter, null is as good as absent, unknown keys are ignored.

use serde_json::{Map, Value};

use crate::error::{DecodeError, Result, quoted};

/// One object, with lookups that say what is wrong and where.
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The fields of `value`, which `what` names in messages.
    pub(crate) fn of(value: &'a Value, what: &str) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(DecodeError::new(format!("{what} must be a JSON object"))),
        }
    }

    /// The value of `key`; the last one where several differ in case only.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        let found = self.0.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Text, "" when absent.
    pub(crate) fn text(&self, key: &str) -> Result<String> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(DecodeError::new(format!("`{key}` must be text"))),
        }
    }

    /// A whole number that fits `N`, zero when absent.
    pub(crate) fn number<N: TryFrom<i64> + Default>(&self, key: &str) -> Result<N> {
        let Some(value) = self.get(key) else { return Ok(N::default()) };
        let number = value.as_i64().and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| {
            DecodeError::new(format!("`{key}` is {}, not a whole number in range", quoted(&value.to_string())))
        })
    }

    /// True or false, false when absent.
    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(DecodeError::new(format!("`{key}` must be true or false"))),
        }
    }

    /// The items of a list, none when absent.
    pub(crate) fn list(&self, key: &str) -> Result<&'a [Value]> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(DecodeError::new(format!("`{key}` must be a list"))),
        }
    }
}

/// The items of a JSON array in text, with `what` named in messages.
pub(crate) fn array(text: &str, what: &str) -> Result<Vec<Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(_) => Err(DecodeError::new(format!("{what} must be a JSON array"))),
        Err(error) => Err(DecodeError::new(format!("{what} is not JSON: {error}"))),
    }
}
