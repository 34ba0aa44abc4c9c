//! Rows for people: the columns of every kind.

mod columns;
mod pods;
mod workloads;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{clock, kinds::Kind};

/// A column: name, type, whether it is only wide, and how its cell is found.
pub(crate) struct Column {
    name: &'static str,
    kind: &'static str,
    wide: bool,
    cell: fn(&Value, OffsetDateTime) -> Value,
}

pub(crate) const fn text(name: &'static str, cell: fn(&Value, OffsetDateTime) -> Value) -> Column {
    Column { name, kind: "string", wide: false, cell }
}

pub(crate) const fn number(name: &'static str, cell: fn(&Value, OffsetDateTime) -> Value) -> Column {
    Column { name, kind: "integer", wide: false, cell }
}

pub(crate) const fn wide(name: &'static str, cell: fn(&Value, OffsetDateTime) -> Value) -> Column {
    Column { name, kind: "string", wide: true, cell }
}

pub(crate) fn name(object: &Value, _: OffsetDateTime) -> Value {
    object["metadata"]["name"].clone()
}

pub(crate) fn age(object: &Value, now: OffsetDateTime) -> Value {
    since(&object["metadata"]["creationTimestamp"], now).into()
}

/// Time since a moment that an object names.
pub(crate) fn since(moment: &Value, now: OffsetDateTime) -> String {
    let moment = moment.as_str().and_then(clock::parse);
    moment.map_or_else(|| "<unknown>".into(), |moment| clock::age(moment, now))
}

/// Texts side by side, `<none>` for none.
pub(crate) fn joined(values: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = values.collect();
    if all.is_empty() { "<none>".into() } else { all.join(",") }
}

pub(crate) fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(crate) fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A text, or what stands for none.
pub(crate) fn or(value: &Value, none: &str) -> Value {
    match value {
        Value::Null => none.into(),
        Value::String(text) if text.is_empty() => none.into(),
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

/// `a=b,c=d`.
pub(crate) fn pairs(map: &Value) -> String {
    let mut pairs: Vec<String> =
        map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", string(value))).collect();
    pairs.sort();
    joined(pairs.into_iter())
}

/// A label selector as kubectl writes it.
pub(crate) fn selector(selector: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", string(value)));
    }
    parts.sort();
    for expression in array(&selector["matchExpressions"]) {
        let (key, operator) = (string(&expression["key"]), string(&expression["operator"]));
        let values = array(&expression["values"]).map(string).collect::<Vec<_>>().join(",");
        parts.push(match operator.as_str() {
            "Exists" => key,
            "DoesNotExist" => format!("!{key}"),
            _ => format!("{key} {} ({values})", operator.to_lowercase()),
        });
    }
    joined(parts.into_iter())
}

pub(crate) fn definitions(kind: &Kind) -> Value {
    let definition = |name: &str, of: &str, format: &str, description: &str, priority: i64| json!({ "name": name, "type": of, "format": format, "description": description, "priority": priority });
    let mut all = Vec::new();
    if let Some(custom) = &kind.custom {
        all.push(definition("Name", "string", "name", "Name of the object", 0));
        for column in &custom.columns {
            let said = |member: &str| column[member].as_str().unwrap_or_default();
            let priority = column["priority"].as_i64().unwrap_or(0);
            all.push(definition(said("name"), said("type"), said("format"), said("description"), priority));
        }
        if custom.columns.is_empty() {
            all.push(definition("Age", "date", "", "Time since the object was created", 0));
        }
        return all.into();
    }
    for column in columns::of(kind) {
        let format = if column.name == "Name" { "name" } else { "" };
        let about = format!("{} of the {}", column.name, kind.singular);
        all.push(definition(column.name, column.kind, format, &about, i64::from(column.wide)));
    }
    all.into()
}

pub(crate) fn cells(kind: &Kind, object: &Value, now: OffsetDateTime) -> Value {
    if let Some(custom) = &kind.custom {
        let mut cells = vec![name(object, now)];
        cells.extend(custom.columns.iter().map(|column| custom_cell(column, object, now)));
        if custom.columns.is_empty() {
            cells.push(object["metadata"]["creationTimestamp"].clone());
            if let Some(last) = cells.last_mut() {
                *last = since(last, now).into();
            }
        }
        return cells.into();
    }
    columns::of(kind).iter().map(|column| (column.cell)(object, now)).collect()
}

fn custom_cell(column: &Value, object: &Value, now: OffsetDateTime) -> Value {
    let path = column["jsonPath"].as_str().unwrap_or_default();
    let found = follow(path, object);
    match (column["type"].as_str(), found) {
        (Some("date"), Some(value)) => since(value, now).into(),
        (Some("integer" | "number" | "boolean"), Some(value)) => value.clone(),
        (_, Some(Value::String(text))) => text.clone().into(),
        (_, Some(Value::Null) | None) => Value::Null,
        (_, Some(value)) => value.to_string().into(),
    }
}

/// Follows the simple JSON paths that definitions use: `.a.b[0]`, `.a[?(@.type=="Ready")].status`, `.a['b.c']`.
fn follow<'a>(path: &str, object: &'a Value) -> Option<&'a Value> {
    let mut place = object;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let mut end = after.len();
            let mut escaped = false;
            for (at, character) in after.char_indices() {
                if !escaped && matches!(character, '.' | '[') {
                    end = at;
                    break;
                }
                escaped = character == '\\';
            }
            if end > 0 {
                place = place.get(after[..end].replace('\\', ""))?;
            }
            rest = &after[end..];
        } else {
            let inside = rest.strip_prefix('[')?;
            let end = if inside.starts_with('?') { inside.find(")]")? + 1 } else { inside.find(']')? };
            place = element(&inside[..end], place)?;
            rest = &inside[end + 1..];
        }
    }
    Some(place)
}

fn element<'a>(inside: &str, place: &'a Value) -> Option<&'a Value> {
    if let Some(condition) = inside.strip_prefix("?(@.").and_then(|text| text.strip_suffix(')')) {
        let (member, wanted) = condition.split_once("==")?;
        let wanted = wanted.trim().trim_matches(|c| c == '"' || c == '\'');
        return place
            .as_array()?
            .iter()
            .find(|item| string(follow(&format!(".{}", member.trim()), item).unwrap_or(&Value::Null)) == wanted);
    }
    match inside.parse::<usize>() {
        Ok(index) => place.get(index),
        Err(_) => place.get(inside.trim_matches(|c| c == '"' || c == '\'')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_definitions_are_followed() {
        let object = json!({
            "status": { "conditions": [{ "type": "A", "status": "no" }, { "type": "Ready", "status": "True" }] },
            "metadata": { "labels": { "a.b/c": "x" } },
            "list": [{ "name": "first" }],
        });
        for (path, wanted) in [
            (r#".status.conditions[?(@.type=="Ready")].status"#, Some("True")),
            (".list[0].name", Some("first")),
            (r".metadata.labels['a.b/c']", Some("x")),
            (r".metadata.labels.a\.b/c", Some("x")),
            (".list[3].name", None),
        ] {
            assert_eq!(follow(path, &object).and_then(Value::as_str), wanted, "{path}");
        }
    }
}
