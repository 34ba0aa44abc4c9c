//! Deployments: one replica set for each template, and pods moved from the old ones to the new.

use serde_json::{Value, json};

use super::controllers::{living, owned, reference, report, text};
use crate::kubernetes::{
    cluster::{About, Cluster},
    parts::condition,
    random::short,
    store::Place,
    verbs::Manner,
};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const SETS: &str = "replicasets.apps";

pub(super) fn reconcile(cluster: &mut Cluster, place: &Place) {
    let Some(deployment) = living(cluster, "deployments.apps", place) else { return };
    let hash = short(&[&deployment["spec"]["template"].to_string()]);
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let mut sets = owned(cluster, SETS, &deployment);
    let is_new = |set: &Value| set["metadata"]["labels"][HASH] == hash;
    if !sets.iter().any(is_new) && deployment["spec"]["paused"] != true {
        create(cluster, &deployment, &hash);
        sets = owned(cluster, SETS, &deployment);
    }
    let revision = revise(cluster, &sets, &is_new);
    if deployment["spec"]["paused"] == true {
        // Only a change of the number is followed.
        if let Some(set) = sets.iter().filter(|set| replicas(set) > 0).max_by_key(|set| replicas(set)) {
            scale(cluster, &deployment, set, wanted);
        }
    } else {
        roll(cluster, &deployment, &sets, wanted, &is_new);
    }
    tell(cluster, deployment, wanted, &hash, revision);
}

fn replicas(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn available(set: &Value) -> i64 {
    set["status"]["availableReplicas"].as_i64().unwrap_or(0)
}

fn create(cluster: &mut Cluster, deployment: &Value, hash: &str) {
    let metadata = &deployment["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = hash.into();
    let mut annotations = metadata["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    let set = json!({
        "metadata": {
            "name": format!("{name}-{hash}"), "labels": template["metadata"]["labels"], "annotations": annotations,
            "ownerReferences": [reference(deployment, "Deployment", "apps/v1")],
        },
        "spec": { "replicas": 0, "selector": selector, "template": template },
    });
    if let Some(kind) = cluster.kind(SETS) {
        // A set of the same name can only be this one, left by a deployment that was orphaned.
        drop(cluster.create(&kind, Some(namespace), set, &Manner::own("kube-controller-manager")));
    }
}

/// The newest set has the highest revision, also when it is an old one that came back.
fn revise(cluster: &mut Cluster, sets: &[Value], is_new: &impl Fn(&Value) -> bool) -> i64 {
    let number = |set: &Value| text(&set["metadata"]["annotations"][REVISION]).parse::<i64>().unwrap_or(0);
    let oldest = sets.iter().filter(|set| !is_new(set)).map(number).max().unwrap_or(0);
    let Some(new) = sets.iter().find(|set| is_new(set)) else { return oldest };
    if number(new) > oldest {
        return number(new);
    }
    let mut new = new.clone();
    new["metadata"]["annotations"][REVISION] = (oldest + 1).to_string().into();
    cluster.put(&SETS.into(), new);
    oldest + 1
}

/// A number of pods, or a part of them: rounded up for more, down for fewer.
fn part(value: &Value, of: i64, up: bool) -> i64 {
    match value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok()) {
        Some(percent) => (of * percent + if up { 99 } else { 0 }) / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

fn roll(cluster: &mut Cluster, deployment: &Value, sets: &[Value], wanted: i64, is_new: &impl Fn(&Value) -> bool) {
    let Some(new) = sets.iter().find(|set| is_new(set)) else { return };
    let old: Vec<&Value> = sets.iter().filter(|set| !is_new(set) && replicas(set) > 0).collect();
    let old_sum: i64 = old.iter().map(|set| replicas(set)).sum();
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        for set in &old {
            scale(cluster, deployment, set, 0);
        }
        let gone =
            sets.iter().filter(|set| !is_new(set)).all(|set| set["status"]["replicas"].as_i64().unwrap_or(0) == 0);
        if old.is_empty() && gone {
            scale(cluster, deployment, new, wanted);
        }
        return;
    }
    let surge = part(&strategy["rollingUpdate"]["maxSurge"], wanted, true);
    let mut fewer = part(&strategy["rollingUpdate"]["maxUnavailable"], wanted, false);
    if surge == 0 && fewer == 0 {
        fewer = 1;
    }
    let room = (wanted + surge - old_sum).clamp(0, wanted);
    let target = if replicas(new) > wanted { wanted } else { room.max(replicas(new).min(wanted)) };
    scale(cluster, deployment, new, target);
    // What is not available may go at once; of the rest as many as there are too many.
    let mut spare = sets.iter().map(available).sum::<i64>() - (wanted - fewer);
    for set in old {
        let idle = (replicas(set) - available(set)).max(0);
        let going = idle + spare.clamp(0, available(set));
        spare -= going - idle;
        if going > 0 {
            scale(cluster, deployment, set, replicas(set) - going);
        }
    }
}

fn scale(cluster: &mut Cluster, deployment: &Value, set: &Value, to: i64) {
    let from = replicas(set);
    if from == to {
        return;
    }
    let (namespace, name) = (text(&set["metadata"]["namespace"]), text(&set["metadata"]["name"]));
    let Some(mut live) = cluster.value(SETS, namespace, name) else { return };
    live["spec"]["replicas"] = to.into();
    live["metadata"]["generation"] = (live["metadata"]["generation"].as_i64().unwrap_or(1) + 1).into();
    live["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] =
        deployment["spec"]["replicas"].to_string().into();
    cluster.put(&SETS.into(), live);
    let about = About {
        api_version: "apps/v1",
        kind: "Deployment",
        namespace,
        name: text(&deployment["metadata"]["name"]),
        uid: text(&deployment["metadata"]["uid"]),
        field: None,
        from: "deployment-controller",
        host: None,
    };
    let way = if to > from { "up" } else { "down" };
    let message = format!("Scaled {way} replica set {name} from {from} to {to}");
    cluster.event(&about, "Normal", "ScalingReplicaSet", &message);
}

fn tell(cluster: &mut Cluster, deployment: Value, wanted: i64, hash: &str, revision: i64) {
    let sets = owned(cluster, SETS, &deployment);
    let sum = |number: fn(&Value) -> i64| sets.iter().map(number).sum::<i64>();
    let ready = sum(|set| set["status"]["readyReplicas"].as_i64().unwrap_or(0));
    let all = sum(|set| set["status"]["replicas"].as_i64().unwrap_or(0));
    let new = sets.iter().find(|set| set["metadata"]["labels"][HASH] == hash);
    let updated = new.map_or(0, |set| set["status"]["replicas"].as_i64().unwrap_or(0));
    let free = sum(available);
    let now = cluster.now();
    let (namespace, name) = (text(&deployment["metadata"]["namespace"]), text(&deployment["metadata"]["name"]));
    let Some(mut live) = cluster.value("deployments.apps", namespace, name) else { return };
    let shown = Value::from(revision.to_string());
    if live["metadata"]["annotations"][REVISION] != shown && revision > 0 {
        live["metadata"]["annotations"][REVISION] = shown;
        cluster.put(&"deployments.apps".into(), live.clone());
    }
    let fewer = part(&deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], wanted, false);
    let mut reported = json!({ "status": live["status"], "spec": {} });
    if free >= wanted - fewer {
        let why = ("MinimumReplicasAvailable", "Deployment has minimum availability.");
        condition(&mut reported, "Available", "True", Some(why), &now);
    } else {
        let why = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
        condition(&mut reported, "Available", "False", Some(why), &now);
    }
    let done = updated == wanted && free >= wanted && all == wanted;
    let set = format!("{name}-{hash}");
    let (reason, message) = if done {
        ("NewReplicaSetAvailable", format!("ReplicaSet \"{set}\" has successfully progressed."))
    } else {
        ("ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing."))
    };
    condition(&mut reported, "Progressing", "True", Some((reason, &message)), &now);
    let mut conditions = reported["status"]["conditions"].clone();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        condition["lastUpdateTime"] = condition["lastTransitionTime"].clone();
        if let Some(condition) = condition.as_object_mut() {
            condition.shift_remove("lastProbeTime");
        }
    }
    let status = json!({
        "replicas": all, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": free,
        "unavailableReplicas": (wanted - free).max(0), "observedGeneration": deployment["metadata"]["generation"],
        "conditions": conditions,
    });
    report(cluster, "deployments.apps", deployment, &status);
}
