//! What would be different about an object, field by field.

use serde_json::Value;
use trainyard_contract::{declare_others, reads_like_a_sentence};

/// Fields that every write changes, and what the cluster alone writes.
const NOISE: [&str; 8] = [
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.creationTimestamp",
    "metadata.uid",
    "metadata.selfLink",
    "status",
    "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration",
];
/// Longest value that is shown.
const LONGEST: usize = 200;
/// Fields that are told; the rest is counted.
const MOST: usize = 60;

/// Lines such as `spec.replicas: 2 → 3`, `+ metadata.labels.team: a`, `- spec.containers[web].image: x`. One that holds
/// what somebody wrote is the words of others.
pub(crate) fn diff(before: &Value, after: &Value) -> Vec<Value> {
    let mut lines = Vec::new();
    compare("", before, after, &mut lines);
    let more = lines.len().saturating_sub(MOST);
    if more > 0 {
        lines.truncate(MOST);
        lines.push(format!("… and {more} more").into());
    }
    lines
}

fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<Value>) {
    if before == after || NOISE.contains(&path) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                compare(&joined(path, key), value, new.get(key).unwrap_or(&Value::Null), lines);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                compare(&joined(path, key), &Value::Null, value, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if keyed(old) && keyed(new) => {
            let key = |item: &Value| item["name"].as_str().map(str::to_owned);
            for item in old {
                let other = new.iter().find(|other| key(other) == key(item)).unwrap_or(&Value::Null);
                compare(&format!("{path}[{}]", key(item).unwrap_or_default()), item, other, lines);
            }
            for item in new.iter().filter(|item| !old.iter().any(|other| key(other) == key(item))) {
                compare(&format!("{path}[{}]", key(item).unwrap_or_default()), &Value::Null, item, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (place, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{place}]"), old, new, lines);
            }
        }
        (Value::Null, new) => lines.push(line(path, "+ ", &[shown(new)])),
        (old, Value::Null) => lines.push(line(path, "- ", &[shown(old)])),
        (old, new) => lines.push(line(path, "", &[shown(old), shown(new)])),
    }
}

fn line(path: &str, sign: &str, values: &[String]) -> Value {
    let mut line = Value::String(format!("{sign}{path}: {}", values.join(" → ")));
    if values.iter().any(|value| reads_like_a_sentence(value)) {
        declare_others(&mut line);
    }
    line
}

/// Containers, ports, variables: lists whose items have names.
fn keyed(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_matters_is_told() {
        let before = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "containers": [{"name": "web", "image": "x:1"}, {"name": "log", "image": "y"}]}, "status": {"x": 1}});
        let after = json!({"metadata": {"resourceVersion": "2", "labels": {"a": "b", "team": "t"}},
            "spec": {"replicas": 3, "containers": [{"name": "web", "image": "x:2"}]}, "status": {"x": 2}});
        let expected = [
            "+ metadata.labels.team: t",
            "spec.replicas: 2 → 3",
            "spec.containers[web].image: x:1 → x:2",
            r#"- spec.containers[log]: {"name":"log","image":"y"}"#,
        ];
        assert_eq!(diff(&before, &after), expected);
        assert!(diff(&before, &before).is_empty());
    }

    #[test]
    fn long_changes_are_cut() {
        let before: Value = (0..100).map(|n| (format!("f{n}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
        let found = diff(&before, &json!({}));
        assert_eq!((found.len(), found[MOST].as_str()), (MOST + 1, Some("… and 40 more")));
        assert!(shown(&json!("ä".repeat(300))).ends_with("… (600 bytes)"));
    }
}
