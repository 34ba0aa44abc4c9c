//! A codec's deserializer, member by member, into a JSON value.

use aws_smithy_schema::{
    Schema,
    serde::{SerdeError, ShapeDeserializer},
};
use aws_smithy_types::base64;
use serde_json::{Map, Value};

use super::{MAX_DEPTH, document, time};
use crate::{
    catalogue::model::{Kind, Location, Member, MemberFlags, Protocol, ShapeId},
    schema::Schemas,
};

/// Reads a structure; members that the catalogue does not know are passed over.
pub(crate) fn read_structure(
    schemas: &Schemas,
    from: &mut dyn ShapeDeserializer,
    schema: &Schema<'_>,
    id: ShapeId,
) -> Result<Value, SerdeError> {
    let text = matches!(schemas.service().protocol, Protocol::RestXml | Protocol::Query | Protocol::Ec2);
    Reader { schemas, text }.structure(from, schema, id, 0)
}

struct Reader<'s> {
    schemas: &'s Schemas,
    /// Values arrive as bare text (XML), which services write more loosely than the specification says.
    text: bool,
}

impl Reader<'_> {
    fn structure(
        &self,
        from: &mut dyn ShapeDeserializer,
        schema: &Schema<'_>,
        id: ShapeId,
        depth: usize,
    ) -> Result<Value, SerdeError> {
        let Some(structure) = self.schemas.service().structure(id) else {
            return Err(SerdeError::invalid_input("not a structure"));
        };
        let mut members = Map::new();
        from.read_struct(schema, &mut |found, from| {
            let Some(member) = found.member_index().and_then(|index| structure.members.get(index)) else {
                return from.skip_value();
            };
            if from.is_null() {
                return from.read_null();
            }
            let value = self.member(from, found, member, depth + 1)?;
            members.insert(member.name.to_owned(), value);
            Ok(())
        })?;
        Ok(Value::Object(members))
    }

    fn member(
        &self,
        from: &mut dyn ShapeDeserializer,
        schema: &Schema<'_>,
        member: &Member<'_>,
        depth: usize,
    ) -> Result<Value, SerdeError> {
        // Bindings to headers and the status mean something on the message itself only.
        match member.location {
            Location::Status if depth == 1 => from.read_integer(schema).map(Value::from),
            Location::Header if depth == 1 => self.header(from, schema, member, depth),
            _ => self.value(from, schema, member.shape, self.text, depth),
        }
    }

    fn header(
        &self,
        from: &mut dyn ShapeDeserializer,
        schema: &Schema<'_>,
        member: &Member<'_>,
        depth: usize,
    ) -> Result<Value, SerdeError> {
        if member.is(MemberFlags::JSON_VALUE) {
            let text = from.read_string(schema)?;
            return Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        match self.value(from, schema, member.shape, false, depth) {
            // `Expires` of an S3 object is whatever somebody once put there.
            Err(_) if matches!(self.schemas.service().shape(member.shape).kind, Kind::Timestamp(_)) => {
                from.read_string(schema).map(Value::from)
            }
            result => result,
        }
    }

    fn value(
        &self,
        from: &mut dyn ShapeDeserializer,
        schema: &Schema<'_>,
        id: ShapeId,
        text: bool,
        depth: usize,
    ) -> Result<Value, SerdeError> {
        if depth > MAX_DEPTH {
            return Err(SerdeError::invalid_input("nested too deeply"));
        }
        let kind = &self.schemas.service().shape(id).kind;
        match kind {
            Kind::Structure(_) => self.structure(from, self.schemas.target(id), id, depth),
            Kind::List { item, sparse, .. } => {
                let target = self.schemas.target(item.shape);
                let mut items = Vec::new();
                from.read_list(schema, &mut |from| {
                    if from.is_null() {
                        if *sparse {
                            items.push(Value::Null);
                        }
                        return from.read_null();
                    }
                    items.push(self.value(from, target, item.shape, text, depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::Array(items))
            }
            Kind::Map { value: item, sparse, .. } => {
                let target = self.schemas.target(item.shape);
                let mut entries = Map::new();
                from.read_map(schema, &mut |key, from| {
                    if from.is_null() {
                        if *sparse {
                            entries.insert(key, Value::Null);
                        }
                        return from.read_null();
                    }
                    let value = self.value(from, target, item.shape, text, depth + 1)?;
                    entries.insert(key, value);
                    Ok(())
                })?;
                Ok(Value::Object(entries))
            }
            Kind::String(..) => from.read_string(schema).map(Value::from),
            Kind::Blob { .. } => from.read_blob(schema).map(|bytes| Value::from(base64::encode(bytes.as_ref()))),
            Kind::Document => document::to_json(from.read_document(schema)?, depth),
            kind if text => from.read_string(schema).map(|text| from_text(kind, text)),
            Kind::Boolean => from.read_boolean(schema).map(Value::from),
            // Services do answer with more than 32 bits where the model says "integer".
            Kind::Integer(_) | Kind::Long(_) => from.read_long(schema).map(Value::from),
            Kind::Float(_) | Kind::Double(_) => from.read_double(schema).map(document::float),
            Kind::Timestamp(_) => from.read_timestamp(schema).map(|time| time::to_json(&time)),
        }
    }
}

/// A scalar from the text of an XML element. An empty element is no value; text that does not parse is kept as it is,
/// since half an answer serves the caller better than none.
pub(super) fn from_text(kind: &Kind<'_>, text: String) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let value = match kind {
        Kind::Boolean => match text.as_str() {
            "true" | "True" | "TRUE" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Integer(_) | Kind::Long(_) => text.parse::<i64>().ok().map(Value::from),
        Kind::Float(_) | Kind::Double(_) => match text.as_str() {
            "Infinity" | "-Infinity" | "NaN" => None,
            text => text.parse::<f64>().ok().map(document::float),
        },
        Kind::Timestamp(_) => time::parse_text(&text).map(|time| time::to_json(&time)),
        _ => None,
    };
    value.unwrap_or(Value::String(text))
}
