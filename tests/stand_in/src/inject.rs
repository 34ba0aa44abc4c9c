//! A text of somebody else's, written wherever whoever makes a thing at AWS may write: its description, a tag, its name.

use serde_json::{Value, json};
use trainyard_aws::catalogue::model::{Kind, Operation, Service, ShapeId};

/// Members that are the tags of what they stand in.
const TAGS: [&str; 3] = ["tags", "tagset", "taglist"];

/// Operations whose descriptions are the service's own words.
const ITS_OWN: [&str; 4] = ["DescribeClusterEvent", "DescribeInsight", "ListClusterEvents", "ListInsights"];

/// Writes the text into the output of an operation.
pub(crate) fn answer(service: &Service<'_>, operation: &Operation<'_>, output: &mut Value, text: &str) {
    if let Some(shape) = operation.output.filter(|_| !ITS_OWN.contains(&operation.name)) {
        write(service, shape, output, text);
    }
}

/// Writes the text into an answer of this shape. What a test said stays, but for names and descriptions.
fn write(service: &Service<'_>, shape: ShapeId, value: &mut Value, text: &str) {
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(given)) => {
            for member in &structure.members {
                if let Some(value) = given.get_mut(member.name) {
                    write(service, member.shape, value, text);
                }
                let lower = member.name.to_lowercase();
                let kind = &service.shape(member.shape).kind;
                if lower == "description" && matches!(kind, Kind::String(_, values) if values.is_empty()) {
                    given.insert(member.name.to_owned(), text.into());
                }
                if TAGS.contains(&lower.as_str()) {
                    tag(service, kind, given.entry(member.name).or_insert(Value::Null), text);
                    given.retain(|_, value| !value.is_null());
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter_mut().for_each(|value| write(service, item.shape, value, text));
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            entries.values_mut().for_each(|value| write(service, item.shape, value, text));
        }
        _ => {}
    }
}

/// One more tag, whose key and value are the text; a tag that is a name gets the text for its value.
fn tag(service: &Service<'_>, kind: &Kind<'_>, tags: &mut Value, text: &str) {
    match kind {
        Kind::Map { .. } => {
            let mut all = tags.as_object_mut().map(std::mem::take).unwrap_or_default();
            all.insert(text.to_owned(), text.into());
            *tags = all.into();
        }
        Kind::List { item, .. } => {
            let Kind::Structure(structure) = &service.shape(item.shape).kind else { return };
            let named = |wanted: &str| {
                structure.members.iter().map(|member| member.name).find(|name| name.eq_ignore_ascii_case(wanted))
            };
            let (Some(key), Some(value)) = (named("key"), named("value")) else { return };
            let mut all = tags.as_array_mut().map(std::mem::take).unwrap_or_default();
            for name in all.iter_mut().filter(|tag| tag[key] == "Name") {
                name[value] = text.into();
            }
            all.push(json!({ key: text, value: text }));
            *tags = all.into();
        }
        _ => {}
    }
}
