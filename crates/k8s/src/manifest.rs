//! Manifests: one or several objects, as YAML or JSON.

use serde_json::Value;
use trainyard_contract::{Error, Result};

/// Reads every object of a text, in its order. Lists are taken apart, empty documents are passed over.
pub fn read(text: &str) -> Result<Vec<Value>> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::validation(format!("the manifest cannot be read: {error}")).code("BadManifest")
    };
    let json = text.trim_start().starts_with(['{', '[']).then(|| {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        values.collect::<serde_json::Result<_>>()
    });
    let documents: Vec<Value> = match json {
        Some(Ok(documents)) => documents,
        // YAML may begin with a brace as well.
        _ => serde_saphyr::from_multiple(text).map_err(|error| wrong(&error))?,
    };
    let mut objects = Vec::new();
    for document in documents {
        unfold(document, &mut objects);
    }
    for (place, object) in objects.iter().enumerate() {
        check(object).map_err(|what| {
            Error::validation(format!("document {} of the manifest {what}; nothing was sent", place + 1))
                .code("BadManifest")
        })?;
    }
    if objects.is_empty() {
        return Err(Error::validation("the manifest holds no object").code("BadManifest"));
    }
    Ok(objects)
}

fn unfold(document: Value, objects: &mut Vec<Value>) {
    match document {
        Value::Null => {}
        Value::Array(items) => items.into_iter().for_each(|item| unfold(item, objects)),
        Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
            list.remove("items").into_iter().for_each(|items| unfold(items, objects));
        }
        object => objects.push(object),
    }
}

fn check(object: &Value) -> Result<(), String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    if !object.is_object() {
        return Err("is not an object".into());
    }
    for member in ["apiVersion", "kind"] {
        if text(&format!("/{member}")).is_none() {
            return Err(format!("has no {member}"));
        }
    }
    match (text("/metadata/name"), text("/metadata/generateName")) {
        (None, None) => Err("has no metadata.name".into()),
        (None, Some(_)) => Err("has generateName only: what has no name of its own cannot be applied again".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lists_and_json_are_all_read() {
        let yaml = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n";
        let names = |text: &str| -> Vec<String> {
            read(text).unwrap().iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(yaml), ["a", "b"]);
        assert_eq!(names(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}"#), ["c"]);
    }

    #[test]
    fn what_cannot_be_applied_is_refused_with_its_place() {
        let good = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n";
        for (bad, said) in [
            ("kind: Pod\nmetadata: {name: a}", "has no apiVersion"),
            ("apiVersion: v1\nkind: Pod", "has no metadata.name"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}", "generateName"),
            ("just text", "is not an object"),
        ] {
            let error = read(&format!("{good}{bad}")).unwrap_err();
            assert!(error.message().starts_with("document 2") && error.message().contains(said), "{error}");
        }
        assert!(read("").is_err() && read("a: [").is_err());
    }
}
