//! Parts of objects that have addresses of their own: status, scale, logs, eviction, binding.

use std::sync::Arc;

use http::{Method, header};
use serde_json::{Value, json};

use super::{
    answer::Call,
    cluster::Cluster,
    http::{
        body::{self, Reply},
        path::ResourcePath,
    },
    kinds::Kind,
    logs, patch,
    refusal::{Cause, Refusal, Result},
    resource,
    selector::Labels,
    shared::Shared,
    store::Stored,
    verbs::{Manner, delete::Deletion},
};

pub(crate) fn answer(
    shared: &Arc<Shared>,
    call: &Call,
    path: &ResourcePath,
    kind: &Arc<Kind>,
    part: &str,
) -> Result<Reply> {
    let name = path.name.as_deref().unwrap_or_default();
    if !kind.has(part) {
        return Err(Refusal::no_such_resource());
    }
    match (part, &call.method) {
        ("log", &Method::GET) => logs::answer(shared, call, path),
        ("scale", _) => scale(shared, call, path, kind),
        ("eviction", &Method::POST) => evict(shared, call, path, kind),
        ("binding", &Method::POST) => bind(shared, call, path, kind),
        ("token", &Method::POST) => token(shared, call, path, kind),
        ("finalize", &Method::PUT) => {
            let object = shared.with(|cluster| finalize(cluster, call, kind, name))?;
            Ok(resource::shown(shared, call, kind, 200, &object))
        }
        ("status" | "approval", &Method::GET) => {
            let object = shared.with(|cluster| resource::find(cluster, path, kind, name))?;
            Ok(resource::shown(shared, call, kind, 200, &object))
        }
        ("status" | "approval", &Method::PUT) => resource::update(shared, call, path, kind, name, Some("status")),
        ("status" | "approval", &Method::PATCH) => resource::patch(shared, call, path, kind, name, Some("status")),
        ("resize" | "ephemeralcontainers", &Method::PATCH) => {
            resource::patch(shared, call, path, kind, name, Some(part))
        }
        ("resize" | "ephemeralcontainers", &Method::PUT) => {
            resource::update(shared, call, path, kind, name, Some(part))
        }
        _ => Err(Refusal::method_not_allowed()),
    }
}

/// Where a kind keeps its numbers of replicas.
fn places(kind: &Kind) -> (String, String, String) {
    let pointer = |path: &Value, usual: &str| match path.as_str() {
        Some(path) => path.replace('.', "/"),
        None => usual.to_owned(),
    };
    let scale = kind.custom.as_ref().map(|custom| custom.scale.clone()).unwrap_or_default();
    (
        pointer(&scale["specReplicasPath"], "/spec/replicas"),
        pointer(&scale["statusReplicasPath"], "/status/replicas"),
        pointer(&scale["labelSelectorPath"], "/status/selector"),
    )
}

fn as_scale(kind: &Kind, object: &Value) -> Value {
    let (wanted, now, labels) = places(kind);
    let metadata = &object["metadata"];
    let selector = if kind.custom.is_some() {
        object.pointer(&labels).cloned().unwrap_or_default()
    } else {
        super::table::selector(&object["spec"]["selector"]).into()
    };
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": object.pointer(&wanted).cloned().unwrap_or_else(|| 0.into()) },
        "status": { "replicas": object.pointer(&now).cloned().unwrap_or_else(|| 0.into()), "selector": selector },
    })
}

fn scale(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let name = path.name.as_deref().unwrap_or_default();
    let found = shared.with(|cluster| resource::find(cluster, path, kind, name))?;
    let before = as_scale(kind, &found.value());
    let after = match call.method {
        Method::GET => return Ok(body::json(200, &before)),
        Method::PUT => call.object()?,
        Method::PATCH => {
            let media = call.header(&header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
            patch::Patch::read(media, call.object()?, kind)?.apply(kind, &before)?
        }
        _ => return Err(Refusal::method_not_allowed()),
    };
    let replicas = after["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let cause = Cause::invalid("spec.replicas", &after["spec"]["replicas"], "must be greater than or equal to 0");
        return Err(Refusal::invalid(kind, name, &[cause]));
    }
    let manner = Manner::of(&call.query, call.agent(), Some("scale"))?;
    let object = shared.with(|cluster| {
        let mut object = found.value();
        object["metadata"]["resourceVersion"] = after["metadata"]["resourceVersion"].clone();
        let (wanted, ..) = places(kind);
        let mut place = &mut object;
        for member in wanted.split('/').filter(|member| !member.is_empty()) {
            place = &mut place[member];
        }
        *place = replicas.into();
        cluster.update(kind, path.namespace.as_deref(), name, object, &manner)
    })?;
    Ok(body::json(200, &as_scale(kind, &object.value())))
}

/// How many more pods a budget lets go.
pub(crate) fn allowance(cluster: &Cluster, budget: &Value) -> (i64, i64, i64, i64) {
    let namespace = budget["metadata"]["namespace"].as_str().unwrap_or_default();
    let Some(labels) = Labels::of(&budget["spec"]["selector"]) else { return (0, 0, 0, 0) };
    let covered = cluster.store.list("pods", Some(namespace), None).filter(|pod| labels.matches(|key| pod.label(key)));
    let covered: Vec<Value> = covered.map(|pod| pod.value()).collect();
    let healthy = covered.iter().filter(|pod| is_ready(pod) && pod["metadata"]["deletionTimestamp"].is_null()).count();
    let alive = |pod: &&Value| !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let expected = i64::try_from(covered.iter().filter(alive).count()).unwrap_or(i64::MAX);
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let part = |value: &Value| match value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok()) {
        Some(percent) => (expected * percent + 99) / 100,
        None => value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0),
    };
    let spec = &budget["spec"];
    let desired = match (&spec["minAvailable"], &spec["maxUnavailable"]) {
        (Value::Null, Value::Null) => 1,
        (Value::Null, most) => (expected - part(most)).max(0),
        (least, _) => part(least),
    };
    ((healthy - desired).max(0), healthy, desired, expected)
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn evict(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let name = path.name.as_deref().unwrap_or_default();
    let namespace = path.namespace.as_deref().unwrap_or_default();
    let eviction = call.object()?;
    let deletion = Deletion::read(&eviction["deleteOptions"], &call.query)?;
    shared.with(|cluster| {
        let pod = resource::find(cluster, path, kind, name)?;
        let value = pod.value();
        let free = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed" | "Pending"));
        let budgets = cluster.values("poddisruptionbudgets.policy", Some(namespace));
        let covers = |budget: &&Value| {
            Labels::of(&budget["spec"]["selector"]).is_some_and(|labels| labels.matches(|key| pod.label(key)))
        };
        let covering: Vec<&Value> = budgets.iter().filter(covers).collect();
        if covering.len() > 1 {
            return Err(Refusal::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
        if let (Some(budget), false) = (covering.first(), free) {
            let (allowed, healthy, desired, _) = allowance(cluster, budget);
            let unready_may_go = !is_ready(&value)
                && (budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" || healthy >= desired);
            if allowed == 0 && !unready_may_go {
                let budget = budget["metadata"]["name"].as_str().unwrap_or_default();
                let why =
                    format!("The disruption budget {budget} needs {desired} healthy pods and has {healthy} currently");
                return Err(Refusal::too_many(
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    Some(("DisruptionBudget", &why)),
                ));
            }
        }
        cluster.delete(kind, Some(namespace), name, &deletion)
    })?;
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    Ok(body::json(201, &status))
}

fn bind(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let name = path.name.as_deref().unwrap_or_default();
    let binding = call.object()?;
    let node = binding["target"]["name"].as_str().unwrap_or_default().to_owned();
    if node.is_empty() {
        return Err(Refusal::invalid(kind, name, &[Cause::required("target.name", "")]));
    }
    let dry_run = call.query.dry_run()?;
    shared.with(|cluster| {
        let pod = resource::find(cluster, path, kind, name)?.value();
        if let Some(found) = pod["spec"]["nodeName"].as_str() {
            return Err(Refusal::conflict(kind, name, &format!("pod {name} is already assigned to node \"{found}\"")));
        }
        if !dry_run {
            assign(cluster, pod, &node);
        }
        Ok(())
    })?;
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    Ok(body::json(201, &status))
}

/// Puts a pod on a node.
pub(crate) fn assign(cluster: &mut Cluster, mut pod: Value, node: &str) {
    let now = cluster.now();
    pod["spec"]["nodeName"] = node.into();
    condition(&mut pod, "PodScheduled", "True", None, &now);
    cluster.put(&"pods".into(), pod);
}

/// Sets a condition of an object; the time is that of the last change.
pub(crate) fn condition(object: &mut Value, kind: &str, status: &str, why: Option<(&str, &str)>, now: &str) {
    let mut condition = json!({ "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": now });
    if object["kind"] != "Pod"
        && object["spec"]["containers"].is_null()
        && let Some(condition) = condition.as_object_mut()
    {
        condition.shift_remove("lastProbeTime");
    }
    if let Some((reason, message)) = why {
        condition["reason"] = reason.into();
        condition["message"] = message.into();
    }
    let all = &mut object["status"]["conditions"];
    if all.is_null() {
        *all = json!([]);
    }
    let Some(all) = all.as_array_mut() else { return };
    match all.iter_mut().find(|found| found["type"] == kind) {
        Some(found) => {
            if found["status"] == status {
                condition["lastTransitionTime"] = found["lastTransitionTime"].clone();
            }
            *found = condition;
        }
        None => all.push(condition),
    }
}

fn token(shared: &Arc<Shared>, call: &Call, path: &ResourcePath, kind: &Arc<Kind>) -> Result<Reply> {
    let (namespace, name) = (path.namespace.clone().unwrap_or_default(), path.name.clone().unwrap_or_default());
    let mut request = call.object()?;
    shared.with(|cluster| {
        resource::find(cluster, path, kind, &name)?;
        let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(3_600);
        let end = cluster.clock.now() + time::Duration::seconds(seconds);
        let token = cluster.users.account_token(&namespace, &name, &mut cluster.random);
        request["kind"] = "TokenRequest".into();
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["status"] = json!({ "token": token, "expirationTimestamp": super::clock::stamp(end) });
        Ok(body::json(201, &request))
    })
}

/// A namespace loses the finalizers of its specification.
fn finalize(cluster: &mut Cluster, call: &Call, kind: &Arc<Kind>, name: &str) -> Result<Arc<Stored>> {
    let found = cluster.store.get(&kind.resource, "", name).cloned();
    let found = found.ok_or_else(|| Refusal::not_found(kind, name))?;
    let mut object = found.value();
    object["spec"]["finalizers"] = call.object()?["spec"]["finalizers"].clone();
    let stored = cluster.put(&kind.resource, object);
    super::namespaces::may_go(cluster, name);
    Ok(stored)
}
