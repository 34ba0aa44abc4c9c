//! Schemas in the small subset that every client takes: one type a value, no nulls, no composition, no references.

use serde_json::{Map, Value, json};

/// Brings a generated schema into the subset.
pub(crate) fn tidy(schema: schemars::Schema) -> Value {
    let mut value = schema.to_value();
    simplify(&mut value);
    if let Some(object) = value.as_object_mut()
        && object.get("type").and_then(Value::as_str) == Some("object")
    {
        object.entry("properties").or_insert_with(|| json!({}));
    }
    value
}

fn simplify(value: &mut Value) {
    let Value::Object(object) = value else {
        // `true` stands for "anything"; some clients know only the object form.
        if value == &Value::Bool(true) {
            *value = json!({});
        }
        return;
    };
    for unwanted in ["title", "format", "$schema"] {
        // A property may bear such a name; a keyword's value is a string.
        if object.get(unwanted).is_some_and(Value::is_string) {
            object.remove(unwanted);
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
    drop_null(object);
    join_choices(object);
    if let Some(one) = object.remove("const") {
        object.insert("enum".into(), json!([one]));
    }
    if let Some(text) = object.get("description").and_then(Value::as_str).map(one_line) {
        object.insert("description".into(), text.into());
    }
    descend(object);
}

fn descend(object: &mut Map<String, Value>) {
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "patternProperties", Value::Object(properties)) => {
                properties.values_mut().for_each(simplify);
            }
            ("items" | "x-row", value) => simplify(value),
            // `false` closes the object and `true` opens it; "anything" is better said by `true` here.
            ("additionalProperties", value) if value.is_object() => {
                simplify(value);
                if value.as_object().is_some_and(Map::is_empty) {
                    *value = Value::Bool(true);
                }
            }
            _ => {}
        }
    }
}

/// Absent is how an optional value is left out; `null` is not a value.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = object.get_mut(keyword) else { continue };
        choices.retain(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
        if let [only] = choices.as_mut_slice() {
            let only = only.take();
            object.remove(keyword);
            absorb(object, only);
        }
    }
}

/// Takes over what the only choice says, where the object does not say it itself.
fn absorb(object: &mut Map<String, Value>, choice: Value) {
    if let Value::Object(choice) = choice {
        for (key, value) in choice {
            object.entry(key).or_insert(value);
        }
    }
    drop_null(object);
}

/// A choice between fixed strings, each with its description, becomes one `enum`.
fn join_choices(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(value @ Value::String(_)), _) => values.push(value.clone()),
            (_, Some(Value::Array(several))) => values.extend(several.iter().cloned()),
            _ => return,
        }
    }
    object.remove("oneOf");
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), values.into());
}

/// A doc comment as one line: paragraphs become sentences.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for paragraph in text.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push_str(if line.ends_with(['.', ':', '?', '!']) { " " } else { ". " });
        }
        line.push_str(&words);
    }
    line
}

/// One schema for several calls behind one name: `operation` picks the call, everything else is optional, and a
/// parameter that not all calls take says which do.
pub(crate) fn merge(about: &str, calls: impl Iterator<Item = (&'static str, Value)>) -> Value {
    let mut calls: Vec<_> = calls.collect();
    // Two calls of one name take the same arguments.
    calls.dedup_by_key(|(name, _)| *name);
    let mut properties = Map::new();
    let names: Vec<_> = calls.iter().map(|(name, _)| *name).collect();
    properties.insert("operation".into(), json!({ "type": "string", "enum": names }));
    for (_, schema) in &calls {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if properties.contains_key(name) {
                continue;
            }
            let users: Vec<_> = calls.iter().filter(|(_, other)| takes(other, name)).map(|(call, _)| *call).collect();
            let mut property = property.clone();
            if users.len() < calls.len()
                && let Some(Value::String(text)) = property.get_mut("description")
            {
                *text = format!("{} ({})", text.trim_end_matches('.'), users.join(", "));
            }
            properties.insert(name.clone(), property);
        }
    }
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": ["operation"],
        "additionalProperties": false,
    })
}

fn takes(schema: &Value, name: &str) -> bool {
    schema["properties"].get(name).is_some()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;

    /// Size of a thing
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Size {
        /// Small one.
        Small,
        /// Large one.
        Large,
    }

    /// Do a thing
    ///
    /// With care, and
    /// twice.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Thing {
        /// How many.
        count: Option<u32>,
        /// How large.
        size: Option<Size>,
        /// Named.
        title: String,
        /// Anything.
        extra: Option<Value>,
        /// By name.
        tags: Option<std::collections::BTreeMap<String, String>>,
    }

    fn schema() -> Value {
        let mut settings = schemars::generate::SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        tidy(settings.into_generator().into_root_schema_for::<Thing>())
    }

    #[test]
    fn an_optional_enum_has_one_type_and_no_null() {
        let schema = schema();
        assert_eq!(schema["description"], "Do a thing. With care, and twice.");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["title"]));
        assert_eq!(schema["properties"]["title"], json!({ "type": "string", "description": "Named." }));
        assert_eq!(
            schema["properties"]["count"],
            json!({ "type": "integer", "minimum": 0, "description": "How many." })
        );
        let size = &schema["properties"]["size"];
        assert_eq!((&size["type"], &size["enum"]), (&json!("string"), &json!(["small", "large"])));
        assert_eq!(schema["properties"]["tags"]["additionalProperties"], json!({ "type": "string" }));
        assert!(!schema.to_string().contains("null"), "{schema}");
    }

    #[test]
    fn a_merged_schema_says_which_call_takes_a_parameter() {
        let other = json!({ "properties": { "count": {} } });
        let merged = merge("Both", [("one", schema()), ("two", other)].into_iter());
        assert_eq!(merged["properties"]["operation"]["enum"], json!(["one", "two"]));
        assert_eq!(merged["properties"]["title"]["description"], "Named (one)");
        assert_eq!(merged["properties"]["count"]["description"], "How many.");
        assert_eq!(merged["required"], json!(["operation"]));
    }
}
