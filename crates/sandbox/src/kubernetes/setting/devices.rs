//! What nodes and their devices are told: conditions, cards that are ill, cards that are taken.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ObjectName, ago, change};
use crate::kubernetes::{clock, cluster::Cluster, fleet::card_id, parts};

/// A condition of a node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCondition {
    /// The node.
    pub node: String,
    /// Type, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// What is known.
    pub message: String,
    /// Since when.
    #[serde(default)]
    pub ago_seconds: u64,
}

/// Health of a card, as HAMi's device plugin registers it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardHealth {
    /// The node.
    pub node: String,
    /// Number of the card on its node.
    pub index: usize,
    /// Whether pods may be put on it.
    pub healthy: bool,
}

/// A pod on a part of a card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Namespace of the pod.
    pub namespace: String,
    /// Its name; where several cards are meant, their numbers are added to it.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Numbers of the cards: a pod for each.
    pub cards: Vec<usize>,
    /// Memory of the card in MiB.
    pub memory: u64,
    /// Cores of the card in percent.
    pub cores: u64,
    /// Image of the container, `main`.
    pub image: String,
    /// Since when it runs.
    #[serde(default)]
    pub ago_seconds: u64,
}

fn node(name: &str) -> ObjectName {
    ObjectName { resource: "nodes".to_owned(), namespace: String::new(), name: name.to_owned() }
}

impl NodeCondition {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let since = clock::stamp(ago(cluster, self.ago_seconds));
        change(cluster, &node(&self.node), |object| {
            parts::condition(object, &self.kind, &self.status, Some((&self.reason, &self.message)), &since);
        })
    }
}

/// Where HAMi's device plugin writes down the cards of a node.
const REGISTER: &str = "hami.io/node-nvidia-register";

impl CardHealth {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let wrong = || format!("{} has no card {} under HAMi", self.node, self.index);
        let found = cluster.value("nodes", "", &self.node).ok_or_else(wrong)?;
        let register = found["metadata"]["annotations"][REGISTER].as_str().ok_or_else(wrong)?;
        let mut cards: Vec<Value> = serde_json::from_str(register).map_err(|error| error.to_string())?;
        cards.get_mut(self.index).ok_or_else(wrong)?["health"] = self.healthy.into();
        let register = Value::Array(cards).to_string();
        change(cluster, &node(&self.node), |object| object["metadata"]["annotations"][REGISTER] = register.into())
    }
}

impl Taken {
    pub(super) fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        self.cards.iter().try_for_each(|card| cluster.seed(self.pod(cluster, *card)))
    }

    fn pod(&self, cluster: &Cluster, card: usize) -> Value {
        let since = ago(cluster, self.ago_seconds);
        let (stamp, seconds) = (clock::stamp(since), since.unix_timestamp().to_string());
        let name = if self.cards.len() == 1 { self.name.clone() } else { format!("{}-{card}", self.name) };
        let devices = format!("{},NVIDIA,{},{}:;", card_id(&self.node, card), self.memory, self.cores);
        let condition =
            |kind: &str| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp });
        let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
        let limits = json!({
            "nvidia.com/gpu": "1", "nvidia.com/gpumem": self.memory.to_string(), "nvidia.com/gpucores": self.cores.to_string(),
        });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": self.namespace, "creationTimestamp": stamp,
                "labels": { "app": self.name, "hami.io/vgpu-node": self.node },
                "annotations": {
                    "hami.io/vgpu-node": self.node, "hami.io/vgpu-time": seconds, "hami.io/bind-time": seconds,
                    "hami.io/bind-phase": "success", "hami.io/vgpu-devices-allocated": devices,
                },
            },
            "spec": {
                "nodeName": self.node, "schedulerName": "hami-scheduler",
                "containers": [{ "name": "main", "image": self.image, "resources": { "limits": limits, "requests": limits } }],
            },
            "status": {
                "phase": "Running", "startTime": stamp, "qosClass": "BestEffort",
                "conditions": conditions,
                "containerStatuses": [{
                    "name": "main", "image": self.image, "imageID": "", "ready": true, "started": true, "restartCount": 0,
                    "state": { "running": { "startedAt": stamp } }, "lastState": {},
                }],
            },
        })
    }
}
