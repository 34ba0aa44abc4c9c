//! What is read out of objects of any kind.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::Others;

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub(crate) fn namespace(object: &Value) -> Option<&str> {
    object["metadata"]["namespace"].as_str()
}

pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn moment(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}

/// `3d4h`, as kubectl says it.
pub(crate) fn age(from: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (now - from).whole_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `app=web,tier=front` of a label selector as objects hold it; `None` for what selects nothing.
pub(crate) fn selector(selector: &Value) -> Option<String> {
    let mut parts = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for expression in list(selector, "/matchExpressions") {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = list(expression, "/values").iter().filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// One condition of a status.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Others>,
}

pub(crate) fn conditions(object: &Value) -> Vec<Condition> {
    let text =
        |condition: &Value, name: &str| condition[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let read = |condition: &Value| Condition {
        kind: text(condition, "type").unwrap_or_default(),
        status: text(condition, "status").unwrap_or_default(),
        reason: text(condition, "reason"),
        message: text(condition, "message").map(Others),
    };
    list(object, "/status/conditions").iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_written_as_questions() {
        let selector = selector(&json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "x", "operator": "DoesNotExist"}]}));
        assert_eq!(selector.unwrap(), "app=web,tier in (a,b),!x");
        assert_eq!(super::selector(&json!({})), None);
    }
}
