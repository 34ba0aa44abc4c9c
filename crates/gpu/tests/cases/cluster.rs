//! Objects as the Kubernetes API gives them, for tests.

use serde_json::{Map, Value, json};
use trainyard_gpu::{
    Backends, Fleet, FleetBuilder, Options,
    pending::{PodAsk, Surroundings, WhyPending},
};

/// A ready node with room for everything but devices.
pub(crate) fn node(name: &str) -> Value {
    json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name }, "annotations": {} },
        "spec": {},
        "status": {
            "conditions": [{ "type": "Ready", "status": "True" }],
            "capacity": { "cpu": "64", "memory": "512Gi", "pods": "110" },
            "allocatable": { "cpu": "64", "memory": "512Gi", "pods": "110" },
        },
    })
}

/// The same with an annotation.
pub(crate) fn annotated(mut object: Value, key: &str, value: &str) -> Value {
    if object["metadata"]["annotations"].is_null() {
        object["metadata"]["annotations"] = Value::Object(Map::new());
    }
    object["metadata"]["annotations"][key] = value.into();
    object
}

/// The same node with so much of a resource, all of it allocatable.
pub(crate) fn offering(mut node: Value, resource: &str, amount: &str) -> Value {
    node["status"]["capacity"][resource] = amount.into();
    node["status"]["allocatable"][resource] = amount.into();
    node
}

/// The same node with a label.
pub(crate) fn labelled(mut object: Value, key: &str, value: &str) -> Value {
    object["metadata"]["labels"][key] = value.into();
    object
}

/// A node with NVIDIA cards of 40 GiB, ten tasks each.
pub(crate) fn nvidia_node(name: &str, cards: usize) -> Value {
    let register: Vec<Value> = (0..cards)
        .map(|index| {
            json!({ "id": format!("GPU-{name}-{index}"), "index": index, "count": 10, "devmem": 40960, "devcore": 100,
                "type": "NVIDIA-A100-SXM4-40GB", "numa": index / 4, "mode": "hami-core", "health": true })
        })
        .collect();
    let slots = (cards * 10).to_string();
    let node = annotated(node(name), "hami.io/node-nvidia-register", &Value::Array(register).to_string());
    offering(node, "nvidia.com/gpu", &slots)
}

/// A pod of one container with these limits, waiting for HAMi.
pub(crate) fn waiting(name: &str, limits: Value) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "team", "labels": {}, "annotations": {} },
        "spec": { "schedulerName": "hami-scheduler", "containers": [{ "name": "main", "resources": { "limits": limits } }] },
        "status": { "phase": "Pending" },
    })
}

/// A pod that runs where HAMi put it, with what HAMi wrote under `key`.
pub(crate) fn running(name: &str, node: &str, key: &str, devices: &str) -> Value {
    let mut pod = waiting(name, json!({}));
    pod["spec"]["nodeName"] = node.into();
    pod["status"]["phase"] = "Running".into();
    annotated(annotated(pod, "hami.io/vgpu-node", node), key, devices)
}

/// The key under which HAMi writes what a pod was given of NVIDIA cards.
pub(crate) const NVIDIA: &str = "hami.io/vgpu-devices-allocated";

/// A fleet of these, read with HAMi's own names.
pub(crate) fn fleet(nodes: &[Value], pods: &[Value]) -> Fleet {
    fleet_with(Backends::default(), Options::default(), nodes, pods)
}

/// A fleet of these.
pub(crate) fn fleet_with(backends: Backends, options: Options, nodes: &[Value], pods: &[Value]) -> Fleet {
    let mut builder = FleetBuilder::new(backends, options);
    for node in nodes {
        builder.add_node(node);
    }
    for pod in pods {
        builder.add_pod(pod);
    }
    builder.build()
}

/// The judgement on a pod that is not part of the fleet, with nothing around it.
pub(crate) fn why(fleet: &Fleet, pod: &Value) -> WhyPending {
    fleet.why_pending(&PodAsk::from_json(pod, &fleet.backends).unwrap(), &Surroundings::default())
}

/// What is serialised, for comparing.
pub(crate) fn shown(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}
