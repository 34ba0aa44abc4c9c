//! What an operation takes and gives, small enough for a model to read.

use aws_smithy_types::base64;
use serde_json::{Map, Value, json};
use trainyard_contract::Result;

use crate::{
    catalogue::{
        self,
        model::{Bounds, Kind, Member, MemberFlags, Service, ShapeId, Structure},
    },
    service,
};

/// Values of an enumeration that are shown; instance types alone would fill a page.
const MAX_ENUM: usize = 12;

/// Structures inside of structures in an example.
const MAX_EXAMPLE: usize = 16;

/// Members of an operation's input: `{name: {type, required, enum, min, max, members}}`, nested to `depth` levels.
pub fn describe_input(service: &str, operation: &str, depth: usize) -> Result<Value> {
    let service = catalogue::service(service)?;
    let operation = service::operation(service, operation)?;
    Ok(members(service, operation.input, depth, true))
}

/// As [`describe_input`], for the output.
pub fn describe_output(service: &str, operation: &str, depth: usize) -> Result<Value> {
    let service = catalogue::service(service)?;
    let operation = service::operation(service, operation)?;
    Ok(members(service, operation.output, depth, false))
}

/// An input with what is required and nothing else, to be filled in. Texts say what belongs there.
pub fn example_input(service: &str, operation: &str) -> Result<Value> {
    let service = catalogue::service(service)?;
    let operation = service::operation(service, operation)?;
    Ok(operation.input.map_or_else(|| json!({}), |id| example(service, id, 0)))
}

fn members(service: &Service<'_>, id: Option<ShapeId>, depth: usize, input: bool) -> Value {
    let Some(structure) = id.and_then(|id| service.structure(id)) else { return json!({}) };
    Value::Object(structure_members(service, structure, depth, input))
}

fn structure_members(
    service: &Service<'_>,
    structure: &Structure<'_>,
    depth: usize,
    input: bool,
) -> Map<String, Value> {
    let shown = |member: &&Member<'_>| !member.is(MemberFlags::DEPRECATED);
    structure
        .members
        .iter()
        .filter(shown)
        .map(|member| (member.name.to_owned(), Value::Object(describe(service, member, depth, input))))
        .collect()
}

fn describe(service: &Service<'_>, member: &Member<'_>, depth: usize, input: bool) -> Map<String, Value> {
    let mut facts = shape(service, member.shape, depth, input);
    if input && member.is(MemberFlags::REQUIRED) {
        facts.insert("required".to_owned(), json!(true));
    }
    if input && member.is(MemberFlags::IDEMPOTENCY_TOKEN) {
        facts.insert("default".to_owned(), json!("a random token"));
    }
    facts
}

fn shape(service: &Service<'_>, id: ShapeId, depth: usize, input: bool) -> Map<String, Value> {
    let shape = service.shape(id);
    let mut facts = Map::new();
    facts.insert("type".to_owned(), Value::from(type_name(service, id, 0)));
    match &shape.kind {
        Kind::String(bounds, values) => {
            if !values.is_empty() {
                facts.insert("enum".to_owned(), values.iter().take(MAX_ENUM).copied().collect());
            }
            if values.len() > MAX_ENUM {
                facts.insert("more_values".to_owned(), json!(values.len() - MAX_ENUM));
            }
            if input {
                add_bounds(&mut facts, *bounds, "min_length", "max_length");
            }
        }
        Kind::Integer(bounds) | Kind::Long(bounds) | Kind::Float(bounds) | Kind::Double(bounds) if input => {
            add_bounds(&mut facts, *bounds, "min", "max");
        }
        Kind::List { length, .. } | Kind::Map { length, .. } if input => {
            add_bounds(&mut facts, *length, "min_items", "max_items");
        }
        _ => {}
    }
    if shape.sensitive {
        facts.insert("sensitive".to_owned(), json!(true));
    }
    if let (1.., Some(structure)) = (depth, content(service, id)) {
        let key = if structure.union { "one_of" } else { "members" };
        facts.insert(key.to_owned(), Value::Object(structure_members(service, structure, depth - 1, input)));
    }
    facts
}

fn add_bounds(facts: &mut Map<String, Value>, bounds: Bounds, min: &str, max: &str) {
    if let Some(value) = bounds.min.filter(|value| *value > 0) {
        facts.insert(min.to_owned(), json!(value));
    }
    if let Some(value) = bounds.max {
        facts.insert(max.to_owned(), json!(value));
    }
}

/// The structure that a shape is, or that its lists and maps hold.
fn content<'s>(service: &'s Service<'_>, id: ShapeId) -> Option<&'s Structure<'s>> {
    let mut id = id;
    // Lists of lists of … end; a model where they did not would have no values.
    for _ in 0..8 {
        match &service.shape(id).kind {
            Kind::Structure(structure) => return Some(structure),
            Kind::List { item, .. } => id = item.shape,
            Kind::Map { value, .. } => id = value.shape,
            _ => return None,
        }
    }
    None
}

/// `string`, `list of integer`, `map of object`.
fn type_name(service: &Service<'_>, id: ShapeId, depth: usize) -> String {
    let within = |id: ShapeId| if depth < 8 { type_name(service, id, depth + 1) } else { "…".to_owned() };
    match &service.shape(id).kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer(_) | Kind::Long(_) => "integer".to_owned(),
        Kind::Float(_) | Kind::Double(_) => "number".to_owned(),
        Kind::String(..) => "string".to_owned(),
        Kind::Blob { .. } => "base64".to_owned(),
        Kind::Timestamp(_) => "time".to_owned(),
        Kind::List { item, .. } => format!("list of {}", within(item.shape)),
        Kind::Map { value, .. } => format!("map of {}", within(value.shape)),
        Kind::Structure(_) => "object".to_owned(),
        Kind::Document => "any".to_owned(),
    }
}

fn example(service: &Service<'_>, id: ShapeId, depth: usize) -> Value {
    if depth > MAX_EXAMPLE {
        return Value::Null;
    }
    match &service.shape(id).kind {
        Kind::Boolean => json!(false),
        Kind::Integer(bounds) | Kind::Long(bounds) | Kind::Float(bounds) | Kind::Double(bounds) => {
            json!(bounds.min.unwrap_or(1).max(1).min(bounds.max.unwrap_or(i64::MAX)))
        }
        Kind::String(length, values) => values.first().map_or_else(|| json!(word(*length)), |value| json!(value)),
        Kind::Blob { length, .. } => json!(base64::encode(word(*length))),
        Kind::Timestamp(_) => json!("2026-01-01T00:00:00Z"),
        Kind::List { item, length, .. } => {
            Value::Array(vec![example(service, item.shape, depth + 1); at_least(*length, 1)])
        }
        Kind::Map { key, value, .. } => {
            let key = match &service.shape(key.shape).kind {
                Kind::String(length, values) => {
                    values.first().map_or_else(|| word(*length), |value| (*value).to_owned())
                }
                _ => word(Bounds::default()),
            };
            Value::Object(Map::from_iter([(key, example(service, value.shape, depth + 1))]))
        }
        Kind::Structure(structure) => example_members(service, structure, depth),
        Kind::Document => json!({}),
    }
}

/// A made-up text of a length that is allowed.
fn word(length: Bounds) -> String {
    const WORD: &str = "string";
    let most = length.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    WORD.chars().cycle().take(at_least(length, WORD.len()).min(most)).collect()
}

fn at_least(length: Bounds, usual: usize) -> usize {
    length.min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default().max(usual)
}

fn example_members(service: &Service<'_>, structure: &Structure<'_>, depth: usize) -> Value {
    let wanted = |member: &&Member<'_>| member.is(MemberFlags::REQUIRED) && !member.is(MemberFlags::IDEMPOTENCY_TOKEN);
    let mut members: Vec<&Member<'_>> = structure.members.iter().filter(wanted).collect();
    if structure.union {
        members = structure.members.iter().take(1).collect();
    }
    Value::Object(
        members.iter().map(|member| (member.name.to_owned(), example(service, member.shape, depth + 1))).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_to_send() {
        let input = describe_input("ec2", "RunInstances", 1).unwrap();
        assert_eq!(input["MinCount"], json!({"type": "integer", "required": true}));
        assert_eq!(input["SecurityGroupIds"]["type"], "list of string");
        assert_eq!(input["Placement"]["members"]["AvailabilityZone"], json!({"type": "string"}));
        assert!(input["InstanceType"]["more_values"].as_u64().unwrap() > 500);
        assert!(describe_output("ec2", "RunInstances", 0).unwrap()["Instances"].get("members").is_none());
        assert_eq!(describe_input("sts", "GetCallerIdentity", 3).unwrap(), json!({}));
    }

    #[test]
    fn an_example_of_every_operation_passes_validation() {
        for entry in catalogue::services() {
            for operation in &entry.service().operations {
                let input = example_input(entry.name, operation.name).unwrap();
                let verdict = crate::validate(entry.name, operation.name, &input);
                verdict.unwrap_or_else(|error| panic!("{} {}: {error}", entry.name, operation.name));
            }
        }
    }
}
