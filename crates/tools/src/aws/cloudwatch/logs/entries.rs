//! What a query found: each entry with its fields, messages that are JSON as such.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_contract::Others;

use super::Field;

/// Longest text of an entry that can be a name or number, and needs no marks.
const NAME: usize = 64;

/// One entry: `timestamp`, `message`, and any other field under its own name.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Entry(Map<String, Value>);

impl JsonSchema for Entry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LogEntry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "timestamp, message and other fields, written by others" })
    }
}

/// What a search read and found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(super) struct Statistics {
    records_matched: Option<f64>,
    records_scanned: Option<f64>,
    bytes_scanned: Option<f64>,
}

impl From<Vec<Field>> for Entry {
    fn from(row: Vec<Field>) -> Self {
        let mut entry = Map::new();
        for Field { field, value } in row {
            let (Some(name), Some(value)) = (field, value) else { continue };
            match name.as_str() {
                // A pointer for other calls of the API, longer than most messages.
                "@ptr" => {}
                "@timestamp" => drop(entry.insert("timestamp".to_owned(), value.into())),
                "@message" => drop(entry.insert("message".to_owned(), message(&value))),
                _ => drop(entry.insert(name, written(&value))),
            }
        }
        Self(entry)
    }
}

/// A message in one line, or the object that it is.
fn message(text: &str) -> Value {
    let line = text.replace(['\n', '\r'], " ");
    let line = line.trim();
    match object(line) {
        Some(mut members) => {
            for member in members.values_mut() {
                if let Some(inner) = member.as_str().and_then(object) {
                    *member = inner.into();
                }
            }
            marked(Value::Object(members))
        }
        None => json!(Others(line.to_owned())),
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    let braced = text.starts_with('{') && text.ends_with('}');
    braced.then(|| serde_json::from_str(text).ok())?
}

/// Texts that somebody could have written something into become marked ones.
fn marked(value: Value) -> Value {
    match value {
        Value::String(text) => written(&text),
        Value::Array(items) => items.into_iter().map(marked).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, marked(member))).collect(),
        other => other,
    }
}

/// Short texts without a space are names and numbers: no sentence stands in them.
fn written(text: &str) -> Value {
    if text.len() <= NAME && !text.contains(char::is_whitespace) { text.into() } else { json!(Others(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str) -> Value {
        let field = |field: &str, value: &str| Field { field: Some(field.into()), value: Some(value.into()) };
        let row = vec![
            field("@timestamp", "2026-11-20 10:00:00.000"),
            field("@message", message),
            field("@ptr", "CmEK"),
            field("stream", "stdout"),
        ];
        json!(Entry::from(row))
    }

    #[test]
    fn a_message_is_one_line_of_others() {
        let others = json!(Others("two lines".to_owned()));
        assert_eq!(
            entry("two\nlines\n"),
            json!({ "timestamp": "2026-11-20 10:00:00.000", "message": others, "stream": "stdout" })
        );
    }

    #[test]
    fn a_message_that_is_json_is_read_two_levels_deep() {
        let text = r#"{"log": "{\"level\": \"error\", \"msg\": \"out of memory\"}", "pod": "trainer-0", "code": 137}"#;
        let said = json!(Others("out of memory".to_owned()));
        assert_eq!(
            entry(text)["message"],
            json!({ "log": { "level": "error", "msg": said }, "pod": "trainer-0", "code": 137 })
        );
        assert_eq!(entry("{broken}")["message"], json!(Others("{broken}".to_owned())));
    }
}
