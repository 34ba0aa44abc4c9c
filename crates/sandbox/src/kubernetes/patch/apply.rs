//! Server-side apply: an object becomes what several managers want it to be.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    super::{
        cluster::{Cluster, order},
        kinds::Kind,
        refusal::{Cause, Refusal, Result},
        store::Stored,
        verbs::{Manner, create, strip},
    },
    managed::{self, Entry, Fields, Leaves, Operation, Path},
    shape::{List, Shape, key},
};

/// Applies what a manager wants; the second of the result says whether the object is new.
pub(crate) fn apply(
    cluster: &mut Cluster,
    kind: &Arc<Kind>,
    namespace: Option<&str>,
    name: &str,
    mut applied: Value,
    manner: &Manner,
    force: bool,
) -> Result<(Arc<Stored>, bool)> {
    if applied["apiVersion"].is_null() || applied["kind"].is_null() {
        return Err(Refusal::bad_request("apiVersion and kind must be set in an applied configuration"));
    }
    strip(kind, &mut applied)?;
    let mut applied = order(&mut applied);
    if !applied["metadata"]["managedFields"].is_null() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    without_nulls(&mut applied);
    create::place(kind, &mut applied["metadata"], namespace)?;
    match applied["metadata"]["name"].as_str() {
        Some(said) if said != name => {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({said}) does not match the name on the URL ({name})"
            )));
        }
        _ => applied["metadata"]["name"] = name.into(),
    }
    let wanted = managed::leaves(kind, &applied, manner.part.as_deref());
    let own = Entry {
        manager: manner.manager.clone(),
        operation: Operation::Apply,
        api_version: kind.api_version(),
        part: manner.part.clone(),
        fields: wanted.keys().cloned().collect(),
        time: cluster.now().into(),
    };
    let Some(live) = cluster.store.get(&kind.resource, namespace.unwrap_or_default(), name).cloned() else {
        if manner.part.is_some() {
            return Err(Refusal::not_found(kind, name));
        }
        let mut object = cluster.prepare(kind, namespace, applied)?;
        managed::write(&mut object, &[own]);
        return Ok((cluster.create_prepared(kind, object, manner, Operation::Apply)?, true));
    };
    let before = live.value();
    let (mut object, entries) = merged(kind, &before, &applied, &wanted, own, manner, force, cluster.now())?;
    managed::write(&mut object, &entries);
    Ok((cluster.replace(kind, &live, object, manner, Operation::Apply)?, false))
}

#[expect(clippy::too_many_arguments, reason = "one step of `apply`, which has them all")]
fn merged(
    kind: &Kind,
    before: &Value,
    applied: &Value,
    wanted: &Leaves,
    mut own: Entry,
    manner: &Manner,
    force: bool,
    now: String,
) -> Result<(Value, Vec<Entry>)> {
    let part = manner.part.as_deref();
    let mut entries = managed::read(before);
    let live = managed::leaves(kind, before, part);
    if entries.is_empty() && !live.is_empty() {
        entries.push(Entry {
            manager: "before-first-apply".into(),
            operation: Operation::Update,
            api_version: kind.api_version(),
            part: None,
            fields: live.keys().cloned().collect(),
            time: now.into(),
        });
    }
    let mine = entries.iter().position(|entry| entry.is(&own.manager, Operation::Apply, part));
    let previous = mine.map(|at| entries.remove(at));
    let differs = |path: &Path| wanted.get(path).is_some_and(|value| live.get(path) != Some(value));
    let mut causes = Vec::new();
    for entry in &mut entries {
        let contested: Fields = entry.fields.iter().filter(|path| differs(path)).cloned().collect();
        if force {
            entry.fields.retain(|path| !contested.contains(path));
            continue;
        }
        for path in contested {
            causes.push(Cause::conflict(managed::shown(&path), conflict(entry, &own)));
        }
    }
    if !causes.is_empty() {
        return Err(Refusal::owned(&causes));
    }
    let mut object = before.clone();
    merge(&mut object, applied, Shape::of(kind));
    object["metadata"]["resourceVersion"] = applied["metadata"]["resourceVersion"].clone();
    if let Some(previous) = &previous {
        let others: Fields = entries.iter().flat_map(|entry| entry.fields.iter().cloned()).collect();
        let mut given_up: Vec<&Path> =
            previous.fields.iter().filter(|path| !own.fields.contains(*path) && !owned(&others, path)).collect();
        // Items after what is in them.
        given_up.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for path in given_up {
            remove(&mut object, path);
        }
        if previous.fields == own.fields && live_says(&live, wanted) {
            own.time.clone_from(&previous.time);
        }
    }
    entries.push(own);
    Ok((object, entries))
}

fn live_says(live: &Leaves, wanted: &Leaves) -> bool {
    wanted.iter().all(|(path, value)| live.get(path) == Some(value))
}

fn conflict(entry: &Entry, own: &Entry) -> String {
    let mut message = format!("conflict with \"{}\"", entry.manager);
    if let Some(part) = &entry.part {
        message.push_str(&format!(" with subresource \"{part}\""));
    }
    if entry.operation == Operation::Update || entry.api_version != own.api_version {
        message.push_str(&format!(" using {}", entry.api_version));
    }
    message
}

/// Whether others own this, or something in it.
fn owned(others: &Fields, path: &Path) -> bool {
    let item = path.last().is_some_and(|last| last == ".");
    let place = if item { &path[..path.len() - 1] } else { &path[..] };
    others.iter().any(|other| if item { other.starts_with(place) } else { other == path })
}

/// Puts what is applied over what is there.
fn merge(target: &mut Value, applied: &Value, shape: Shape<'_>) {
    match (&mut *target, applied) {
        (Value::Object(members), Value::Object(wanted)) if !shape.is_whole() => {
            for (name, value) in wanted {
                match members.get_mut(name) {
                    Some(member) => merge(member, value, shape.member(name)),
                    None => {
                        members.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(wanted)) => match shape.list() {
            List::Map(keys) => {
                for value in wanted {
                    let wanted = key(value, &keys);
                    match items.iter_mut().find(|item| wanted.is_some() && key(item, &keys) == wanted) {
                        Some(item) => merge(item, value, shape.item()),
                        None => items.push(value.clone()),
                    }
                }
            }
            List::Set => {
                let new: Vec<Value> = wanted.iter().filter(|value| !items.contains(value)).cloned().collect();
                items.extend(new);
            }
            List::Atomic => items.clone_from(wanted),
        },
        _ => target.clone_from(applied),
    }
}

/// Takes a field out, and the maps around it that hold nothing any more.
fn remove(target: &mut Value, path: &[String]) -> bool {
    let Some((element, rest)) = path.split_first() else { return true };
    if element == "." {
        return true;
    }
    let emptied =
        |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    match (element.split_once(':'), target) {
        (Some(("f", name)), Value::Object(members)) => {
            let Some(member) = members.get_mut(name) else { return false };
            if rest.is_empty() || (remove(member, rest) && emptied(member)) {
                members.shift_remove(name);
            }
            true
        }
        (Some(("k", wanted)), Value::Array(items)) => {
            let wanted: Value = serde_json::from_str(wanted).unwrap_or_default();
            let keys: Vec<String> = wanted.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            let Some(at) = items.iter().position(|item| key(item, &keys).as_ref() == Some(&wanted)) else {
                return false;
            };
            if rest == ["."] {
                items.remove(at);
            } else {
                remove(&mut items[at], rest);
            }
            true
        }
        (Some(("v", wanted)), Value::Array(items)) => {
            let wanted: Value = serde_json::from_str(wanted).unwrap_or_default();
            items.retain(|item| *item != wanted);
            true
        }
        _ => false,
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
