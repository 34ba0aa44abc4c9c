//! What nodes and pods use (`metrics.k8s.io`), as far as somebody said it.

use std::{collections::BTreeMap, sync::Arc};

use http::Method;
use serde_json::{Value, json};

use super::{
    answer::Call,
    cluster::{ByContainer, Cluster},
    http::{
        body::{self, Reply},
        path::ResourcePath,
    },
    kinds::Kind,
    prometheus::Told,
    quantity::Quantity,
    refusal::{Refusal, Result},
    selector::Labels,
    shared::Shared,
};

pub(crate) const GROUP: &str = "metrics.k8s.io";
pub(crate) const VERSION: &str = "v1beta1";

/// Use of processor (thousandths of a core) and memory (bytes).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) cpu: i64,
    pub(crate) memory: i64,
}

impl Used {
    fn json(self) -> Value {
        json!({ "cpu": format!("{}m", self.cpu), "memory": Quantity::milli(0).plus(Quantity::whole(self.memory)).to_string() })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) nodes: BTreeMap<String, Used>,
    pub(crate) containers: ByContainer<Used>,
    /// Series that Prometheus has otherwise than the fleet would.
    pub(crate) told: Vec<Told>,
}

pub(crate) fn resources() -> Vec<Value> {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"] });
    vec![resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)]
}

pub(crate) fn answer(shared: &Arc<Shared>, call: &Call, path: &ResourcePath) -> Result<Reply> {
    if call.method != Method::GET {
        return Err(Refusal::method_not_allowed());
    }
    let labels = call.query.get("labelSelector").map(Labels::parse).transpose()?.unwrap_or_default();
    let (list, all) = shared.with(|cluster| match path.plural.as_str() {
        "nodes" => Ok(("NodeMetricsList", nodes(cluster))),
        "pods" => Ok(("PodMetricsList", pods(cluster, path.namespace.as_deref()))),
        _ => Err(Refusal::no_such_resource()),
    })?;
    if let Some(name) = &path.name {
        let kind = Kind { group: GROUP.into(), plural: path.plural.clone(), ..Kind::default() };
        let mut found = all
            .into_iter()
            .find(|entry| entry["metadata"]["name"] == **name)
            .ok_or_else(|| Refusal::not_found(&kind, name))?;
        found["kind"] = list.trim_end_matches("List").into();
        found["apiVersion"] = format!("{GROUP}/{VERSION}").into();
        return Ok(body::json(200, &found));
    }
    let items: Vec<Value> = all.into_iter().filter(|entry| labels.matches_object(entry)).collect();
    Ok(body::json(
        200,
        &json!({ "kind": list, "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": {}, "items": items }),
    ))
}

fn metadata(object: &Value, now: &str) -> Value {
    let mut metadata = json!({ "name": object["metadata"]["name"], "creationTimestamp": now });
    for member in ["namespace", "labels"] {
        if !object["metadata"][member].is_null() {
            metadata[member] = object["metadata"][member].clone();
        }
    }
    metadata
}

fn nodes(cluster: &Cluster) -> Vec<Value> {
    let now = cluster.now();
    let nodes = cluster.values("nodes", None);
    let known = nodes.iter().filter_map(|node| {
        let used = cluster.usage.nodes.get(node["metadata"]["name"].as_str()?)?;
        Some(json!({ "metadata": metadata(node, &now), "timestamp": now, "window": "20s", "usage": used.json() }))
    });
    known.collect()
}

fn pods(cluster: &Cluster, namespace: Option<&str>) -> Vec<Value> {
    let now = cluster.now();
    let mut all = Vec::new();
    for pod in cluster.store.list("pods", namespace, None) {
        let from = (pod.namespace.to_string(), pod.name.to_string(), String::new());
        let own = cluster.usage.containers.range(from..);
        let own = own.take_while(|((namespace, name, _), _)| **namespace == *pod.namespace && **name == *pod.name);
        let containers: Vec<Value> =
            own.map(|((.., container), used)| json!({ "name": container, "usage": used.json() })).collect();
        if !containers.is_empty() {
            let metadata = metadata(&pod.value(), &now);
            all.push(json!({ "metadata": metadata, "timestamp": now, "window": "20s", "containers": containers }));
        }
    }
    all
}
