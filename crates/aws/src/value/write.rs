//! A JSON value, member by member, into a codec's serializer.

use aws_smithy_schema::{
    Schema,
    serde::{SerdeError, SerializableStruct, ShapeSerializer},
};
use aws_smithy_types::{Blob, base64};
use serde_json::Value;

use super::{MAX_DEPTH, document, time};
use crate::{
    catalogue::model::{Kind, MemberFlags, ShapeId},
    schema::Schemas,
};

/// A structure about to be sent.
pub(crate) struct Input<'v> {
    schemas: &'v Schemas,
    /// `None` for operations without an input.
    shape: Option<ShapeId>,
    schema: &'v Schema<'static>,
    /// In place of its member's schema, for the structure that is the whole body.
    payload: Option<&'v Schema<'static>>,
    value: &'v Value,
    depth: usize,
}

impl<'v> Input<'v> {
    /// A whole message.
    pub(crate) fn new(
        schemas: &'v Schemas,
        shape: Option<ShapeId>,
        schema: &'v Schema<'static>,
        payload: Option<&'v Schema<'static>>,
        value: &'v Value,
    ) -> Self {
        Self { schemas, shape, schema, payload, value, depth: 0 }
    }
}

impl SerializableStruct for Input<'_> {
    fn schema(&self) -> &Schema<'_> {
        self.schema
    }

    fn serialize_members(&self, serializer: &mut dyn ShapeSerializer) -> Result<(), SerdeError> {
        let Some(structure) = self.shape.and_then(|id| self.schemas.service().structure(id)) else { return Ok(()) };
        let Some(given) = self.value.as_object() else { return Err(mismatch("an object", self.value)) };
        for (member, &schema) in structure.members.iter().zip(self.schema.members()) {
            let schema = self.payload.filter(|_| schema.http_payload().is_some()).unwrap_or(schema);
            match given.get(member.name) {
                None | Some(Value::Null) => {}
                Some(value) if member.is(MemberFlags::JSON_VALUE) => {
                    serializer.write_string(schema, &as_text(value))?;
                }
                Some(value) => write(self.schemas, serializer, schema, member.shape, value, self.depth + 1)
                    .map_err(|error| within(member.name, &error))?,
            }
        }
        Ok(())
    }
}

fn write(
    schemas: &Schemas,
    to: &mut dyn ShapeSerializer,
    schema: &Schema<'_>,
    id: ShapeId,
    value: &Value,
    depth: usize,
) -> Result<(), SerdeError> {
    if depth > MAX_DEPTH {
        return Err(SerdeError::invalid_input("nested too deeply"));
    }
    match &schemas.service().shape(id).kind {
        Kind::Boolean => to.write_boolean(schema, value.as_bool().ok_or_else(|| mismatch("true or false", value))?),
        Kind::Integer(_) => {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            to.write_integer(schema, number.ok_or_else(|| mismatch("a 32-bit integer", value))?)
        }
        Kind::Long(_) => to.write_long(schema, value.as_i64().ok_or_else(|| mismatch("an integer", value))?),
        // A 32-bit float written as such would say 0.1 as 0.1 but 16777217 as 16777216; the longer form is exact in
        // every text protocol, and readers of the binary one accept both widths.
        Kind::Float(_) | Kind::Double(_) => {
            to.write_double(schema, float(value).ok_or_else(|| mismatch("a number", value))?)
        }
        Kind::String(..) => to.write_string(schema, value.as_str().ok_or_else(|| mismatch("a string", value))?),
        Kind::Blob { .. } => to.write_blob(schema, Blob::new(bytes(value)?)),
        Kind::Timestamp(_) => {
            to.write_timestamp(schema, &time::parse(value).ok_or_else(|| mismatch("a time (RFC 3339)", value))?)
        }
        Kind::Document => to.write_document(schema, &document::from_json(value, depth)?),
        Kind::Structure(_) => {
            let target = schemas.target(id);
            to.write_struct(schema, &Input { schemas, shape: Some(id), schema: target, payload: None, value, depth })
        }
        Kind::List { item, .. } => {
            let items = value.as_array().ok_or_else(|| mismatch("a list", value))?;
            let target = schemas.target(item.shape);
            to.write_list_with_length(schema, items.len(), &|to| {
                items.iter().try_for_each(|value| {
                    write_item(schemas, to, target, item.shape, item.json_value, value, depth + 1)
                })
            })
        }
        Kind::Map { key, value: item, .. } => {
            let entries = value.as_object().ok_or_else(|| mismatch("an object", value))?;
            let (key_schema, target) = (schemas.target(key.shape), schemas.target(item.shape));
            to.write_map_with_length(schema, entries.len(), &|to| {
                entries.iter().try_for_each(|(name, value)| {
                    to.write_string(key_schema, name)?;
                    write_item(schemas, to, target, item.shape, item.json_value, value, depth + 1)
                })
            })
        }
    }
}

fn write_item(
    schemas: &Schemas,
    to: &mut dyn ShapeSerializer,
    schema: &Schema<'_>,
    id: ShapeId,
    json_value: bool,
    value: &Value,
    depth: usize,
) -> Result<(), SerdeError> {
    match value {
        Value::Null => to.write_null(schema),
        value if json_value => to.write_string(schema, &as_text(value)),
        value => write(schemas, to, schema, id, value, depth),
    }
}

/// JSON that travels inside of a string: text is taken to be that JSON already.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        value => value.as_f64(),
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, SerdeError> {
    let text = value.as_str().ok_or_else(|| mismatch("bytes as base64 text", value))?;
    base64::decode(text).map_err(|_| SerdeError::invalid_input("expected bytes as base64 text"))
}

fn within(member: &str, error: &SerdeError) -> SerdeError {
    SerdeError::invalid_input(format!("{member}: {error}"))
}

fn mismatch(wanted: &str, value: &Value) -> SerdeError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    SerdeError::type_mismatch(format!("expected {wanted}, found {found}"))
}
