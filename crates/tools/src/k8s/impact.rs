//! What a change in a cluster adds: accelerators that pods ask for. Pods cost nothing by themselves; what runs them is
//! counted when it is bought.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trainyard_contract::{Amount, Impact};
use trainyard_gpu::{Backends, object::Pod, vendor::plain_resource};

/// Kinds whose pods are as many as the fields say that [`times`] knows.
const COUNTED: [&str; 22] = [
    "CronJob",
    "Deployment",
    "HyperPodPyTorchJob",
    "JAXJob",
    "Job",
    "JobSet",
    "LeaderWorkerSet",
    "List",
    "MPIJob",
    "MXJob",
    "PaddleJob",
    "Pod",
    "PodTemplate",
    "PyTorchJob",
    "RayCluster",
    "RayJob",
    "RayService",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
    "TFJob",
    "XGBoostJob",
];
/// Fields that say how many there are of what stands beside them.
const NUMBERS: [&str; 6] = ["completions", "maxReplicas", "numOfHosts", "parallelism", "replicas", "size"];

/// What there is more after a change of an object; `before` is `Null` where there was none.
pub(crate) fn added(before: &Value, after: &Value) -> Impact {
    let gpus = match (accelerators(before), accelerators(after)) {
        (Amount::Known(before), Amount::Known(after)) => Amount::Known(after.saturating_sub(before)),
        // What was there before may be of a kind that nobody can count; if so, all of the new counts.
        (Amount::Unknown(_), after) | (_, after @ Amount::Unknown(_)) => after,
    };
    Impact { gpus, ..Impact::NONE }
}

/// Accelerators that the pods of an object ask for, all together.
fn accelerators(object: &Value) -> Amount<u64> {
    let backends = Backends::default();
    let kind = object["kind"].as_str().unwrap_or_default();
    let found = Counter { backends: &backends }.walk(object);
    match found {
        Amount::Known(count) if count > 0 && !COUNTED.contains(&kind) => {
            Amount::Unknown(format!("how many pods a {kind} makes is not known, and they ask for accelerators"))
        }
        found => found,
    }
}

struct Counter<'a> {
    backends: &'a Backends,
}

impl Counter<'_> {
    /// Goes down to the pods. What stands beside their template says how many there are.
    fn walk(&self, value: &Value) -> Amount<u64> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.walk(item)).fold(Amount::NONE, Amount::plus),
            Value::Object(members) if members.get("containers").is_some_and(Value::is_array) => self.pod(value),
            Value::Object(members) => {
                let inner = members.values().map(|member| self.walk(member)).fold(Amount::NONE, Amount::plus);
                match inner {
                    Amount::Known(count) => Amount::Known(count.saturating_mul(times(value))),
                    unknown @ Amount::Unknown(_) => unknown,
                }
            }
            _ => Amount::NONE,
        }
    }

    fn pod(&self, spec: &Value) -> Amount<u64> {
        if spec["resourceClaims"].as_array().is_some_and(|claims| !claims.is_empty()) {
            return Amount::Unknown("a pod claims devices, and a claim does not say how many they are".to_owned());
        }
        let pod = json!({ "metadata": { "name": "pod" }, "spec": spec });
        let read = match Pod::from_json(&pod, self.backends) {
            Ok(read) => read,
            Err(error) => return Amount::Unknown(format!("a pod could not be read: {error}")),
        };
        let counts: BTreeSet<_> = self.backends.iter().map(|backend| backend.resources.count.as_str()).collect();
        let asked = read.load(&pod).extended.into_iter();
        let cards = asked.filter(|(name, _)| counts.contains(name.as_str()) || plain_resource(name).is_some());
        Amount::Known(cards.map(|(_, count)| u64::try_from(count).unwrap_or_default()).sum())
    }
}

/// How many there are of what an object describes: the largest of its numbers that bound each other, times the others.
fn times(object: &Value) -> u64 {
    let number = |name: &str| object[name].as_u64();
    let [completions, most, hosts, parallelism, replicas, size] = NUMBERS.map(number);
    // A job runs no more at once than it has to complete; an autoscaler's most is more than what runs now.
    let at_once = parallelism.map(|at_once| completions.map_or(at_once, |all| all.min(at_once)));
    let replicas = replicas.max(most).unwrap_or(1);
    [at_once, hosts, size].into_iter().flatten().fold(replicas, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(gpus: u32) -> Value {
        json!({ "containers": [{ "name": "a", "resources": { "limits": { "nvidia.com/gpu": gpus.to_string() } } }] })
    }

    fn count(kind: &str, spec: Value) -> Option<u64> {
        let mut object = json!({ "kind": kind });
        object["spec"] = spec;
        match accelerators(&object) {
            Amount::Known(count) => Some(count),
            Amount::Unknown(_) => None,
        }
    }

    fn template(gpus: u32) -> Value {
        json!({ "spec": pod(gpus) })
    }

    #[test]
    fn pods_are_counted_as_often_as_they_run() {
        assert_eq!(count("Pod", pod(8)), Some(8));
        assert_eq!(count("Deployment", json!({ "replicas": 3, "template": template(2) })), Some(6));
        assert_eq!(count("Deployment", json!({ "template": template(2) })), Some(2), "one unless said");
        assert_eq!(count("StatefulSet", json!({ "replicas": 0, "template": template(2) })), Some(0));
        assert_eq!(count("Job", json!({ "parallelism": 4, "completions": 2, "template": template(1) })), Some(2));
        let job = json!({ "jobTemplate": { "spec": { "parallelism": 4, "template": template(1) } } });
        assert_eq!(count("CronJob", job), Some(4));
        let roles = json!({ "Master": { "replicas": 1, "template": template(8) },
                            "Worker": { "replicas": 3, "template": template(8) } });
        assert_eq!(count("PyTorchJob", json!({ "pytorchReplicaSpecs": roles })), Some(32));
        let sets = json!([{ "replicas": 2, "template": { "spec": { "parallelism": 4, "template": template(8) } } }]);
        assert_eq!(count("JobSet", json!({ "replicatedJobs": sets })), Some(64));
        let workers = json!([{ "replicas": 1, "maxReplicas": 4, "numOfHosts": 2, "template": template(8) }]);
        assert_eq!(count("RayCluster", json!({ "workerGroupSpecs": workers })), Some(64));
        let group = json!({ "replicas": 2, "leaderWorkerTemplate": { "size": 4, "workerTemplate": template(8) } });
        assert_eq!(count("LeaderWorkerSet", group), Some(64));
    }

    #[test]
    fn what_cannot_be_counted_is_not_known_and_what_asks_for_nothing_is_nothing() {
        assert_eq!(count("DaemonSet", json!({ "template": template(1) })), None, "as many as there are nodes");
        assert_eq!(count("DaemonSet", json!({ "template": template(0) })), Some(0));
        assert_eq!(count("Workflow", json!({ "template": template(1) })), None);
        let claims = json!({ "containers": [{ "name": "a" }], "resourceClaims": [{ "name": "gpu" }] });
        assert_eq!(count("Pod", claims), None);
        assert_eq!(count("ConfigMap", json!({ "replicas": 5 })), Some(0));
        let neuron = json!({ "containers": [
            { "name": "a", "resources": { "requests": { "cpu": "4", "aws.amazon.com/neuron": "16" } } },
            { "name": "b", "resources": { "limits": { "nvidia.com/gpumem": "8000" } } }
        ] });
        assert_eq!(count("Pod", neuron), Some(16), "memory of a card is no card");
    }

    #[test]
    fn only_what_is_added_counts() {
        let deployment = |replicas: u32, gpus: u32| {
            json!({ "kind": "Deployment",
            "spec": { "replicas": replicas, "template": template(gpus) } })
        };
        let gpus = |before: &Value, after: &Value| added(before, after).gpus;
        assert_eq!(gpus(&Value::Null, &deployment(2, 4)), Amount::Known(8));
        assert_eq!(gpus(&deployment(2, 4), &deployment(3, 4)), Amount::Known(4));
        assert_eq!(gpus(&deployment(3, 4), &deployment(1, 4)), Amount::Known(0));
        let daemons = json!({ "kind": "DaemonSet", "spec": { "template": template(1) } });
        assert!(matches!(gpus(&daemons, &daemons), Amount::Unknown(_)));
    }
}
