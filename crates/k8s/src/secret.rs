//! What is taken out of objects before anything else sees them: values of secrets, and bookkeeping.

use serde_json::{Value, json};

/// Holds a whole copy of the object, secrets and all.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Cleans an object, or a list of them.
///
/// `secret` says that they are secrets even where they do not say so themselves, as rows of tables do not.
pub(crate) fn clean(value: &mut Value, secret: bool, keep_managers: bool) {
    for list in ["items", "rows"] {
        if let Some(items) = value.get_mut(list).and_then(Value::as_array_mut) {
            for item in items {
                clean(item, secret, keep_managers);
            }
        }
    }
    if let Some(object) = value.get_mut("object").filter(|object| object.is_object()) {
        clean(object, secret, keep_managers);
    }
    if !keep_managers && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if secret || value["kind"] == "Secret" {
        withhold(value);
    }
}

/// Puts the size of each value in its place. Names of keys stay: they say what a secret is for.
pub fn withhold(secret: &mut Value) {
    for member in ["data", "stringData"] {
        let Some(entries) = secret.get_mut(member).and_then(Value::as_object_mut) else { continue };
        for value in entries.values_mut() {
            let size = match (&*value, member) {
                (Value::String(text), "data") => {
                    trainyard_aws::from_base64(text).map_or(text.len(), |bytes| bytes.len())
                }
                (Value::String(text), _) => text.len(),
                _ => 0,
            };
            *value = json!(format!("(withheld, {size} bytes)"));
        }
    }
    if let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_stay_behind_wherever_they_are() {
        let secret = || {
            json!({"kind": "Secret", "metadata": {"name": "s", "managedFields": [1],
                "annotations": {LAST_APPLIED: "{\"data\":{\"password\":\"aHVudGVyMg==\"}}", "team": "a"}},
                "data": {"password": "aHVudGVyMg=="}, "stringData": {"plain": "hunter2"}})
        };
        let mut table_row = json!({"rows": [{"cells": ["s"], "object": secret()}]});
        table_row["rows"][0]["object"]["kind"] = "PartialObjectMetadata".into();
        for (mut value, known) in [
            (secret(), false),
            (json!({"kind": "List", "items": [secret()]}), false),
            (json!({"type": "ADDED", "object": secret()}), false),
            (table_row, true),
        ] {
            clean(&mut value, known, false);
            let text = value.to_string();
            assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
            assert!(text.contains("(withheld, 7 bytes)") && text.contains("\"team\""), "{text}");
            assert!(!text.contains("managedFields"), "{text}");
        }
    }

    #[test]
    fn other_objects_keep_their_data() {
        let mut value = json!({"kind": "ConfigMap", "data": {"a": "b"}, "metadata": {}});
        clean(&mut value, false, false);
        assert_eq!(value["data"]["a"], "b");
    }
}
