//! Values as the suites write them (bytes as text, times as seconds) to and from ours.

use serde_json::{Value, json};
use trainyard_aws::catalogue::model::{Kind, Service, ShapeId};

/// Base64 as the standard has it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

pub(crate) fn input(service: &Service<'_>, operation: &str, value: &Value) -> Value {
    let operation = service.operation(operation).expect("the operation");
    operation.input.map_or_else(|| json!({}), |id| ours(service, id, value))
}

pub(crate) fn output(service: &Service<'_>, operation: &str, value: &Value) -> Value {
    let operation = service.operation(operation).expect("the operation");
    operation.output.map_or_else(|| value.clone(), |id| theirs(service, id, value))
}

pub(crate) fn error(service: &Service<'_>, code: &str, value: &Value) -> Value {
    let wire = |id: ShapeId| match &service.shape(id).kind {
        Kind::Structure(structure) => structure.error.as_ref().and_then(|error| error.code),
        _ => None,
    };
    let shape = service.errors.iter().copied().find(|id| service.shape(*id).name == code || wire(*id) == Some(code));
    shape.map_or_else(|| value.clone(), |id| theirs(service, id, value))
}

fn ours(service: &Service<'_>, id: ShapeId, value: &Value) -> Value {
    walk(service, id, value, &|kind, value| match (kind, value) {
        (Kind::Blob { .. }, Value::String(text)) => json!(base64(text.as_bytes())),
        (_, value) => value.clone(),
    })
}

fn theirs(service: &Service<'_>, id: ShapeId, value: &Value) -> Value {
    walk(service, id, value, &|kind, value| match (kind, value) {
        (Kind::Blob { .. }, Value::String(text)) => {
            let bytes = aws_smithy_types::base64::decode(text).expect("base64");
            json!(String::from_utf8_lossy(&bytes))
        }
        (Kind::Timestamp(_), Value::String(text)) => {
            let format = aws_smithy_types::date_time::Format::DateTime;
            let time = aws_smithy_types::DateTime::from_str(text, format).expect("a time");
            json!(time.as_secs_f64())
        }
        (_, value) => value.clone(),
    })
}

fn walk(service: &Service<'_>, id: ShapeId, value: &Value, leaf: &dyn Fn(&Kind<'_>, &Value) -> Value) -> Value {
    match (&service.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => members
            .iter()
            .map(|(name, value)| {
                let member = structure.members.iter().find(|member| member.name == name);
                (name.clone(), member.map_or_else(|| value.clone(), |member| walk(service, member.shape, value, leaf)))
            })
            .collect(),
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|value| walk(service, item.shape, value, leaf)).collect()
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            entries.iter().map(|(key, value)| (key.clone(), walk(service, item.shape, value, leaf))).collect()
        }
        (kind, value) => leaf(kind, value),
    }
}
