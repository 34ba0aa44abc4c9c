//! One node in full, with what a careful operator would look into.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Card, Fleet, FleetNode, LockRow, Pool};
use crate::{
    codec::{Device, HandshakeState, LockState, Placement},
    error::Note,
    object::{BindPhase, Taint},
    vendor::Vendor,
};

/// Seconds that a bind may take before it is worth a look.
const SLOW_BIND_SECONDS: i64 = 300;

/// One node in full.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct NodeDetail {
    /// Name.
    pub name: String,
    /// Its kubelet is ready.
    pub ready: bool,
    /// Not cordoned.
    pub schedulable: bool,
    /// What keeps pods away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Devices one by one.
    pub devices: Vec<CardDetail>,
    /// Devices by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolDetail>,
    /// Locks that are held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<LockRow>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What could not be known for sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// Devices that are known by number, in full.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct PoolDetail {
    /// What they are, and how many.
    #[serde(flatten)]
    pub pool: Pool,
    /// Who holds some.
    pub pods: Vec<PodOfPool>,
}

/// A pod's share of devices that are known by number.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct PodOfPool {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// How many.
    pub units: i64,
}

/// A device in full.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct CardDetail {
    /// Who makes it.
    pub vendor: Vendor,
    /// As the node registers it.
    pub device: Device,
    /// Takes no new pods.
    pub cordoned: bool,
    /// Tasks.
    pub slots_used: i64,
    /// MiB promised.
    pub memory_allocated_mib: i64,
    /// MiB that nobody was promised.
    pub memory_free_mib: i64,
    /// MiB that one container can get.
    pub largest_request_mib: i64,
    /// Units of computing promised.
    pub cores_allocated: i64,
    /// Units of computing of the whole device.
    pub cores_total: i64,
    /// What a unit is.
    pub core_unit: &'static str,
    /// Where MIG instances lie.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mig_in_use: Vec<Placement>,
    /// Who holds a share.
    pub pods: Vec<PodOnCard>,
}

/// A pod's share of a device.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct PodOnCard {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Tasks.
    pub slots: i64,
    /// MiB.
    pub memory_mib: i64,
    /// Units of computing.
    pub cores: i64,
}

/// Something that is wrong with a node.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// The kubelet is not ready.
    NotReady,
    /// A lock that keeps pods from being bound though its pod is gone or its time is over.
    StuckLock {
        /// The lock.
        lock: LockRow,
    },
    /// The device plugin does not answer and the node offers nothing.
    SilentPlugin {
        /// HAMi's word.
        word: String,
        /// Seconds since it was asked.
        age_seconds: i64,
    },
    /// The scheduler took the vendor off the node, yet its devices are still registered.
    RemovedVendor {
        /// HAMi's word.
        word: String,
    },
    /// Devices that do not work.
    UnhealthyDevices {
        /// Which.
        uuids: Vec<String>,
    },
    /// Pods were promised more of a device than it has.
    Overcommitted {
        /// The device.
        uuid: String,
        /// MiB promised beyond what there is.
        memory_mib: i64,
        /// Tasks beyond what there may be.
        slots: i64,
    },
    /// A pod whose bind began long ago and never came to an end.
    UnfinishedBind {
        /// `namespace/name`.
        pod: String,
        /// Seconds since it began.
        age_seconds: i64,
    },
    /// An annotation that cannot be read.
    Unreadable {
        /// Which, and what is wrong.
        note: Note,
    },
}

impl Fleet {
    /// One node in full at `now`.
    pub fn describe_node(&self, name: &str, now: i64) -> Option<NodeDetail> {
        let node = self.node(name)?;
        let locks: Vec<_> = node.node.locks.iter().map(|lock| self.lock_row(lock, now)).collect();
        Some(NodeDetail {
            name: node.node.name.clone(),
            ready: node.node.ready,
            schedulable: node.node.schedulable,
            taints: node.node.taints.clone(),
            devices: node.cards.iter().map(|card| self.card_detail(card)).collect(),
            pools: node.pools.iter().map(|pool| self.pool_detail(node, pool)).collect(),
            findings: self.findings(node, &locks, now),
            locks,
            notes: node.notes.clone(),
        })
    }

    fn pool_detail(&self, node: &FleetNode, pool: &Pool) -> PoolDetail {
        let pods = node.pods.iter().filter_map(|number| {
            let pod = &self.pods[*number];
            let units = pod.numbered().remove(&pool.resource).filter(|units| *units > 0)?;
            Some(PodOfPool { namespace: pod.namespace.clone(), name: pod.name.clone(), units })
        });
        PoolDetail { pool: pool.clone(), pods: pods.collect() }
    }

    fn card_detail(&self, card: &Card) -> CardDetail {
        let pods = card.holders.iter().map(|holder| {
            let pod = &self.pods[holder.pod];
            PodOnCard {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                slots: holder.share.slots,
                memory_mib: holder.share.memory_mib,
                cores: card.core_unit.amount(holder.share.cores),
            }
        });
        CardDetail {
            vendor: card.vendor,
            device: card.device.clone(),
            cordoned: card.cordoned,
            slots_used: card.used.slots,
            memory_allocated_mib: card.used.memory_mib,
            memory_free_mib: card.free_memory_mib(),
            largest_request_mib: card.largest_request_mib(),
            cores_allocated: card.used_cores(),
            cores_total: card.total_cores(),
            core_unit: super::summary::unit_name(card.core_unit),
            mig_in_use: card.mig.clone(),
            pods: pods.collect(),
        }
    }

    fn findings(&self, node: &FleetNode, locks: &[LockRow], now: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !node.node.ready {
            findings.push(Finding::NotReady);
        }
        let stuck = locks.iter().filter(|lock| lock.state != LockState::Held);
        findings.extend(stuck.map(|lock| Finding::StuckLock { lock: lock.clone() }));
        for handshake in &node.node.handshakes {
            let word = handshake.word.clone();
            match handshake.handshake.state(now, handshake.offers_devices) {
                HandshakeState::Silent => {
                    let age_seconds = now.saturating_sub(handshake.handshake.at());
                    findings.push(Finding::SilentPlugin { word, age_seconds });
                }
                HandshakeState::Removed if node.cards.iter().any(|card| *card.word == *word) => {
                    findings.push(Finding::RemovedVendor { word });
                }
                _ => {}
            }
        }
        let broken = node.cards.iter().filter(|card| !card.device.healthy);
        let uuids: Vec<_> = broken.map(|card| card.device.id.clone()).collect();
        if !uuids.is_empty() {
            findings.push(Finding::UnhealthyDevices { uuids });
        }
        findings.extend(node.cards.iter().filter_map(overcommitted));
        findings.extend(self.unfinished_binds(node, now));
        findings.extend(node.node.notes.iter().map(|note| Finding::Unreadable { note: note.clone() }));
        findings
    }

    fn unfinished_binds<'a>(&'a self, node: &'a FleetNode, now: i64) -> impl Iterator<Item = Finding> + 'a {
        let pods = node.pods.iter().map(|number| &self.pods[*number]);
        pods.filter(|pod| pod.marks.bind_phase == Some(BindPhase::Allocating)).filter_map(move |pod| {
            let age_seconds = now.saturating_sub(pod.marks.bound_at?);
            let pod = format!("{}/{}", pod.namespace, pod.name);
            (age_seconds > SLOW_BIND_SECONDS).then_some(Finding::UnfinishedBind { pod, age_seconds })
        })
    }
}

fn overcommitted(card: &Card) -> Option<Finding> {
    let memory_mib = (card.used.memory_mib - i64::from(card.device.memory_mib)).max(0);
    let slots = (card.used.slots - i64::from(card.device.count)).max(0);
    // Devices whose memory nobody counts have none to promise.
    let memory_mib = if card.device.memory_mib == 0 { 0 } else { memory_mib };
    let uuid = card.device.id.clone();
    (memory_mib > 0 || slots > 0).then_some(Finding::Overcommitted { uuid, memory_mib, slots })
}
