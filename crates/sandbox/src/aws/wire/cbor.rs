//! CBOR bodies, as services write and read them.

use aws_smithy_cbor::{Decoder, Encoder, data::Type};
use aws_smithy_types::{Blob, base64};
use serde_json::{Map, Number, Value};
use trainyard_aws::catalogue::model::{Kind, Location, Service, ShapeId};

use super::{Refusal, scalar};

/// Deepest nesting of a body.
const DEPTH: usize = 100;

/// A body as JSON: bytes as base64, times as seconds since 1970.
pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    value(&mut Decoder::new(body), 0).map_err(|why| format!("the body is no CBOR: {why}"))
}

fn value(from: &mut Decoder<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEPTH {
        return Err("nested too deeply".to_owned());
    }
    let text = |error: aws_smithy_cbor::decode::DeserializeError| error.to_string();
    Ok(match from.datatype().map_err(text)? {
        Type::Bool => Value::from(from.boolean().map_err(text)?),
        Type::Null | Type::Undefined => from.null().map(|()| Value::Null).map_err(text)?,
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            Value::from(from.long().map_err(text)?)
        }
        Type::F16 | Type::F32 => float(from.float().map_err(text)?.into()),
        Type::F64 => float(from.double().map_err(text)?),
        Type::String | Type::StringIndef => Value::from(from.string().map_err(text)?),
        Type::Bytes | Type::BytesIndef => Value::from(base64::encode(from.blob().map_err(text)?)),
        Type::Tag => float(from.timestamp().map_err(text)?.as_secs_f64()),
        Type::Array | Type::ArrayIndef => {
            let length = from.list().map_err(text)?;
            let mut items = Vec::new();
            while more(from, length, items.len())? {
                items.push(value(from, depth + 1)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let (length, mut entries, mut count) = (from.map().map_err(text)?, Map::new(), 0);
            while more(from, length, count)? {
                let name = from.string().map_err(text)?;
                entries.insert(name, value(from, depth + 1)?);
                count += 1;
            }
            Value::Object(entries)
        }
        other => return Err(format!("{other:?} is not used")),
    })
}

/// Whether a list or map goes on; its end is passed.
fn more(from: &mut Decoder<'_>, length: Option<u64>, seen: usize) -> Result<bool, String> {
    match length {
        Some(length) => Ok(u64::try_from(seen).is_ok_and(|seen| seen < length)),
        None if from.datatype().map_err(|error| error.to_string())? == Type::Break => {
            from.skip().map_err(|error| error.to_string())?;
            Ok(false)
        }
        None => Ok(true),
    }
}

fn float(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::from("NaN"),
        None if number > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

/// A value of a shape as a body.
pub(super) fn write(service: &Service<'_>, id: ShapeId, value: &Value) -> Result<Vec<u8>, String> {
    let mut to = Encoder::new(Vec::new());
    put(service, id, value, &mut to)?;
    Ok(to.into_writer())
}

fn put(service: &Service<'_>, id: ShapeId, value: &Value, to: &mut Encoder) -> Result<(), String> {
    match (&service.shape(id).kind, value) {
        (_, Value::Null) => drop(to.null()),
        (Kind::Structure(structure), Value::Object(given)) => {
            to.begin_map();
            for member in structure.members.iter().filter(|member| member.location == Location::Body) {
                if let Some(value) = given.get(member.name).filter(|value| !value.is_null()) {
                    to.str(member.wire_name.unwrap_or(member.name));
                    put(service, member.shape, value, to)?;
                }
            }
            to.end();
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            to.array(items.len());
            items.iter().try_for_each(|value| put(service, item.shape, value, to))?;
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            to.map(entries.len());
            for (name, value) in entries {
                to.str(name);
                put(service, item.shape, value, to)?;
            }
        }
        (kind, value) => put_scalar(kind, value, to)?,
    }
    Ok(())
}

fn put_scalar(kind: &Kind<'_>, value: &Value, to: &mut Encoder) -> Result<(), String> {
    match (kind, value) {
        (Kind::Timestamp(_), value) => {
            to.timestamp(&scalar::time(value).ok_or_else(|| format!("{value} is no time"))?);
        }
        (Kind::Blob { .. }, Value::String(text)) => {
            to.blob(&Blob::new(base64::decode(text).map_err(|error| error.to_string())?));
        }
        (Kind::Float(_) | Kind::Double(_), value) => {
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            to.double(number.ok_or_else(|| format!("{value} is no number"))?);
        }
        (_, Value::Bool(truth)) => drop(to.boolean(*truth)),
        (_, Value::Number(number)) => drop(to.long(number.as_i64().ok_or_else(|| format!("{number} is not whole"))?)),
        (_, Value::String(text)) => drop(to.str(text)),
        (_, value) => return Err(format!("{value} has no place here")),
    }
    Ok(())
}

/// A refusal.
pub(super) fn refusal(refusal: &Refusal) -> Vec<u8> {
    let mut to = Encoder::new(Vec::new());
    to.begin_map();
    to.str("__type").str(&refusal.code);
    to.str("message").str(&refusal.message);
    // Members of modelled errors are texts here; others would need the shape, which an unknown code has not.
    for (name, value) in refusal.detail.iter() {
        if let Some(text) = value.as_str() {
            to.str(name).str(text);
        }
    }
    to.end();
    to.into_writer()
}
