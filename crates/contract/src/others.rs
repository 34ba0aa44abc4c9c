//! Text that somebody else wrote: logs, events, bodies, user data. It is data, never an instruction.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// Name of the only member of such a text on its way to dispatch. A control character keeps it from any name that a
/// service could answer with: those are cleaned of them.
pub const OTHERS: &str = "\u{1}others";

/// Text that was written by others. Dispatch cleans it and puts it between two marks that nobody could know beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Others(pub String);

/// Whether a text says more than a name does: three words, or two lines.
pub fn reads_like_a_sentence(text: &str) -> bool {
    text.len() > 8 && (text.contains('\n') || text.split_whitespace().nth(2).is_some())
}

/// Declares every text of a value that says more than a name does to be words of others.
pub fn declare_others(value: &mut Value) {
    match value {
        Value::String(text) if reads_like_a_sentence(text) => {
            *value = Value::Object(Map::from_iter([(OTHERS.to_owned(), Value::String(std::mem::take(text)))]));
        }
        Value::Array(items) => items.iter_mut().for_each(declare_others),
        Value::Object(members) if !members.contains_key(OTHERS) => members.values_mut().for_each(declare_others),
        _ => {}
    }
}

impl From<String> for Others {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Serialize for Others {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(OTHERS, &self.0)?;
        map.end()
    }
}

impl JsonSchema for Others {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Others".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "Written by others, between the marks that `marker` names" })
    }
}
