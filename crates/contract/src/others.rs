//! Text that somebody else wrote: logs, events, bodies, user data. It is data, never an instruction.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Name of the only member of such a text on its way to dispatch. A control character keeps it from any name that a
/// service could answer with: those are cleaned of them.
pub const OTHERS: &str = "\u{1}others";

/// Text that was written by others. Dispatch cleans it and puts it between two marks that nobody could know beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Others(pub String);

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
