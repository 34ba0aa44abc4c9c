//! The strategic merge patch of Kubernetes.

use serde_json::{Map, Value};

use super::{
    super::refusal::{Refusal, Result},
    shape::{List, Shape},
};

const ORDER: &str = "$setElementOrder/";
const TAKE_OUT: &str = "$deleteFromPrimitiveList/";

pub(crate) fn merge(target: &mut Value, patch: &Value, shape: Shape<'_>) -> Result<()> {
    let Value::Object(patch) = patch else {
        return Err(Refusal::bad_request("a strategic merge patch is an object"));
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return Ok(()) };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            members.clear();
            let plain = patch.iter().filter(|(name, _)| *name != "$patch");
            members.extend(plain.map(|(name, value)| (name.clone(), value.clone())));
            return Ok(());
        }
        Some("delete") => {
            members.clear();
            return Ok(());
        }
        _ => {}
    }
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        members.retain(|name, _| keep.iter().any(|kept| kept == name));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(TAKE_OUT) {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(found) = members.get_mut(list).and_then(Value::as_array_mut) {
                found.retain(|item| !gone.contains(item));
            }
        }
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        match value {
            Value::Null => {
                members.shift_remove(name);
            }
            Value::Object(_) => {
                let member = members.entry(name.clone()).or_insert(Value::Null);
                merge(member, value, shape.member(name))?;
            }
            Value::Array(items) => {
                let member = members.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
                list(member, items, shape.member(name))?;
            }
            plain => {
                members.insert(name.clone(), plain.clone());
            }
        }
    }
    for (name, order) in patch {
        if let (Some(list), Some(order)) = (name.strip_prefix(ORDER), order.as_array())
            && let Some(items) = members.get_mut(list).and_then(Value::as_array_mut)
        {
            sort(items, order);
        }
    }
    Ok(())
}

fn list(target: &mut Value, items: &[Value], shape: Shape<'_>) -> Result<()> {
    let replace = items.iter().any(|item| item["$patch"] == "replace");
    let existing = target.as_array().cloned().unwrap_or_default();
    let keys = match shape.list() {
        List::Map(keys) if !replace => keys,
        List::Set if !replace => {
            let mut all = existing;
            all.extend(items.iter().filter(|item| !all.contains(item)).cloned().collect::<Vec<_>>());
            *target = all.into();
            return Ok(());
        }
        _ => {
            let kept = items.iter().filter(|item| item.get("$patch").is_none()).cloned();
            *target = kept.collect();
            return Ok(());
        }
    };
    let key = keys[0].as_str();
    let mut all = existing;
    for item in items {
        let Some(wanted) = item.get(key) else {
            return Err(Refusal::bad_request(format!("map: {item} does not contain declared merge key: {key}")));
        };
        let place = all.iter().position(|found| found.get(key) == Some(wanted));
        if item["$patch"] == "delete" {
            all.retain(|found| found.get(key) != Some(wanted));
            continue;
        }
        if let Some(place) = place {
            merge(&mut all[place], item, shape.item())?;
        } else {
            let mut new = Value::Null;
            merge(&mut new, item, shape.item())?;
            all.push(new);
        }
    }
    *target = all.into();
    Ok(())
}

/// In the order that the patch wants; what it does not name keeps its place behind what came before it.
fn sort(items: &mut [Value], order: &[Value]) {
    let rank = |item: &Value| {
        order.iter().position(|wanted| match wanted {
            Value::Object(key) => key.iter().all(|(name, value)| item.get(name) == Some(value)),
            plain => plain == item,
        })
    };
    let mut last = 0;
    let mut ranked: Vec<(usize, usize, Value)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        last = rank(item).unwrap_or(last);
        ranked.push((last, at, item.clone()));
    }
    ranked.sort_by_key(|(rank, at, _)| (*rank, *at));
    for (place, (.., item)) in items.iter_mut().zip(ranked) {
        *place = item;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(before: Value, patch: &Value) -> Value {
        let mut after = before;
        merge(&mut after, patch, Shape::Builtin { kind: "Pod", member: "", around: "" }).unwrap();
        after
    }

    #[test]
    fn containers_merge_by_name_and_tolerations_do_not() {
        let before = json!({ "spec": {
            "containers": [{ "name": "a", "image": "a:1" }, { "name": "b", "image": "b:1" }],
            "tolerations": [{ "key": "x" }],
        } });
        let patch = json!({ "spec": {
            "containers": [{ "name": "b", "image": "b:2" }, { "name": "c" }, { "name": "a", "$patch": "delete" }],
            "tolerations": [{ "key": "y" }],
            "$setElementOrder/containers": [{ "name": "c" }, { "name": "b" }],
        } });
        let wanted = json!({ "spec": {
            "containers": [{ "name": "c" }, { "name": "b", "image": "b:2" }], "tolerations": [{ "key": "y" }],
        } });
        assert_eq!(merged(before, &patch), wanted);
    }

    #[test]
    fn directives_take_out_and_replace() {
        let before = json!({ "metadata": { "finalizers": ["a", "b"], "labels": { "x": "1" } } });
        let patch = json!({ "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"], "labels": { "$patch": "replace", "y": "2" },
        } });
        assert_eq!(merged(before, &patch), json!({ "metadata": { "finalizers": ["b"], "labels": { "y": "2" } } }));
    }
}
