//! Who owns which field (`metadata.managedFields`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    super::{kinds::Kind, verbs::Manner},
    shape::{List, Shape, key},
};

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// A place: `f:spec`, `k:{"name":"a"}`, `v:"x"`, and `.` for an item itself.
pub(crate) type Path = Vec<String>;
/// Fields that somebody owns.
pub(crate) type Fields = BTreeSet<Path>;
/// Fields of an object with their values.
pub(crate) type Leaves = BTreeMap<Path, Value>;

/// What of the metadata nobody owns.
const UNOWNED: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
];

/// The fields of an object, without those that nobody owns; the status alone, or all but it.
pub(crate) fn leaves(kind: &Kind, object: &Value, part: Option<&str>) -> Leaves {
    let mut found = Leaves::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let of_part = match part {
            Some("status") => name == "status",
            _ => name != "status" || !kind.has("status"),
        };
        if !of_part || name == "apiVersion" || name == "kind" {
            continue;
        }
        let shape = Shape::of(kind).member(name);
        if name == "metadata" {
            for (name, value) in value.as_object().into_iter().flatten() {
                if !UNOWNED.contains(&name.as_str()) {
                    collect(value, shape.member(name), &mut vec!["f:metadata".into(), format!("f:{name}")], &mut found);
                }
            }
        } else {
            collect(value, shape, &mut vec![format!("f:{name}")], &mut found);
        }
    }
    found
}

fn collect(value: &Value, shape: Shape<'_>, path: &mut Path, found: &mut Leaves) {
    let mut below = |element: String, value: &Value, shape: Shape<'_>, own: bool| {
        path.push(element);
        if own {
            let mut own = path.clone();
            own.push(".".into());
            found.insert(own, Value::Null);
        }
        collect(value, shape, path, found);
        path.pop();
    };
    match value {
        Value::Object(members) if !members.is_empty() && !shape.is_whole() => {
            for (name, value) in members {
                below(format!("f:{name}"), value, shape.member(name), false);
            }
        }
        Value::Array(items) if !items.is_empty() => match shape.list() {
            List::Map(keys) if items.iter().all(|item| key(item, &keys).is_some()) => {
                for item in items {
                    let element = format!("k:{}", key(item, &keys).unwrap_or_default());
                    below(element, item, shape.item(), true);
                }
            }
            List::Set => {
                for item in items {
                    path.push(format!("v:{item}"));
                    found.insert(path.clone(), item.clone());
                    path.pop();
                }
            }
            _ => {
                found.insert(path.clone(), value.clone());
            }
        },
        Value::Null => {}
        _ => {
            found.insert(path.clone(), value.clone());
        }
    }
}

/// The tree that objects carry.
fn tree(fields: &Fields) -> Value {
    let mut root = Map::new();
    for path in fields {
        let mut place = &mut root;
        for element in path {
            let entry = place.entry(element.clone()).or_insert_with(|| json!({}));
            let Value::Object(next) = entry else { break };
            place = next;
        }
    }
    Value::Object(root)
}

fn fields(tree: &Value) -> Fields {
    fn walk(tree: &Value, path: &mut Path, found: &mut Fields) {
        match tree.as_object() {
            Some(members) if !members.is_empty() => {
                for (element, below) in members {
                    // Maps of which somebody owns the bare existence: nothing follows from it here.
                    if element == "." && !path.last().is_some_and(|last| last.starts_with("k:")) {
                        continue;
                    }
                    path.push(element.clone());
                    walk(below, path, found);
                    path.pop();
                }
            }
            _ => {
                found.insert(path.clone());
            }
        }
    }
    let mut found = Fields::new();
    walk(tree, &mut Path::new(), &mut found);
    found.remove(&Path::new());
    found
}

/// One manager's fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) part: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) time: Value,
}

impl Entry {
    pub(crate) fn is(&self, manager: &str, operation: Operation, part: Option<&str>) -> bool {
        self.manager == manager && self.operation == operation && self.part.as_deref() == part
    }
}

pub(crate) fn read(object: &Value) -> Vec<Entry> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let read = |entry: &Value| {
        Some(Entry {
            manager: entry["manager"].as_str()?.to_owned(),
            operation: if entry["operation"] == "Apply" { Operation::Apply } else { Operation::Update },
            api_version: entry["apiVersion"].as_str().unwrap_or_default().to_owned(),
            part: entry["subresource"].as_str().map(str::to_owned),
            fields: fields(&entry["fieldsV1"]),
            time: entry["time"].clone(),
        })
    };
    entries.filter_map(read).collect()
}

pub(crate) fn write(object: &mut Value, entries: &[Entry]) {
    let write = |entry: &Entry| {
        let mut written = json!({
            "manager": entry.manager,
            "operation": if entry.operation == Operation::Apply { "Apply" } else { "Update" },
            "apiVersion": entry.api_version, "time": entry.time,
            "fieldsType": "FieldsV1", "fieldsV1": tree(&entry.fields),
        });
        if let Some(part) = &entry.part {
            written["subresource"] = part.clone().into();
        }
        written
    };
    let written: Vec<Value> = entries.iter().filter(|entry| !entry.fields.is_empty()).map(write).collect();
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    if written.is_empty() {
        metadata.shift_remove("managedFields");
    } else {
        metadata.insert("managedFields".into(), written.into());
    }
}

/// Notes that a manager made the object.
pub(crate) fn created(kind: &Kind, object: &mut Value, manner: &Manner, now: &str) {
    let fields = leaves(kind, object, None).into_keys().collect();
    let entry = Entry {
        manager: manner.manager.clone(),
        operation: Operation::Update,
        api_version: kind.api_version(),
        part: None,
        fields,
        time: now.into(),
    };
    write(object, &[entry]);
}

/// Notes that a manager changed the object: what changed is its own now, and nobody else's.
pub(crate) fn updated(kind: &Kind, before: &Value, object: &mut Value, manner: &Manner, now: &str) {
    // Clients may hand over or give up ownership themselves.
    let mut entries = match object["metadata"].get("managedFields") {
        Some(_) => read(object),
        None => read(before),
    };
    let part = manner.part.as_deref();
    let (old, new) = (leaves(kind, before, part), leaves(kind, object, part));
    let changed: Fields =
        new.iter().filter(|(path, value)| old.get(*path) != Some(*value)).map(|(p, _)| p.clone()).collect();
    let gone: Fields = old.keys().filter(|path| !new.contains_key(*path)).cloned().collect();
    if !changed.is_empty() || !gone.is_empty() {
        for entry in &mut entries {
            entry.fields.retain(|path| !gone.contains(path));
            if !entry.is(&manner.manager, Operation::Update, part) {
                entry.fields.retain(|path| !changed.contains(path) || path.last().is_some_and(|last| last == "."));
            }
        }
        if !changed.is_empty() {
            let own = entries.iter_mut().find(|entry| entry.is(&manner.manager, Operation::Update, part));
            if let Some(own) = own {
                own.fields.extend(changed);
                own.time = now.into();
            } else {
                entries.push(Entry {
                    manager: manner.manager.clone(),
                    operation: Operation::Update,
                    api_version: kind.api_version(),
                    part: manner.part.clone(),
                    fields: changed,
                    time: now.into(),
                });
            }
        }
    }
    write(object, &entries);
}

/// The place as people write it: `.spec.containers[name="a"].image`.
pub(crate) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for element in path {
        match element.split_once(':') {
            Some(("f", name)) => {
                text.push('.');
                text.push_str(name);
            }
            Some(("k", key)) => {
                let key: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
                let pairs: Vec<String> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
                text.push_str(&format!("[{}]", pairs.join(",")));
            }
            Some(("v", value)) => text.push_str(&format!("[={value}]")),
            _ => {}
        }
    }
    text
}
