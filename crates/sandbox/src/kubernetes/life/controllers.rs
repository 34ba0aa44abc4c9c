//! The controllers that make pods: replica sets, stateful sets, daemon sets, jobs; and the numbers of disruption budgets.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use crate::kubernetes::{
    cluster::{About, Cluster},
    kinds::Kind,
    parts::{self, condition, is_ready},
    random::short,
    store::Place,
    verbs::{Manner, delete::Deletion},
};

const OWNERS: &[(&str, &str)] = &[
    ("Deployment", "deployments.apps"),
    ("ReplicaSet", "replicasets.apps"),
    ("StatefulSet", "statefulsets.apps"),
    ("DaemonSet", "daemonsets.apps"),
    ("Job", "jobs.batch"),
];

/// The controller of an object, if it is one of ours.
pub(super) fn owner(object: &Value, place: &Place) -> Option<(String, Place)> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    let (_, resource) = OWNERS.iter().find(|(kind, _)| owner["kind"] == *kind)?;
    Some(((*resource).to_owned(), (Arc::clone(&place.0), owner["name"].as_str()?.into())))
}

/// Everything that makes pods.
pub(super) fn all(cluster: &Cluster) -> BTreeSet<(String, Place)> {
    let resources = OWNERS.iter().map(|(_, resource)| *resource);
    let places = |resource: &'static str| {
        cluster.store.list(resource, None, None).map(move |object| (resource.to_owned(), object.place()))
    };
    resources.flat_map(places).collect()
}

pub(super) fn reconcile(cluster: &mut Cluster, resource: &str, place: &Place) {
    if resource == "poddisruptionbudgets.policy" {
        budgets(cluster, &place.0);
        return;
    }
    if resource == "daemonsets.apps" {
        // Nodes are everybody's.
        let places: Vec<Place> = cluster.store.list(resource, None, None).map(|set| set.place()).collect();
        for place in places {
            if let Some(set) = living(cluster, resource, &place) {
                daemon_set(cluster, set);
            }
        }
        return;
    }
    let Some(object) = living(cluster, resource, place) else { return };
    match resource {
        "replicasets.apps" => replica_set(cluster, object),
        "statefulsets.apps" => stateful_set(cluster, object),
        "jobs.batch" => job(cluster, object),
        _ => {}
    }
}

pub(super) fn living(cluster: &Cluster, resource: &str, place: &Place) -> Option<Value> {
    cluster.value(resource, &place.0, &place.1).filter(|object| object["metadata"]["deletionTimestamp"].is_null())
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The objects of a resource that this one controls.
pub(super) fn owned(cluster: &Cluster, resource: &str, owner: &Value) -> Vec<Value> {
    let dependents = cluster.store.dependents(text(&owner["metadata"]["uid"]));
    let own = dependents.iter().filter(|(of, _)| **of == *resource);
    own.filter_map(|(_, place)| cluster.value(resource, &place.0, &place.1)).collect()
}

fn active(pods: &[Value]) -> Vec<&Value> {
    let living = |pod: &&Value| {
        pod["metadata"]["deletionTimestamp"].is_null()
            && !matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed")
    };
    pods.iter().filter(living).collect()
}

/// Makes a pod of a template.
fn make(
    cluster: &mut Cluster,
    owner: &Value,
    kind: &str,
    api: &str,
    name: Option<&str>,
    change: impl FnOnce(&mut Value),
) {
    let mut pod =
        json!({ "metadata": owner["spec"]["template"]["metadata"], "spec": owner["spec"]["template"]["spec"] });
    if pod["metadata"].is_null() {
        pod["metadata"] = json!({});
    }
    let (namespace, owner_name) = (text(&owner["metadata"]["namespace"]), text(&owner["metadata"]["name"]));
    match name {
        Some(name) => pod["metadata"]["name"] = name.into(),
        None => pod["metadata"]["generateName"] = format!("{owner_name}-").into(),
    }
    pod["metadata"]["ownerReferences"] = json!([reference(owner, kind, api)]);
    change(&mut pod);
    let Some(pods) = cluster.kind("pods") else { return };
    let about = About {
        api_version: api,
        kind,
        namespace,
        name: owner_name,
        uid: text(&owner["metadata"]["uid"]),
        field: None,
        from: "kube-controller-manager",
        host: None,
    };
    match cluster.create(&pods, Some(namespace), pod, &Manner::own("kube-controller-manager")) {
        Ok(made) => cluster.event(&about, "Normal", "SuccessfulCreate", &format!("Created pod: {}", made.name)),
        Err(refusal) => {
            let why = refusal.json();
            cluster.event(&about, "Warning", "FailedCreate", &format!("Error creating: {}", text(&why["message"])));
        }
    }
}

pub(super) fn reference(owner: &Value, kind: &str, api: &str) -> Value {
    json!({
        "apiVersion": api, "kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}

fn end(cluster: &mut Cluster, pod: &Value) {
    let Some(pods) = cluster.kind("pods") else { return };
    let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
    // Gone already is as good.
    drop(cluster.delete(&pods, Some(namespace), name, &Deletion::default()));
}

/// Puts an object back if its status is another now.
pub(super) fn report(cluster: &mut Cluster, resource: &str, mut object: Value, status: &Value) {
    let Some(kind): Option<Arc<Kind>> = cluster.kind(resource) else { return };
    let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    // Conditions are kept, and what was reported is laid over it.
    let Some(live) = cluster.value(resource, namespace, name) else { return };
    let mut merged = live["status"].clone();
    json_patch::merge(&mut merged, status);
    if live["status"] != merged {
        object = live;
        object["status"] = merged;
        cluster.put(&kind.resource, object);
    }
}

fn replica_set(cluster: &mut Cluster, set: Value) {
    let pods = owned(cluster, "pods", &set);
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let mut living = active(&pods);
    for _ in living.len()..wanted {
        make(cluster, &set, "ReplicaSet", "apps/v1", None, |_| {});
    }
    if living.len() > wanted {
        // Those that are not ready go first, then the youngest.
        living.sort_by_key(|pod| (is_ready(pod), text(&pod["metadata"]["name"]).to_owned()));
        let many = living.len() - wanted;
        for pod in living.into_iter().take(many) {
            end(cluster, pod);
        }
    }
    let pods = owned(cluster, "pods", &set);
    let living = active(&pods);
    let ready = living.iter().filter(|pod| is_ready(pod)).count();
    let status = json!({
        "replicas": living.len(), "fullyLabeledReplicas": living.len(), "readyReplicas": ready,
        "availableReplicas": ready, "observedGeneration": set["metadata"]["generation"],
    });
    report(cluster, "replicasets.apps", set, &status);
}

fn revision(set: &Value) -> String {
    let hash = short(&[&set["spec"]["template"].to_string()]);
    format!("{}-{hash}", text(&set["metadata"]["name"]))
}

/// Pods of a revision are known by this label.
const REVISION: &str = "controller-revision-hash";

fn stateful_set(cluster: &mut Cluster, set: Value) {
    let name = text(&set["metadata"]["name"]).to_owned();
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let revision = revision(&set);
    let pods = owned(cluster, "pods", &set);
    let named = |number: usize| pods.iter().find(|pod| pod["metadata"]["name"] == *format!("{name}-{number}"));
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    let mut whole = true;
    for number in 0..wanted {
        match named(number) {
            None => {
                let pod_name = format!("{name}-{number}");
                make(cluster, &set, "StatefulSet", "apps/v1", Some(&pod_name), |pod| {
                    pod["metadata"]["labels"][REVISION] = revision.clone().into();
                    pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = number.to_string().into();
                    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = pod_name.clone().into();
                    pod["spec"]["hostname"] = pod_name.clone().into();
                });
                whole = false;
            }
            Some(pod) => whole &= is_ready(pod) && pod["metadata"]["deletionTimestamp"].is_null(),
        }
        if !whole && !parallel {
            break;
        }
    }
    let number = |pod: &Value| text(&pod["metadata"]["name"]).rsplit('-').next()?.parse::<usize>().ok();
    let beyond = pods.iter().filter(|pod| number(pod).is_some_and(|number| number >= wanted));
    if let Some(pod) = beyond.max_by_key(|pod| number(pod)) {
        end(cluster, pod);
        whole = false;
    }
    if whole && set["spec"]["updateStrategy"]["type"] != "OnDelete" {
        let stale = pods.iter().filter(|pod| pod["metadata"]["labels"][REVISION] != revision);
        if let Some(pod) = stale.max_by_key(|pod| number(pod)) {
            end(cluster, pod);
        }
    }
    let pods = owned(cluster, "pods", &set);
    let living = active(&pods);
    let ready = living.iter().filter(|pod| is_ready(pod)).count();
    let updated = living.iter().filter(|pod| pod["metadata"]["labels"][REVISION] == revision).count();
    let mut status = json!({
        "replicas": living.len(), "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
        "currentReplicas": living.len(), "updateRevision": revision, "observedGeneration": set["metadata"]["generation"],
        "collisionCount": 0,
    });
    if updated == wanted && living.len() == wanted {
        status["currentRevision"] = revision.into();
    }
    report(cluster, "statefulsets.apps", set, &status);
}

fn daemon_set(cluster: &mut Cluster, set: Value) {
    let revision = short(&[&set["spec"]["template"].to_string()]);
    let nodes = cluster.values("nodes", None);
    let selector = crate::kubernetes::selector::Labels::map(&set["spec"]["template"]["spec"]["nodeSelector"]);
    let wanted: Vec<&Value> = nodes
        .iter()
        .filter(|node| selector.as_ref().is_none_or(|labels| labels.matches_labels(&node["metadata"]["labels"])))
        .collect();
    let pods = owned(cluster, "pods", &set);
    let mut replacing = false;
    for node in &wanted {
        let name = text(&node["metadata"]["name"]);
        let on_node: Vec<&Value> = pods.iter().filter(|pod| pod["spec"]["nodeName"] == name).collect();
        if on_node.is_empty() {
            make(cluster, &set, "DaemonSet", "apps/v1", None, |pod| {
                pod["metadata"]["labels"][REVISION] = revision.clone().into();
                pod["spec"]["nodeName"] = name.into();
                pod["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
            });
        }
        let stale = on_node.iter().find(|pod| pod["metadata"]["labels"][REVISION] != revision);
        let going = on_node.iter().any(|pod| !is_ready(pod));
        if going {
            replacing = true;
        } else if let (Some(pod), false) = (stale, replacing) {
            end(cluster, pod);
            replacing = true;
        }
    }
    for pod in &pods {
        if !wanted.iter().any(|node| node["metadata"]["name"] == pod["spec"]["nodeName"]) {
            end(cluster, pod);
        }
    }
    let pods = owned(cluster, "pods", &set);
    let living = active(&pods);
    let ready = living.iter().filter(|pod| is_ready(pod)).count();
    let updated = living.iter().filter(|pod| pod["metadata"]["labels"][REVISION] == revision).count();
    let status = json!({
        "desiredNumberScheduled": wanted.len(), "currentNumberScheduled": living.len(), "numberReady": ready,
        "numberAvailable": ready, "updatedNumberScheduled": updated, "numberMisscheduled": 0,
        "numberUnavailable": wanted.len().saturating_sub(ready), "observedGeneration": set["metadata"]["generation"],
    });
    report(cluster, "daemonsets.apps", set, &status);
}

fn job(cluster: &mut Cluster, job: Value) {
    let finished = job["status"]["conditions"].as_array().into_iter().flatten();
    let finished =
        finished.into_iter().any(|c| matches!(text(&c["type"]), "Complete" | "Failed") && c["status"] == "True");
    let pods = owned(cluster, "pods", &job);
    let many = |phase: &str| pods.iter().filter(|pod| pod["status"]["phase"] == phase).count();
    let (succeeded, failed) = (many("Succeeded"), many("Failed"));
    let number = |value: &Value, none: usize| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(none);
    let parallel = number(&job["spec"]["parallelism"], 1);
    let wanted = number(&job["spec"]["completions"], 1);
    let limit = number(&job["spec"]["backoffLimit"], 6);
    let living = active(&pods).len();
    let now = cluster.now();
    let mut status = json!({ "active": living, "succeeded": succeeded, "failed": failed, "ready": 0 });
    let mut reported = json!({ "status": job["status"] });
    let over = |reported: &mut Value, kind: &str, reason: &str, message: &str| {
        condition(reported, kind, "True", Some((reason, message)), &now);
    };
    if !finished && succeeded >= wanted {
        over(&mut reported, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods");
        over(&mut reported, "Complete", "CompletionsReached", "Reached expected number of succeeded pods");
        status["completionTime"] = now.clone().into();
    } else if !finished && failed > limit {
        over(&mut reported, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
        for pod in active(&pods) {
            end(cluster, pod);
        }
    } else if !finished && job["spec"]["suspend"] != true {
        let more = parallel.min(wanted.saturating_sub(succeeded)).saturating_sub(living);
        for at in 0..more {
            let index = succeeded + living + at;
            make(cluster, &job, "Job", "batch/v1", None, |pod| {
                if job["spec"]["completionMode"] == "Indexed" {
                    pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] =
                        index.to_string().into();
                    pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = index.to_string().into();
                }
            });
        }
        if job["status"]["startTime"].is_null() {
            status["startTime"] = now.clone().into();
        }
    }
    let pods = owned(cluster, "pods", &job);
    let living = active(&pods);
    status["active"] = living.len().into();
    status["ready"] = living.iter().filter(|pod| is_ready(pod)).count().into();
    if !reported["status"]["conditions"].is_null() {
        status["conditions"] = reported["status"]["conditions"].clone();
    }
    report(cluster, "jobs.batch", job, &status);
}

/// Says how many pods may go.
fn budgets(cluster: &mut Cluster, namespace: &str) {
    for budget in cluster.values("poddisruptionbudgets.policy", Some(namespace)) {
        let (allowed, healthy, desired, expected) = parts::allowance(cluster, &budget);
        let status = json!({
            "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
        });
        report(cluster, "poddisruptionbudgets.policy", budget, &status);
    }
}
