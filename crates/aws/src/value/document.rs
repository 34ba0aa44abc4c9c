//! Values whose shape the model leaves open.

use aws_smithy_schema::serde::SerdeError;
use aws_smithy_types::{Document, Number};
use serde_json::Value;

use super::MAX_DEPTH;

/// Our JSON as the codecs' open value.
pub(super) fn from_json(value: &Value, depth: usize) -> Result<Document, SerdeError> {
    check(depth)?;
    Ok(match value {
        Value::Null => Document::Null,
        Value::Bool(truth) => Document::Bool(*truth),
        Value::Number(number) => Document::Number(from_number(number)),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => {
            Document::Array(items.iter().map(|item| from_json(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => Document::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), from_json(value, depth + 1)?)))
                .collect::<Result<_, SerdeError>>()?,
        ),
    })
}

/// The codecs' open value as our JSON.
pub(super) fn to_json(document: Document, depth: usize) -> Result<Value, SerdeError> {
    check(depth)?;
    Ok(match document {
        Document::Null => Value::Null,
        Document::Bool(truth) => Value::Bool(truth),
        Document::Number(number) => to_number(number),
        Document::String(text) => Value::String(text),
        Document::Array(items) => {
            Value::Array(items.into_iter().map(|item| to_json(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Document::Object(entries) => {
            // The codecs keep objects in a hash map; sorted keys make equal answers equal text.
            let mut entries: Vec<(String, Document)> = entries.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            let entries = entries.into_iter().map(|(key, value)| Ok((key, to_json(value, depth + 1)?)));
            Value::Object(entries.collect::<Result<_, SerdeError>>()?)
        }
    })
}

/// A float as JSON, the three values it lacks as text.
pub(super) fn float(value: f64) -> Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

fn from_number(number: &serde_json::Number) -> Number {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), _, _) => Number::PosInt(value),
        (None, Some(value), _) => Number::NegInt(value),
        (None, None, value) => Number::Float(value.unwrap_or(f64::NAN)),
    }
}

fn to_number(number: Number) -> Value {
    match number {
        Number::PosInt(value) => Value::from(value),
        Number::NegInt(value) => Value::from(value),
        Number::Float(value) => float(value),
    }
}

fn check(depth: usize) -> Result<(), SerdeError> {
    if depth > MAX_DEPTH { Err(SerdeError::invalid_input("nested too deeply")) } else { Ok(()) }
}
