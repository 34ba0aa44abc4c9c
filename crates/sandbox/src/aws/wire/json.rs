//! JSON bodies, as services write and read them.

use serde_json::{Map, Value};
use trainyard_aws::catalogue::model::{
    Element, Kind, Location, Member, MemberFlags, Service, ShapeId, Structure, TimestampFormat,
};

use super::scalar;

/// A body as JSON; an empty one is an empty object.
pub(super) fn parse(body: &str) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_str(body).map_err(|error| format!("the body is no JSON: {error}"))
}

/// The value of a shape that a body holds.
pub(super) fn read(service: &Service<'_>, id: ShapeId, value: &Value) -> Result<Value, String> {
    walk(service, id, value, Direction::In)
}

/// A value of a shape as a body.
pub(super) fn write(service: &Service<'_>, id: ShapeId, value: &Value) -> Result<Value, String> {
    walk(service, id, value, Direction::Out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

fn walk(service: &Service<'_>, id: ShapeId, value: &Value, way: Direction) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match (&service.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => structure_members(service, structure, members, way),
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| element(service, item, value, way)).collect()
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => entries
            .iter()
            .map(|(key, value)| Ok((key.clone(), element(service, item, value, way)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object),
        (Kind::Timestamp(_), value) => time(service, None, id, value, way),
        (_, value) => Ok(value.clone()),
    }
}

fn element(service: &Service<'_>, element: &Element<'_>, value: &Value, way: Direction) -> Result<Value, String> {
    if element.json_value { inner_json(value, way) } else { walk(service, element.shape, value, way) }
}

fn structure_members(
    service: &Service<'_>,
    structure: &Structure<'_>,
    given: &Map<String, Value>,
    way: Direction,
) -> Result<Value, String> {
    let mut members = Map::new();
    for (name, value) in given {
        let is_named = |member: &&Member<'_>| match way {
            Direction::In => member.wire_name.unwrap_or(member.name) == name,
            Direction::Out => member.name == name,
        };
        let body = structure.members.iter().filter(|member| member.location == Location::Body);
        let Some(member) = body.clone().find(is_named) else {
            // What travels elsewhere was written there.
            if way == Direction::Out {
                continue;
            }
            return Err(format!("unknown: {name}"));
        };
        let value = match &service.shape(member.shape).kind {
            _ if member.is(MemberFlags::JSON_VALUE) => inner_json(value, way)?,
            Kind::Timestamp(_) => time(service, Some(member), member.shape, value, way)?,
            _ => walk(service, member.shape, value, way).map_err(|why| format!("{name}: {why}"))?,
        };
        let name = if way == Direction::In { member.name } else { member.wire_name.unwrap_or(member.name) };
        members.insert(name.to_owned(), value);
    }
    Ok(Value::Object(members))
}

fn time(
    service: &Service<'_>,
    member: Option<&Member<'_>>,
    id: ShapeId,
    value: &Value,
    way: Direction,
) -> Result<Value, String> {
    if way == Direction::In {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return scalar::from_time(&text).map(Value::from).ok_or_else(|| format!("{value} is no time"));
    }
    let shape = service.shape(id);
    match scalar::format(member, shape, TimestampFormat::Unix) {
        aws_smithy_types::date_time::Format::EpochSeconds => scalar::seconds(value),
        format => scalar::to_text(&shape.kind, value, format).map(Value::from),
    }
}

/// JSON that travels as text inside of JSON.
fn inner_json(value: &Value, way: Direction) -> Result<Value, String> {
    match (way, value) {
        (Direction::In, Value::String(text)) => parse(text),
        // Text is taken to be that JSON already.
        (Direction::Out, Value::String(_)) => Ok(value.clone()),
        (Direction::Out, value) => Ok(Value::from(value.to_string())),
        (Direction::In, _) => Err("wants JSON as text".to_owned()),
    }
}
