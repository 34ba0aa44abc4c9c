//! Label and field selectors.

use serde_json::Value;

use super::refusal::{Refusal, Result};

/// Requirements that an object's labels meet together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Above(String, i64),
    Below(String, i64),
}

impl Labels {
    /// From the form that stands in addresses: `a=b,c in (d,e),!f`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused =
            |part: &str| Refusal::bad_request(format!("unable to parse requirement: found '{part}' in \"{text}\""));
        let mut requirements = Vec::new();
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            requirements.push(Requirement::parse(part).ok_or_else(|| refused(part))?);
        }
        Ok(Self(requirements))
    }

    /// From a `LabelSelector`; one that is missing selects nothing and one that is empty everything.
    pub(crate) fn of(selector: &Value) -> Option<Self> {
        let selector = selector.as_object()?;
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            requirements.push(Requirement::expression(expression)?);
        }
        Some(Self(requirements))
    }

    /// From a plain map, as services and replication controllers have it.
    pub(crate) fn map(selector: &Value) -> Option<Self> {
        let pairs = selector.as_object().filter(|pairs| !pairs.is_empty())?;
        let requirement =
            |(key, value): (&String, &Value)| Some(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
        pairs.iter().map(requirement).collect::<Option<_>>().map(Self)
    }

    /// From a term of a node selector.
    pub(crate) fn expressions(expressions: &Value) -> Option<Self> {
        expressions.as_array()?.iter().map(Requirement::expression).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(&label))
    }

    pub(crate) fn matches_object(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.matches(|key| labels.get(key).and_then(Value::as_str))
    }

    pub(crate) fn matches_labels(&self, labels: &Value) -> bool {
        self.matches(|key| labels.get(key).and_then(Value::as_str))
    }
}

/// At commas that stand outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

impl Requirement {
    fn parse(part: &str) -> Option<Self> {
        let key = |text: &str| {
            let text = text.trim();
            let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "=!<>(),".contains(c));
            plain.then(|| text.to_owned())
        };
        if let Some(missing) = part.strip_prefix('!') {
            return Some(Self::Missing(key(missing)?));
        }
        if let Some((name, value)) = part.split_once("!=") {
            return Some(Self::NotIn(key(name)?, vec![value.trim().to_owned()]));
        }
        if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            return Some(Self::In(key(name)?, vec![value.trim().to_owned()]));
        }
        if let Some((name, value)) = part.split_once('>') {
            return Some(Self::Above(key(name)?, value.trim().parse().ok()?));
        }
        if let Some((name, value)) = part.split_once('<') {
            return Some(Self::Below(key(name)?, value.trim().parse().ok()?));
        }
        if let Some((front, values)) = part.split_once('(') {
            let values = values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
            let (name, word) = front.trim().rsplit_once(char::is_whitespace)?;
            return match word {
                "in" => Some(Self::In(key(name)?, values)),
                "notin" => Some(Self::NotIn(key(name)?, values)),
                _ => None,
            };
        }
        Some(Self::Exists(key(part)?))
    }

    fn expression(expression: &Value) -> Option<Self> {
        let key = expression["key"].as_str()?.to_owned();
        let values: Vec<String> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let number = || values.first().and_then(|value| value.parse().ok());
        match expression["operator"].as_str()? {
            "In" => Some(Self::In(key, values)),
            "NotIn" => Some(Self::NotIn(key, values)),
            "Exists" => Some(Self::Exists(key)),
            "DoesNotExist" => Some(Self::Missing(key)),
            "Gt" => Some(Self::Above(key, number()?)),
            "Lt" => Some(Self::Below(key, number()?)),
            _ => None,
        }
    }

    fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let number = |key: &str| label(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(key, values) => label(key).is_some_and(|found| values.iter().any(|value| value == found)),
            Self::NotIn(key, values) => label(key).is_none_or(|found| values.iter().all(|value| value != found)),
            Self::Exists(key) => label(key).is_some(),
            Self::Missing(key) => label(key).is_none(),
            Self::Above(key, than) => number(key).is_some_and(|found| found > *than),
            Self::Below(key, than) => number(key).is_some_and(|found| found < *than),
        }
    }
}

/// Requirements on fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String, bool)>);

/// Fields that can be selected by, besides name and namespace.
const SELECTABLE: &[(&str, &[&str])] = &[
    (
        "pods",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
    ),
    (
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    ("nodes", &["spec.unschedulable"]),
    ("namespaces", &["status.phase"]),
    ("secrets", &["type"]),
    ("jobs.batch", &["status.successful"]),
    ("services", &["spec.clusterIP", "spec.type"]),
    ("replicasets.apps", &["status.replicas"]),
    ("replicationcontrollers", &["status.replicas"]),
    ("certificatesigningrequests.certificates.k8s.io", &["spec.signerName"]),
];

impl Fields {
    /// From `a=b,c!=d`, for a resource (`pods`, `jobs.batch`), with the fields that its definition adds.
    pub(crate) fn parse(text: &str, resource: &str, more: &[String]) -> Result<Self> {
        let mut requirements = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (key, value, equal) = if let Some((key, value)) = part.split_once("!=") {
                (key, value, false)
            } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (key, value, true)
            } else {
                let why = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(Refusal::bad_request(why));
            };
            let key = key.trim();
            let listed = SELECTABLE.iter().find(|(known, _)| *known == resource).map_or(&[][..], |(_, fields)| *fields);
            if !matches!(key, "metadata.name" | "metadata.namespace")
                && !listed.contains(&key)
                && !more.iter().any(|field| field == key)
            {
                return Err(Refusal::bad_request(format!("field label not supported: {key}")));
            }
            requirements.push((key.to_owned(), value.trim().to_owned(), equal));
        }
        Ok(Self(requirements))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether only the name or namespace is asked for, which is known without reading the object.
    pub(crate) fn needs_object(&self) -> bool {
        self.0.iter().any(|(key, ..)| !matches!(key.as_str(), "metadata.name" | "metadata.namespace"))
    }

    pub(crate) fn matches_key(&self, namespace: &str, name: &str) -> bool {
        self.0.iter().all(|(key, value, equal)| match key.as_str() {
            "metadata.name" => (value == name) == *equal,
            "metadata.namespace" => (value == namespace) == *equal,
            _ => true,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(key, value, equal)| (field(object, key) == *value) == *equal)
    }
}

fn field(object: &Value, key: &str) -> String {
    if key == "source" {
        return object["source"]["component"].as_str().unwrap_or_default().to_owned();
    }
    if key == "status.successful" {
        return object["status"]["succeeded"].as_i64().unwrap_or(0).to_string();
    }
    let mut found = object;
    for part in key.trim_start_matches('.').split('.') {
        found = &found[part];
    }
    match found {
        Value::String(text) => text.clone(),
        Value::Null if key == "spec.unschedulable" || key == "spec.hostNetwork" => "false".into(),
        Value::Null if key == "status.replicas" => "0".into(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn label_selectors_read_as_kubectl_writes_them() {
        let object = json!({ "metadata": { "labels": { "app": "web", "tier": "front", "rank": "7" } } });
        for (selector, wanted) in [
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (api, web),!gone", true),
            ("tier notin (front)", false),
            ("rank>6", true),
            ("rank<7", false),
            ("missing", false),
            ("", true),
        ] {
            assert_eq!(Labels::parse(selector).unwrap().matches_object(&object), wanted, "{selector}");
        }
        assert!(Labels::parse("a b c").is_err());
        assert!(Labels::parse("a in x").is_err());
    }

    #[test]
    fn field_selectors_refuse_what_cannot_be_selected_by() {
        let pod = json!({ "metadata": { "name": "a" }, "status": { "phase": "Running" } });
        let fields = Fields::parse("status.phase=Running,metadata.name!=b,spec.nodeName=", "pods", &[]).unwrap();
        assert!(fields.matches(&pod));
        assert!(Fields::parse("spec.image=x", "pods", &[]).is_err());
        assert!(Fields::parse("status.phase", "pods", &[]).is_err());
    }
}
