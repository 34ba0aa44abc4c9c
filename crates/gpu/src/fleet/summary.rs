//! A line for each node, and the sums of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Card, Fleet, FleetNode, Pool};
use crate::{
    codec::{HandshakeState, LockState},
    error::Note,
    object::NodeLock,
    vendor::{CoreUnit, PlainResource, Vendor},
};

/// Which nodes to tell of. Everything is optional, and all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct NodeFilter {
    /// Only with devices of this vendor.
    pub vendor: Option<Vendor>,
    /// Only with a model that contains this, in any case.
    pub model: Option<String>,
    /// Only with a device that is not healthy.
    pub only_unhealthy: bool,
    /// Only with a device that still has so many MiB for one container.
    pub min_free_memory_mib: Option<i64>,
    /// Only with a device that still has so many cores.
    pub min_free_cores: Option<i64>,
}

/// A node in one line.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct NodeSummary {
    /// Name.
    pub name: String,
    /// Its kubelet is ready.
    pub ready: bool,
    /// Not cordoned.
    pub schedulable: bool,
    /// Devices by kind.
    pub vendors: Vec<VendorSummary>,
    /// Locks that are held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<LockRow>,
    /// Devices that take no new pods.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cordoned_devices: BTreeSet<String>,
    /// What could not be known for sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// Devices of one kind on a node, or in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct VendorSummary {
    /// Who makes them.
    pub vendor: Vendor,
    /// HAMi's word, or the resource where HAMi does not hand them out.
    pub kind: String,
    /// Models.
    pub models: BTreeSet<String>,
    /// Modes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub modes: BTreeSet<String>,
    /// Devices.
    pub cards: i64,
    /// Devices that work.
    pub healthy_cards: i64,
    /// Tasks that there is room for; never multiplies memory.
    pub slots_total: i64,
    /// Tasks that are there.
    pub slots_used: i64,
    /// MiB; absent where nothing says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_mib: Option<i64>,
    /// MiB promised to pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_allocated_mib: Option<i64>,
    /// MiB that nobody was promised, on devices that take new pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_free_mib: Option<i64>,
    /// MiB that one container can still get on one device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_free_card_mib: Option<i64>,
    /// Units of computing; absent where nothing says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_total: Option<i64>,
    /// Units of computing promised to pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_allocated: Option<i64>,
    /// What a unit is.
    pub core_unit: &'static str,
    /// What scheduler and plugin last said to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<HandshakeState>,
}

/// A lock, judged.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct LockRow {
    /// The annotation.
    pub key: &'static str,
    /// `namespace/name` of the pod that it was taken for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Seconds since it was taken.
    pub age_seconds: i64,
    /// What it means.
    pub state: LockState,
}

/// Sums over a cluster.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct FleetTotals {
    /// Nodes with accelerators.
    pub nodes: usize,
    /// Devices by kind.
    pub vendors: Vec<VendorSummary>,
}

impl Fleet {
    /// A line for each node with accelerators that passes the filter, in the order in which they were given.
    pub fn node_summaries(&self, filter: &NodeFilter, now: i64) -> Vec<NodeSummary> {
        let chosen = self.device_nodes().filter(|node| filter.passes(node));
        chosen.map(|node| self.node_summary(node, now)).collect()
    }

    /// Sums over the nodes that pass the filter.
    pub fn totals(&self, filter: &NodeFilter) -> FleetTotals {
        let chosen: Vec<_> = self.device_nodes().filter(|node| filter.passes(node)).collect();
        FleetTotals { nodes: chosen.len(), vendors: vendors(chosen.iter().copied()) }
    }

    fn node_summary(&self, node: &FleetNode, now: i64) -> NodeSummary {
        let mut vendors = vendors(std::iter::once(node));
        for vendor in &mut vendors {
            let handshake = node.node.handshakes.iter().find(|handshake| handshake.word == vendor.kind);
            vendor.handshake = handshake.map(|it| it.handshake.state(now, it.offers_devices));
        }
        NodeSummary {
            name: node.node.name.clone(),
            ready: node.node.ready,
            schedulable: node.node.schedulable,
            vendors,
            locks: node.node.locks.iter().map(|lock| self.lock_row(lock, now)).collect(),
            cordoned_devices: node.node.cordoned.clone(),
            notes: node.node.notes.iter().chain(&node.notes).cloned().collect(),
        }
    }

    /// Judges a lock at `now`; its pod is looked up among the pods of this fleet.
    pub(crate) fn lock_row(&self, lock: &NodeLock, now: i64) -> LockRow {
        let owner_lives = lock.lock.owner.as_ref().map(|(namespace, name)| self.pod(namespace, name).is_some());
        LockRow {
            key: lock.key,
            owner: lock.lock.owner.as_ref().map(|(namespace, name)| format!("{namespace}/{name}")),
            age_seconds: now.saturating_sub(lock.lock.at),
            state: lock.lock.state(now, lock.timeout_seconds, owner_lives),
        }
    }
}

impl NodeFilter {
    fn passes(&self, node: &FleetNode) -> bool {
        let card = |card: &Card| {
            self.vendor.is_none_or(|vendor| card.vendor == vendor)
                && self.fits_model(Some(&card.device.model))
                && (!self.only_unhealthy || !card.device.healthy)
                && self.min_free_memory_mib.is_none_or(|least| card.is_usable() && card.largest_request_mib() >= least)
                && self.min_free_cores.is_none_or(|least| card.is_usable() && card.free_cores() >= least)
        };
        let pool = |pool: &Pool| {
            self.vendor.is_none_or(|vendor| pool.vendor == vendor)
                && self.fits_model(pool.model.as_deref())
                && (!self.only_unhealthy || pool.withdrawn() > 0)
                && self
                    .min_free_memory_mib
                    .is_none_or(|least| pool.free() > 0 && pool.memory_mib_each.is_some_and(|memory| memory >= least))
                && self.min_free_cores.is_none_or(|least| pool.free() > 0 && pool_cores(pool) >= least)
        };
        node.cards.iter().any(card) || node.pools.iter().any(pool) || (self.asks_nothing() && node.has_devices())
    }

    fn asks_nothing(&self) -> bool {
        self.vendor.is_none()
            && self.model.is_none()
            && !self.only_unhealthy
            && self.min_free_memory_mib.is_none()
            && self.min_free_cores.is_none()
    }

    fn fits_model(&self, model: Option<&str>) -> bool {
        self.model
            .as_deref()
            .is_none_or(|wanted| model.is_some_and(|model| model.to_lowercase().contains(&wanted.to_lowercase())))
    }
}

/// Units of computing that one unit of a pool brings: all of a card, or one core.
fn pool_cores(pool: &Pool) -> i64 {
    match pool.kind {
        PlainResource::Core { .. } => 1,
        PlainResource::Card { .. } | PlainResource::MigInstance { .. } => 100,
    }
}

/// Sums by kind of device, in the order in which the kinds appear.
fn vendors<'a>(nodes: impl Iterator<Item = &'a FleetNode>) -> Vec<VendorSummary> {
    let mut sums: BTreeMap<(Vendor, String), VendorSummary> = BTreeMap::new();
    for node in nodes {
        for card in &node.cards {
            let key = (card.vendor, card.word.to_string());
            sums.entry(key)
                .or_insert_with_key(|(vendor, kind)| empty(*vendor, kind, unit_name(card.core_unit)))
                .add_card(card);
        }
        for pool in &node.pools {
            let key = (pool.vendor, pool.resource.clone());
            sums.entry(key).or_insert_with_key(|(vendor, kind)| empty(*vendor, kind, "none")).add_pool(pool);
        }
    }
    sums.into_values().collect()
}

/// The name of a unit of computing, as summaries give it.
pub(super) fn unit_name(unit: CoreUnit) -> &'static str {
    match unit {
        CoreUnit::Percent => "percent",
        CoreUnit::Sixteenths => "sixteenth",
        CoreUnit::ComputeUnits => "compute_unit",
        CoreUnit::CoreMask => "core",
    }
}

fn empty(vendor: Vendor, kind: &str, core_unit: &'static str) -> VendorSummary {
    VendorSummary {
        vendor,
        kind: kind.to_owned(),
        models: BTreeSet::new(),
        modes: BTreeSet::new(),
        cards: 0,
        healthy_cards: 0,
        slots_total: 0,
        slots_used: 0,
        memory_total_mib: None,
        memory_allocated_mib: None,
        memory_free_mib: None,
        largest_free_card_mib: None,
        cores_total: None,
        cores_allocated: None,
        core_unit,
        handshake: None,
    }
}

impl VendorSummary {
    fn add_card(&mut self, card: &Card) {
        self.models.insert(card.device.model.clone());
        if !card.device.mode.is_empty() {
            self.modes.insert(card.device.mode.clone());
        }
        self.cards += 1;
        self.healthy_cards += i64::from(card.device.healthy);
        self.slots_total += i64::from(card.device.count.max(0));
        self.slots_used = self.slots_used.saturating_add(card.used.slots);
        if card.device.memory_mib > 0 {
            let (free, largest) =
                if card.is_usable() { (card.free_memory_mib(), card.largest_request_mib()) } else { (0, 0) };
            add(&mut self.memory_total_mib, card.device.memory_mib.into());
            add(&mut self.memory_allocated_mib, card.used.memory_mib);
            add(&mut self.memory_free_mib, free);
            self.largest_free_card_mib = self.largest_free_card_mib.max(Some(largest));
        }
        add(&mut self.cores_total, card.total_cores());
        add(&mut self.cores_allocated, card.used_cores());
    }

    fn add_pool(&mut self, pool: &Pool) {
        self.models.extend(pool.model.clone());
        let cards = pool.capacity / pool.replicas;
        self.cards = self.cards.saturating_add(cards);
        self.healthy_cards = self.healthy_cards.saturating_add(pool.allocatable.max(0) / pool.replicas);
        self.slots_total = self.slots_total.saturating_add(pool.capacity);
        self.slots_used = self.slots_used.saturating_add(pool.used);
        if let Some(memory) = pool.memory_mib_each {
            add(&mut self.memory_total_mib, memory.saturating_mul(cards));
            // Who shares a replicated card shares all of its memory, so nothing is promised to anyone.
            if pool.replicas == 1 {
                add(&mut self.memory_allocated_mib, memory.saturating_mul(pool.used));
                add(&mut self.memory_free_mib, memory.saturating_mul(pool.free()));
                let largest = if pool.free() > 0 { memory } else { 0 };
                self.largest_free_card_mib = self.largest_free_card_mib.max(Some(largest));
            }
        }
    }
}

fn add(sum: &mut Option<i64>, more: i64) {
    *sum = Some(sum.unwrap_or(0).saturating_add(more));
}
