//! Resource quotas: counted, and kept to.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    cluster::Cluster,
    kinds::Kind,
    quantity::Quantity,
    refusal::{Refusal, Result},
};

const QUOTAS: &str = "resourcequotas";
type Use = BTreeMap<String, Quantity>;

/// Refuses an object that would go beyond a quota of its namespace.
pub(crate) fn check(cluster: &Cluster, kind: &Kind, object: &Value, before: Option<&Value>) -> Result<()> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if cluster.store.count(QUOTAS) == 0 || !kind.namespaced {
        return Ok(());
    }
    let (new, old) = (used_by(kind, object), before.map(|before| used_by(kind, before)).unwrap_or_default());
    let grows = |name: &String| new.get(name).copied().unwrap_or_default() > old.get(name).copied().unwrap_or_default();
    for quota in cluster.values(QUOTAS, Some(namespace)) {
        let used = used(cluster, namespace, &quota);
        let name = quota["metadata"]["name"].as_str().unwrap_or_default();
        let hard = quota["spec"]["hard"].as_object().into_iter().flatten();
        let hard: Vec<(&String, Quantity)> =
            hard.filter_map(|(name, value)| Some((name, Quantity::of(value)?))).collect();
        let of_object = kind.plural.as_str();
        if of_object == "pods" && before.is_none() {
            let missing = hard.iter().map(|(name, _)| name.as_str()).filter(|name| {
                matches!(*name, "cpu" | "memory" | "requests.cpu" | "requests.memory" | "limits.cpu" | "limits.memory")
                    && !new.contains_key(*name)
            });
            let missing: Vec<&str> = missing.collect();
            if !missing.is_empty() {
                let why = format!("failed quota: {name}: must specify {}", missing.join(","));
                return Err(Refusal::forbidden(&kind.group, &kind.plural, object_name(object), &why));
            }
        }
        let mut over: Vec<(&String, Quantity, Quantity, Quantity)> = Vec::new();
        for (resource, limit) in hard {
            let asked = new.get(resource).copied().unwrap_or_default();
            let before = old.get(resource).copied().unwrap_or_default();
            let now = used.get(resource).copied().unwrap_or_default();
            let after = now.plus(asked);
            // What the object used before is counted in what is used.
            if grows(resource) && after > limit.plus(before) {
                over.push((resource, asked, now, limit));
            }
        }
        if !over.is_empty() {
            let list = |value: fn(&(&String, Quantity, Quantity, Quantity)) -> Quantity| {
                over.iter().map(|entry| format!("{}={}", entry.0, value(entry))).collect::<Vec<_>>().join(",")
            };
            let why = format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                list(|entry| entry.1),
                list(|entry| entry.2),
                list(|entry| entry.3)
            );
            return Err(Refusal::forbidden(&kind.group, &kind.plural, object_name(object), &why));
        }
    }
    Ok(())
}

fn object_name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Brings what quotas say is used up to date.
pub(crate) fn settle(cluster: &mut Cluster, kind: &Kind, namespace: &str) {
    if !kind.namespaced || cluster.store.count(QUOTAS) == 0 {
        return;
    }
    for mut quota in cluster.values(QUOTAS, Some(namespace)) {
        let used = used(cluster, namespace, &quota);
        let hard = quota["spec"]["hard"].clone();
        let names = hard.as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let used: Value = names
            .map(|name| {
                let quantity = used.get(&name).copied().unwrap_or_default().to_string();
                (name, Value::String(quantity))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        if quota["status"]["hard"] != hard || quota["status"]["used"] != used {
            quota["status"]["hard"] = hard;
            quota["status"]["used"] = used;
            cluster.store.put(&Arc::from(QUOTAS), quota);
        }
    }
}

fn used(cluster: &Cluster, namespace: &str, quota: &Value) -> Use {
    let mut total = Use::new();
    let names: Vec<&String> = quota["spec"]["hard"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let mut add = |more: Use| {
        for (name, quantity) in more {
            let sum = total.entry(name).or_default();
            *sum = sum.plus(quantity);
        }
    };
    let kinds = cluster.kinds.all().filter(|kind| {
        kind.namespaced
            && names.iter().any(|name| match kind.plural.as_str() {
                "pods" => !name.starts_with("count/") || name.as_str() == "count/pods",
                plural => {
                    *name == plural || name.starts_with(plural) || **name == format!("count/{}", kind.qualified())
                }
            })
    });
    for kind in kinds.filter(|kind| !kind.is_new_event()) {
        for object in cluster.store.list(&kind.resource, Some(namespace), None) {
            add(used_by(kind, &object.value()));
        }
    }
    total
}

/// What one object counts for.
fn used_by(kind: &Kind, object: &Value) -> Use {
    let mut used = Use::new();
    used.insert(format!("count/{}", kind.qualified()), Quantity::whole(1));
    let mut count = |name: &str, quantity: Quantity| {
        let sum = used.entry(name.to_owned()).or_default();
        *sum = sum.plus(quantity);
    };
    match kind.plural.as_str() {
        "pods" => {
            if matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
                return Use::new();
            }
            count("pods", Quantity::whole(1));
            for container in object["spec"]["containers"].as_array().into_iter().flatten() {
                for (kind, prefix) in [("requests", "requests."), ("limits", "limits.")] {
                    for (name, value) in container["resources"][kind].as_object().into_iter().flatten() {
                        let Some(quantity) = Quantity::of(value) else { continue };
                        // Extended resources are counted by what is requested only.
                        if kind == "limits" && name.contains('/') {
                            continue;
                        }
                        count(&format!("{prefix}{name}"), quantity);
                        if kind == "requests" && matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                            count(name, quantity);
                        }
                    }
                }
            }
        }
        "services" => {
            count("services", Quantity::whole(1));
            match object["spec"]["type"].as_str() {
                Some("LoadBalancer") => {
                    count("services.loadbalancers", Quantity::whole(1));
                    count("services.nodeports", Quantity::whole(1));
                }
                Some("NodePort") => count("services.nodeports", Quantity::whole(1)),
                _ => {}
            }
        }
        "persistentvolumeclaims" => {
            count("persistentvolumeclaims", Quantity::whole(1));
            if let Some(size) = Quantity::of(&object["spec"]["resources"]["requests"]["storage"]) {
                count("requests.storage", size);
            }
        }
        plural @ ("configmaps" | "secrets" | "resourcequotas" | "replicationcontrollers") => {
            count(plural, Quantity::whole(1));
        }
        _ => {}
    }
    used
}
