//! The whole picture: nodes with their cards, and who holds what of them.

mod build;
mod card;
mod describe;
mod fragmentation;
mod pods;
mod pool;
mod summary;
mod usage;

pub use build::{FleetBuilder, HamiPresence, Options, Work};
pub use card::{Card, Holder, Used};
pub use describe::{CardDetail, Finding, NodeDetail, PodOfPool, PodOnCard, PoolDetail};
pub use fragmentation::{CardFree, Fragmentation, FragmentedGroup, LargestPod, Obstacle};
pub use pods::{ContainerRow, DeviceRow, PodFilter, PodRow, RequestRow};
pub use pool::Pool;
pub use summary::{FleetTotals, LockRow, NodeFilter, NodeSummary, VendorSummary};
pub use usage::Counting;

pub(crate) use usage::shares;

use std::collections::HashMap;

use crate::{
    error::Note,
    object::{Load, Node, Pod},
    vendor::Backends,
};

/// All nodes with accelerators or pods on them, and all pods that concern accelerators.
#[derive(Debug)]
pub struct Fleet {
    /// How devices, annotations and resources are named here.
    pub backends: Backends,
    /// Nodes in the order in which they were given.
    pub nodes: Vec<FleetNode>,
    /// Pods that ask for devices or hold some.
    pub pods: Vec<Pod>,
    /// HAMi is there.
    pub hami: bool,
    /// What could not be joined.
    pub notes: Vec<Note>,
    /// What building it took.
    pub work: Work,
    pub(crate) counting: Counting,
    by_name: HashMap<String, usize>,
}

/// A node, its devices and what is on it.
#[derive(Debug)]
pub struct FleetNode {
    /// What the node says of itself.
    pub node: Node,
    /// Devices that are known one by one.
    pub cards: Vec<Card>,
    /// Devices that are known by number only.
    pub pools: Vec<Pool>,
    /// What all its pods occupy.
    pub load: Load,
    /// Numbers of the pods in [`Fleet::pods`] whose devices are here.
    pub pods: Vec<usize>,
    /// What could not be joined.
    pub notes: Vec<Note>,
}

impl Fleet {
    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&FleetNode> {
        self.by_name.get(name).map(|at| &self.nodes[*at])
    }

    /// The pod of this name.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.namespace == namespace && pod.name == name)
    }

    /// Nodes with accelerators.
    pub fn device_nodes(&self) -> impl Iterator<Item = &FleetNode> {
        self.nodes.iter().filter(|node| node.has_devices())
    }
}

impl FleetNode {
    /// Whether it has, or claims to have, accelerators.
    pub fn has_devices(&self) -> bool {
        !self.cards.is_empty() || !self.pools.is_empty() || self.node.has_hami
    }
}
