//! Which kinds there are, in the old form (a request for each group) and in the aggregated one.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    http::body::{self, Reply},
    kinds::{Kind, Kinds},
    metrics,
    refusal::{Refusal, Result},
    review,
    shared::Shared,
};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

pub(crate) fn aggregated(accept: &str) -> bool {
    accept.split(',').next().is_some_and(|first| {
        first.contains("as=APIGroupDiscoveryList") && first.split(';').any(|part| part.trim() == "v=v2")
    })
}

/// Groups that consist of questions or figures, not of objects: name, version, resources.
fn others() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let mut others = review::resources();
    others.push((metrics::GROUP, metrics::VERSION, metrics::resources()));
    others
}

fn verbs(kind: &Kind) -> Value {
    if &*kind.resource == "namespaces" {
        return json!(["create", "delete", "get", "list", "patch", "update", "watch"]);
    }
    json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"])
}

fn resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": verbs(kind),
    });
    if !kind.short.is_empty() {
        resource["shortNames"] = kind.short.clone().into();
    }
    if !kind.categories.is_empty() {
        resource["categories"] = kind.categories.clone().into();
    }
    resource
}

/// A part of an object: its verbs, and the kind that it speaks.
fn part(kind: &Kind, name: &str) -> (Vec<&'static str>, String, String, String) {
    let own = (kind.group.clone(), kind.version.clone(), kind.kind.clone());
    let (verbs, (group, version, kind)) = match name {
        "scale" => (vec!["get", "patch", "update"], ("autoscaling".into(), "v1".into(), "Scale".into())),
        "log" => (vec!["get"], own),
        "eviction" => (vec!["create"], ("policy".into(), "v1".into(), "Eviction".into())),
        "binding" => (vec!["create"], (String::new(), "v1".into(), "Binding".into())),
        "token" => (vec!["create"], ("authentication.k8s.io".into(), "v1".into(), "TokenRequest".into())),
        "finalize" => (vec!["update"], own),
        _ => (vec!["get", "patch", "update"], own),
    };
    (verbs, group, version, kind)
}

fn of_version<'a>(kinds: &'a Kinds, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Arc<Kind>> {
    kinds.all().filter(move |kind| kind.group == group && kind.version == version)
}

/// `APIResourceList`.
pub(crate) fn resources(shared: &Arc<Shared>, group: &str, version: &str) -> Result<Reply> {
    let mut list: Vec<Value> = shared.with(|cluster| {
        let mut list = Vec::new();
        for kind in of_version(&cluster.kinds, group, version) {
            list.push(resource(kind));
            for name in &kind.subresources {
                let (verbs, part_group, part_version, part_kind) = part(kind, name);
                let mut entry = json!({
                    "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                    "kind": part_kind, "verbs": verbs,
                });
                if (part_group.as_str(), part_version.as_str()) != (group, version) {
                    entry["group"] = part_group.into();
                    entry["version"] = part_version.into();
                }
                list.push(entry);
            }
        }
        list
    });
    for (_, _, more) in others().into_iter().filter(|(name, of, _)| (*name, *of) == (group, version)) {
        list.extend(more);
    }
    if list.is_empty() {
        return Err(Refusal::no_such_resource());
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(body::json(
        200,
        &json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list }),
    ))
}

fn all_groups(shared: &Arc<Shared>) -> Vec<(String, Vec<String>)> {
    let mut groups = shared.with(|cluster| cluster.kinds.groups());
    groups.retain(|(name, _)| !name.is_empty());
    for (name, version, _) in others() {
        groups.push((name.into(), vec![version.into()]));
    }
    groups
}

fn group_value(name: &str, versions: &[String]) -> Value {
    let version = |version: &String| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let versions: Vec<Value> = versions.iter().map(version).collect();
    json!({ "name": name, "preferredVersion": versions[0], "versions": versions })
}

/// `APIGroupList`.
pub(crate) fn group_list(shared: &Arc<Shared>) -> Value {
    let groups: Vec<Value> = all_groups(shared).iter().map(|(name, versions)| group_value(name, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `APIGroup`.
pub(crate) fn group(shared: &Arc<Shared>, name: &str) -> Result<Reply> {
    let groups = all_groups(shared);
    let (name, versions) = groups.iter().find(|(found, _)| found == name).ok_or_else(Refusal::no_such_resource)?;
    let mut group = group_value(name, versions);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Ok(body::json(200, &group))
}

/// The core group, aggregated.
pub(crate) fn core(shared: &Arc<Shared>) -> Reply {
    let group = shared.with(|cluster| aggregated_group(&cluster.kinds, "", &["v1".into()]));
    aggregated_list(&[group])
}

/// All other groups, aggregated.
pub(crate) fn groups(shared: &Arc<Shared>) -> Reply {
    let mut groups: Vec<Value> = shared.with(|cluster| {
        let groups = cluster.kinds.groups();
        let named = groups.iter().filter(|(name, _)| !name.is_empty());
        named.map(|(name, versions)| aggregated_group(&cluster.kinds, name, versions)).collect()
    });
    for (name, version, resources) in others() {
        let resources: Vec<Value> = resources.iter().map(|old| aggregated_other(old, name, version)).collect();
        groups.push(json!({
            "metadata": { "name": name, "creationTimestamp": null },
            "versions": [{ "version": version, "resources": resources, "freshness": "Current" }],
        }));
    }
    aggregated_list(&groups)
}

fn aggregated_list(groups: &[Value]) -> Reply {
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups,
    });
    body::bytes(200, AGGREGATED, Bytes::from(list.to_string()))
}

fn aggregated_other(old: &Value, group: &str, version: &str) -> Value {
    let scope = if old["namespaced"] == true { "Namespaced" } else { "Cluster" };
    json!({
        "resource": old["name"], "singularResource": old["singularName"], "scope": scope, "verbs": old["verbs"],
        "responseKind": { "group": group, "version": version, "kind": old["kind"] },
    })
}

fn aggregated_group(kinds: &Kinds, name: &str, versions: &[String]) -> Value {
    let entry = |kind: &Arc<Kind>| {
        let response = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
        let mut entry = json!({
            "resource": kind.plural, "responseKind": response, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": kind.singular, "verbs": verbs(kind),
        });
        if !kind.short.is_empty() {
            entry["shortNames"] = kind.short.clone().into();
        }
        if !kind.categories.is_empty() {
            entry["categories"] = kind.categories.clone().into();
        }
        let parts = kind.subresources.iter().map(|name| {
            let (verbs, group, version, response) = part(kind, name);
            json!({
                "subresource": name, "verbs": verbs,
                "responseKind": { "group": group, "version": version, "kind": response },
            })
        });
        let parts: Vec<Value> = parts.collect();
        if !parts.is_empty() {
            entry["subresources"] = parts.into();
        }
        entry
    };
    let version = |version: &String| {
        let resources: Vec<Value> = of_version(kinds, name, version).map(entry).collect();
        json!({ "version": version, "resources": resources, "freshness": "Current" })
    };
    let mut metadata = json!({ "creationTimestamp": null });
    if !name.is_empty() {
        metadata["name"] = name.into();
    }
    json!({ "metadata": metadata, "versions": versions.iter().map(version).collect::<Vec<_>>() })
}
