//! How lists and maps of objects merge: whole, as sets, or item by item.

use serde_json::Value;

use super::super::kinds::Kind;

/// How a list merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    /// As a whole.
    Atomic,
    /// Plain values, each once.
    Set,
    /// Items known by these members.
    Map(Vec<String>),
}

/// A place in an object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Of a built-in kind: the kind, the member, and the member around it.
    Builtin { kind: &'a str, member: &'a str, around: &'a str },
    /// Of a kind with a definition.
    Schema(&'a Value),
    /// Nothing is known: maps merge, lists do not.
    Unknown,
}

/// Lists of built-in kinds whose items are known by members: the member, the one around it (empty for any), the keys. A
/// strategic patch goes by the first key.
const MAPS: &[(&str, &str, &[&str])] = &[
    ("containers", "", &["name"]),
    ("initContainers", "", &["name"]),
    ("ephemeralContainers", "", &["name"]),
    ("volumes", "", &["name"]),
    ("env", "", &["name"]),
    ("volumeMounts", "", &["mountPath"]),
    ("volumeDevices", "", &["devicePath"]),
    ("ports", "containers", &["containerPort", "protocol"]),
    ("ports", "initContainers", &["containerPort", "protocol"]),
    ("ports", "spec", &["port", "protocol"]),
    ("imagePullSecrets", "", &["name"]),
    ("hostAliases", "", &["ip"]),
    ("topologySpreadConstraints", "", &["topologyKey", "whenUnsatisfiable"]),
    ("conditions", "", &["type"]),
    ("ownerReferences", "metadata", &["uid"]),
    ("addresses", "status", &["type"]),
    ("podIPs", "status", &["ip"]),
    ("hostIPs", "status", &["ip"]),
    ("resourceClaims", "", &["name"]),
    ("claims", "resources", &["name"]),
    ("schedulingGates", "spec", &["name"]),
    ("secrets", "", &["name"]),
    ("webhooks", "", &["name"]),
];

/// Maps of built-in kinds that are one value.
const WHOLE: &[&str] = &[
    "selector",
    "nodeSelector",
    "labelSelector",
    "namespaceSelector",
    "podSelector",
    "fieldRef",
    "secretKeyRef",
    "configMapKeyRef",
    "resourceFieldRef",
    "roleRef",
    "claimRef",
    "involvedObject",
    "targetRef",
    "scaleTargetRef",
    "requiredDuringSchedulingIgnoredDuringExecution",
];

impl<'a> Shape<'a> {
    pub(crate) fn of(kind: &'a Kind) -> Self {
        match &kind.custom {
            Some(custom) if custom.schema.is_object() => Self::Schema(&custom.schema),
            Some(_) => Self::Unknown,
            None => Self::Builtin { kind: &kind.kind, member: "", around: "" },
        }
    }

    pub(crate) fn member(self, name: &'a str) -> Self {
        match self {
            Self::Builtin { kind, member, .. } => Self::Builtin { kind, member: name, around: member },
            Self::Schema(schema) => match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => Self::Schema(schema),
                // What every object has has the shape that it has everywhere.
                (None, None) => Self::Builtin { kind: "", member: name, around: "" },
            },
            Self::Unknown => Self::Builtin { kind: "", member: name, around: "" },
        }
    }

    pub(crate) fn item(self) -> Self {
        match self {
            Self::Schema(schema) => Self::Schema(&schema["items"]),
            same => same,
        }
    }

    pub(crate) fn list(self) -> List {
        match self {
            Self::Schema(schema) => match schema["x-kubernetes-list-type"].as_str() {
                Some("map") => {
                    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                    List::Map(keys.filter_map(Value::as_str).map(str::to_owned).collect())
                }
                Some("set") => List::Set,
                _ => List::Atomic,
            },
            Self::Builtin { member: "finalizers", .. } => List::Set,
            Self::Builtin { kind, member, around } => {
                let service_only = member == "ports" && around == "spec" && kind != "Service";
                let found = MAPS
                    .iter()
                    .find(|(name, of, _)| *name == member && (of.is_empty() || *of == around) && !service_only);
                found.map_or(List::Atomic, |(.., keys)| List::Map(keys.iter().map(|key| (*key).to_owned()).collect()))
            }
            Self::Unknown => List::Atomic,
        }
    }

    /// Whether a map here is one value.
    pub(crate) fn is_whole(self) -> bool {
        match self {
            Self::Schema(schema) => schema["x-kubernetes-map-type"] == "atomic",
            Self::Builtin { member, .. } => WHOLE.contains(&member),
            Self::Unknown => false,
        }
    }
}

/// The members by which an item is known, with what is left out meant as usual.
pub(crate) fn key(item: &Value, keys: &[String]) -> Option<Value> {
    let mut key = serde_json::Map::new();
    for name in keys {
        let value = match item.get(name) {
            Some(value) if !value.is_null() => value.clone(),
            _ if name == "protocol" => "TCP".into(),
            _ => return None,
        };
        key.insert(name.clone(), value);
    }
    Some(Value::Object(key))
}
