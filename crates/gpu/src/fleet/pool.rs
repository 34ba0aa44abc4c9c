//! Devices that a node offers by number: without HAMi nobody but the kubelet knows which one a pod got.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    object::{Load, Node},
    vendor::{PlainResource, Vendor, plain_resource},
};

/// One extended resource of a node.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Pool {
    /// Such as `nvidia.com/gpu` or `nvidia.com/mig-1g.5gb`.
    pub resource: String,
    /// Who makes it.
    pub vendor: Vendor,
    /// What one unit is.
    pub kind: PlainResource,
    /// The model, where the vendor's feature discovery labels the node with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// MiB of one unit, where a label or the name of the resource says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib_each: Option<i64>,
    /// Tasks that share a card, where the plugin replicates cards.
    pub replicas: i64,
    /// All units, broken ones included.
    pub capacity: i64,
    /// Units that pods may have.
    pub allocatable: i64,
    /// Units that pods on the node hold.
    pub used: i64,
}

impl Pool {
    /// Units that nobody holds.
    pub fn free(&self) -> i64 {
        self.allocatable.saturating_sub(self.used).max(0)
    }

    /// Units that the plugin took back, mostly because they are broken.
    pub fn withdrawn(&self) -> i64 {
        self.capacity.saturating_sub(self.allocatable).max(0)
    }

    /// The accelerators among a node's resources, but those that `covered` by cards.
    pub(super) fn of_node(node: &Node, load: &Load, covered: impl Fn(&str) -> bool) -> Vec<Self> {
        let offered = node.capacity.iter().filter(|(name, amount)| amount.is_positive() && !covered(name));
        offered.filter_map(|(name, amount)| Self::new(node, load, name, amount.ceil())).collect()
    }

    fn new(node: &Node, load: &Load, name: &str, capacity: i64) -> Option<Self> {
        let kind = plain_resource(name)?;
        let label = |key: &str| node.labels.get(key);
        let vendor = kind.vendor();
        let (model, replicas, memory_mib_each) = match &kind {
            PlainResource::MigInstance { memory_gb, .. } => {
                (label("nvidia.com/gpu.product").cloned(), 1, Some(i64::from(*memory_gb) * 1024))
            }
            PlainResource::Card { vendor: Vendor::Nvidia } => {
                let replicas = number(&node.labels, "nvidia.com/gpu.replicas").unwrap_or(1).max(1);
                (label("nvidia.com/gpu.product").cloned(), replicas, number(&node.labels, "nvidia.com/gpu.memory"))
            }
            PlainResource::Card { vendor: Vendor::Amd } => (label("amd.com/gpu.product-name").cloned(), 1, None),
            _ => (node.instance_type().map(str::to_owned), 1, None),
        };
        Some(Self {
            resource: name.to_owned(),
            vendor,
            kind,
            model,
            memory_mib_each,
            replicas,
            capacity,
            allocatable: node.allocatable.get(name).map_or(0, |amount| amount.ceil()),
            used: load.extended.get(name).copied().unwrap_or(0),
        })
    }
}

fn number(labels: &BTreeMap<String, String>, key: &str) -> Option<i64> {
    labels.get(key)?.parse().ok()
}
