//! What a change makes of an object, field by field.

use serde_json::Value;

/// Fields that are told; the rest is counted.
const MOST: usize = 60;
/// Members that the server keeps for itself.
const OWN: [&str; 6] = ["status", "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"];

/// Lines such as `spec.replicas: 2 -> 3`; none where nothing would change.
pub(super) fn lines(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("… and {more} more"));
    }
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names.filter(|name| !OWN.contains(&name.as_str())) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, &before[name], &after[name], found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{at}]"), old, new, found);
            }
        }
        (Value::Null, new) => found.push(format!("{path}: + {}", short(new))),
        (old, Value::Null) => found.push(format!("{path}: - {}", short(old))),
        (old, new) => found.push(format!("{path}: {} -> {}", short(old), short(new))),
    }
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_told_field_by_field() {
        let before = json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": 2, "old": 1, "list": [1, 2] }, "status": 1 });
        let after = json!({ "metadata": { "resourceVersion": "2" }, "spec": { "replicas": 3, "new": "x", "list": [1, 3] }, "status": 2 });
        assert_eq!(
            lines(&before, &after),
            ["spec.replicas: 2 -> 3", "spec.old: - 1", "spec.list[1]: 2 -> 3", "spec.new: + x"]
        );
        assert!(lines(&before, &before).is_empty());
    }

    #[test]
    fn long_changes_are_cut() {
        let before: Value = (0..100).map(|n| (format!("f{n}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
        let found = lines(&before, &json!({}));
        assert_eq!((found.len(), found[60].as_str()), (61, "… and 40 more"));
        assert!(short(&json!("ä".repeat(200))).ends_with('…'));
    }
}
