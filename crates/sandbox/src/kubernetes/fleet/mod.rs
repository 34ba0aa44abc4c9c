//! A fleet of GPU nodes with pods on them, the same for the same seed.

mod node;
mod pod;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::Duration;

pub(crate) use self::node::card_id;
use super::{clock, cluster::Cluster, random::Random};

/// How large a fleet is, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Nodes in all.
    pub nodes: usize,
    /// GPUs in each node that has any.
    pub gpus: usize,
    /// Pods in all.
    pub pods: usize,
    /// Of the nodes, those whose GPUs are cut into MIG slices by the device plugin, without HAMi.
    pub mig_nodes: usize,
    /// Of the nodes, those with Neuron devices in place of GPUs.
    pub neuron_nodes: usize,
    /// Of the nodes, those without accelerators.
    pub cpu_nodes: usize,
    /// Of a thousand pods, those that something is wrong with: waiting, crashing, without an image.
    pub troubled: usize,
    /// Where random choices begin.
    pub seed: u64,
}

impl Default for Fleet {
    /// 200 nodes with 8 GPUs each, and 3,000 pods.
    fn default() -> Self {
        Self { nodes: 200, gpus: 8, pods: 3_000, mig_nodes: 4, neuron_nodes: 4, cpu_nodes: 12, troubled: 30, seed: 7 }
    }
}

impl Fleet {
    /// A fleet of a size, of GPU nodes under HAMi alone.
    pub fn of(nodes: usize, pods: usize) -> Self {
        Self { nodes, pods, mig_nodes: 0, neuron_nodes: 0, cpu_nodes: 0, ..Self::default() }
    }
}

/// Nodes of a fleet by kind, in their order: how their names begin, the type of their machines, how many.
pub(crate) fn node_groups(fleet: &Fleet) -> Vec<(&'static str, &'static str, usize)> {
    let hami = fleet.nodes.saturating_sub(fleet.mig_nodes + fleet.neuron_nodes + fleet.cpu_nodes);
    let counts = [hami, fleet.mig_nodes, fleet.neuron_nodes, fleet.cpu_nodes];
    let mut left = fleet.nodes;
    node::KINDS
        .iter()
        .zip(counts)
        .map(|((_, name, machine), count)| {
            let count = count.min(left);
            left -= count;
            (*name, *machine, count)
        })
        .collect()
}

/// Namespaces of the teams.
const TEAMS: &[&str] = &["research", "vision", "language", "serving", "platform"];

/// Puts a fleet into a cluster.
pub(crate) fn build(cluster: &mut Cluster, fleet: &Fleet) -> Result<(), String> {
    let mut random = Random::new(fleet.seed);
    let now = cluster.clock.now();
    let mut nodes = node::all(fleet, now, &mut random);
    for node in &nodes {
        cluster.seed(node.object.clone())?;
        let cpu = 4_000 + i64::try_from(random.below(60_000)).unwrap_or(0);
        let memory = (64 << 30) + i64::try_from(random.below(512 << 30)).unwrap_or(0);
        cluster.usage.nodes.insert(node.name.clone(), super::metrics::Used { cpu, memory });
    }
    for number in 0..fleet.pods {
        let made = pod::make(number, fleet, &mut nodes, now, &mut random);
        cluster.seed(made.object)?;
        for event in made.events {
            cluster.seed(event)?;
        }
        for (container, lines) in made.logs {
            let place = (made.namespace.clone(), made.name.clone(), container);
            cluster.logs.write(place, &lines, now, false);
        }
    }
    for team in TEAMS {
        cluster.seed(quota(team))?;
    }
    cluster.seed(hami())?;
    cluster.seed(super::prometheus::service())
}

/// What HAMi's chart writes down for its scheduler: the names of resources, and into how many shares a card is cut.
fn hami() -> Value {
    let labels = json!({ "app.kubernetes.io/name": "hami", "app.kubernetes.io/component": "hami-scheduler" });
    let devices = format!(
        "nvidia:\n  resourceCountName: nvidia.com/gpu\n  resourceMemoryName: nvidia.com/gpumem\n  \
         resourceMemoryPercentageName: nvidia.com/gpumem-percentage\n  resourceCoreName: nvidia.com/gpucores\n  \
         defaultMemory: 0\n  defaultCores: 0\n  defaultGPUNum: 1\n  deviceSplitCount: {}\n  deviceMemoryScaling: 1\n  \
         deviceCoreScaling: 1\n",
        node::SHARES
    );
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": { "device-config.yaml": devices },
        "metadata": { "name": "hami-scheduler-device", "namespace": "kube-system", "labels": labels },
    })
}

fn quota(team: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "accelerators", "namespace": team },
        "spec": { "hard": { "limits.nvidia.com/gpumem": "4000000", "requests.nvidia.com/gpu": "20000" } },
        "status": { "hard": { "limits.nvidia.com/gpumem": "4M", "requests.nvidia.com/gpu": "20k" }, "used": {} },
    })
}

/// A moment some seconds ago.
fn ago(now: time::OffsetDateTime, seconds: u64) -> String {
    clock::stamp(now - Duration::seconds(i64::try_from(seconds).unwrap_or(0)))
}

/// Names and values.
fn map(pairs: &[(&str, String)]) -> Value {
    let pairs: BTreeMap<_, _> = pairs.iter().cloned().collect();
    json!(pairs)
}
