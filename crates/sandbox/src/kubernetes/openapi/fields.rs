//! What came in, held against the schema of its kind.

use serde_json::Value;

use super::{
    super::{
        kinds::Kind,
        refusal::{Cause, Refusal, Result},
    },
    builtin, kind_schema,
};

/// The fields that the kind does not have; a value of a wrong type is refused. What a definition's schema does not name is
/// taken out.
pub(crate) fn check(kind: &Kind, object: &mut Value) -> Result<Vec<String>> {
    let mut unknown = Vec::new();
    if let Some(custom) = &kind.custom {
        if custom.schema.is_object() {
            prune(&custom.schema, object, "", &mut unknown);
        }
        return Ok(unknown);
    }
    if let Some(schema) = kind_schema(kind) {
        typed(schema, object, "", &kind.kind, &mut unknown)?;
    }
    Ok(unknown)
}

fn resolve(schema: &Value) -> &Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let target = reference.and_then(|name| builtin::schemas().get(name.strip_prefix(builtin::REFERENCE)?));
    target.unwrap_or(schema)
}

fn typed(schema: &Value, value: &mut Value, path: &str, of: &str, unknown: &mut Vec<String>) -> Result<()> {
    let schema = resolve(schema);
    let wanted = schema["type"].as_str();
    let fits = match (wanted, &*value) {
        (_, Value::Null)
        | (None, _)
        | (Some("object"), Value::Object(_))
        | (Some("array"), Value::Array(_))
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_))
        | (Some("string"), Value::String(_)) => true,
        // Quantities come as both.
        (Some("string"), Value::Number(_)) => {
            schema["description"].as_str().is_some_and(|text| text.starts_with("Quantity"))
        }
        (Some("integer"), Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|f| f.fract() == 0.0)
        }
        _ => false,
    };
    if !fits {
        let found = match value {
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            _ => "object",
        };
        let why = format!(
            "{of} in version \"v1\" cannot be handled as a {of}: json: cannot unmarshal {found} into Go struct field {of}.{path} of type {}",
            wanted.unwrap_or_default()
        );
        return Err(Refusal::bad_request(why));
    }
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object();
            let more = schema.get("additionalProperties").filter(|more| more.is_object());
            let mut strange = Vec::new();
            for (name, value) in members.iter_mut() {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (properties.and_then(|properties| properties.get(name)), more) {
                    (Some(schema), _) | (None, Some(schema)) => typed(schema, value, &place, of, unknown)?,
                    (None, None) if properties.is_some() => {
                        unknown.push(format!("unknown field \"{place}\""));
                        strange.push(name.clone());
                    }
                    (None, None) => {}
                }
            }
            members.retain(|name, _| !strange.contains(name));
        }
        Value::Array(items) if schema["items"].is_object() => {
            for (at, item) in items.iter_mut().enumerate() {
                typed(&schema["items"], item, &format!("{path}[{at}]"), of, unknown)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn prune(schema: &Value, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let free = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match value {
        Value::Object(members) => {
            let more = schema.get("additionalProperties");
            let mut strange = Vec::new();
            for (name, value) in members.iter_mut() {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let everywhere = path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
                match (schema["properties"].get(name), more) {
                    _ if everywhere => {}
                    (Some(schema), _) => prune(schema, value, &place, unknown),
                    (None, Some(Value::Object(_))) => prune(more.unwrap_or(&Value::Null), value, &place, unknown),
                    (None, Some(Value::Bool(true))) => {}
                    _ if free || schema["x-kubernetes-embedded-resource"] == true => {}
                    _ => {
                        unknown.push(format!("unknown field \"{place}\""));
                        strange.push(name.clone());
                    }
                }
            }
            members.retain(|name, _| !strange.contains(name));
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                prune(&schema["items"], item, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

/// Holds an object against the schema of its definition.
pub(crate) fn structural(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let place = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let wanted = schema["type"].as_str();
    let fits = match (wanted, value) {
        (Some(_), Value::Null) => schema["nullable"] == true,
        (None, _)
        | (Some("object"), Value::Object(_))
        | (Some("array"), Value::Array(_))
        | (Some("string"), Value::String(_))
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_)) => true,
        (Some("integer"), Value::Number(number)) => number.is_i64() || number.is_u64(),
        _ => false,
    } || (schema["x-kubernetes-int-or-string"] == true && (value.is_string() || value.is_number()));
    if !fits {
        let why = format!("must be of type {}", wanted.unwrap_or_default());
        causes.push(Cause::wrong_type(path, value, &why));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        causes.push(Cause::unsupported(path, value, &allowed));
    }
    if let Some(number) = value.as_f64() {
        for (bound, outside, words) in [
            ("minimum", schema["minimum"].as_f64().is_some_and(|least| number < least), "greater than or equal to"),
            ("maximum", schema["maximum"].as_f64().is_some_and(|most| number > most), "less than or equal to"),
        ] {
            if outside {
                let why = format!("{path} in body should be {words} {}", schema[bound]);
                causes.push(Cause::invalid(path, value, &why));
            }
        }
    }
    match value {
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if members.get(name).is_none_or(Value::is_null) {
                    causes.push(Cause::required(place(name), ""));
                }
            }
            for (name, value) in members {
                if path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                let inner = schema["properties"].get(name).or(schema.get("additionalProperties"));
                if let Some(inner) = inner.filter(|inner| inner.is_object()) {
                    structural(inner, value, &place(name), causes);
                }
            }
        }
        Value::Array(items) if schema["items"].is_object() => {
            for (at, item) in items.iter().enumerate() {
                structural(&schema["items"], item, &format!("{path}[{at}]"), causes);
            }
        }
        _ => {}
    }
}
