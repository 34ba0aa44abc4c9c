//! One input for an operation, with most of its members, the same on every run.

use serde_json::{Map, Value, json};
use trainyard_aws::catalogue::model::{Kind, Member, MemberFlags, Operation, Service, ShapeId};

/// Levels that are filled; below, only what is required.
const DEPTH: usize = 3;

pub(crate) fn input(service: &Service<'_>, operation: &Operation<'_>) -> Value {
    let Some(structure) = operation.input.and_then(|id| service.structure(id)) else { return json!({}) };
    let mut input = Map::new();
    for member in &structure.members {
        if let Some(value) = top(service, operation, member) {
            input.insert(member.name.to_owned(), value);
        }
    }
    Value::Object(input)
}

/// Some members of a message change what it is.
fn top(service: &Service<'_>, operation: &Operation<'_>, member: &Member<'_>) -> Option<Value> {
    match (service.name, member.name) {
        // Checksums are computed where none is given.
        (_, name) if name.starts_with("Checksum") || name == "ContentMD5" => None,
        ("s3", "SSECustomerKey" | "CopySourceSSECustomerKey" | "SSECustomerKeyMD5" | "CopySourceSSECustomerKeyMD5") => {
            None
        }
        (_, "Bucket" | "bucket") => Some(json!("bucket-name")),
        (_, "AccountId" | "ExpectedBucketOwner") => Some(json!("123456789012")),
        ("s3", "CopySource") => Some(json!("bucket-name/key")),
        _ if operation.host_prefix.is_some() && member.is(MemberFlags::HOST_LABEL) => Some(json!("label")),
        _ => value(service, member.shape, member.is(MemberFlags::JSON_VALUE), 0),
    }
}

fn value(service: &Service<'_>, id: ShapeId, json_value: bool, depth: usize) -> Option<Value> {
    if json_value {
        return Some(json!({"a": 1}));
    }
    let shape = service.shape(id);
    Some(match &shape.kind {
        Kind::Boolean => json!(true),
        Kind::Integer(bounds) | Kind::Long(bounds) => json!(bounds.min.unwrap_or(7).max(7)),
        Kind::Float(_) | Kind::Double(_) => json!(0.5),
        Kind::String(bounds, values) => match values.first() {
            Some(value) => json!(value),
            None => json!(pad("abc", bounds.min)),
        },
        Kind::Blob { .. } => json!("YWJj"),
        Kind::Timestamp(_) => json!("2026-11-21T10:00:00Z"),
        Kind::List { item, .. } => {
            let one = value(service, item.shape, item.json_value, depth + 1)?;
            json!([one])
        }
        Kind::Map { key, value: item, .. } => {
            let key = match &service.shape(key.shape).kind {
                Kind::String(bounds, values) => {
                    values.first().map_or_else(|| pad("key", bounds.min), ToString::to_string)
                }
                _ => "key".to_owned(),
            };
            json!({key: value(service, item.shape, item.json_value, depth + 1)?})
        }
        Kind::Structure(structure) if structure.event_stream || depth > 8 => return None,
        Kind::Structure(structure) => {
            let mut members = Map::new();
            for member in &structure.members {
                if depth >= DEPTH && !member.is(MemberFlags::REQUIRED) {
                    continue;
                }
                let given = value(service, member.shape, member.is(MemberFlags::JSON_VALUE), depth + 1);
                if let Some(given) = given {
                    members.insert(member.name.to_owned(), given);
                }
                if structure.union {
                    break;
                }
            }
            if members.is_empty() && !structure.members.is_empty() {
                return None;
            }
            Value::Object(members)
        }
        Kind::Document => json!({"any": [1, "two", null]}),
    })
}

fn pad(text: &str, min: Option<i64>) -> String {
    let min = min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default();
    text.chars().cycle().take(min.max(text.len())).collect()
}
