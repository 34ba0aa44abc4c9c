//! Pods with what they ask for and hold, container by container.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Card, Fleet};
use crate::{
    codec::{MigAllocation, MigSlot},
    error::Note,
    object::{BindPhase, Container, ContainerKind, Grant, Owner, Phase, Pod},
    vendor::{Backend, CoreUnit, ResourceRole, Vendor},
};

/// Which pods to tell of. Everything is optional, and all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct PodFilter {
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only with devices on, or bound to, this node.
    pub node: Option<String>,
    /// Only with a share of this device.
    pub device_uuid: Option<String>,
    /// Only in this phase.
    pub phase: Option<Phase>,
    /// Pods that have ended as well. Asking for their phase does so too.
    pub include_terminal: bool,
}

/// A pod in full.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct PodRow {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Where its devices are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where in its life it is.
    pub phase: Phase,
    /// Deletion was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminating: bool,
    /// How far HAMi's bind came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_phase: Option<BindPhase>,
    /// When HAMi chose, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<i64>,
    /// When HAMi bound, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_at: Option<i64>,
    /// Who schedules it.
    pub scheduler_name: String,
    /// Containers that ask for devices or hold some.
    pub containers: Vec<ContainerRow>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What could not be known for sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A container of a [`PodRow`].
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct ContainerRow {
    /// Name; `entry N` where the annotation cannot be joined with the pod's spec.
    pub name: String,
    /// When it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ContainerKind>,
    /// What it asks for, one for each kind of device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<RequestRow>,
    /// What it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceRow>,
}

/// What a container asks for, in the words of its spec.
#[derive(Debug, Clone, Default, JsonSchema, Serialize)]
pub struct RequestRow {
    /// The resource that counts the devices.
    pub resource: String,
    /// Devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// MiB a device, as the unit of its vendor is converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<i64>,
    /// Percent of a device's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<i64>,
    /// Cores, in the unit of the spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<i64>,
}

/// A share of a device.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct DeviceRow {
    /// Who makes it.
    pub vendor: Vendor,
    /// The device.
    pub uuid: String,
    /// Its number on the node, where the node registers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The model, or the type in the annotation where the node does not register the device.
    pub model: String,
    /// MiB.
    pub memory_mib: i64,
    /// Units of computing, in numbers of cores for Neuron.
    pub cores: i64,
    /// What a unit is.
    pub core_unit: &'static str,
    /// Percent of the device's computing, where its total is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_percent: Option<i64>,
    /// Which cores, for Neuron.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub core_numbers: Vec<u32>,
    /// The MIG instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mig: Option<MigAllocation>,
    /// The MIG slot, before HAMi 2.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mig_slot: Option<MigSlot>,
}

impl PodFilter {
    fn passes(&self, pod: &Pod) -> bool {
        let equals =
            |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|it| value == Some(it));
        equals(&self.namespace, Some(&pod.namespace))
            && equals(&self.node, pod.device_node())
            && self.phase.is_none_or(|phase| phase == pod.phase)
            && (self.include_terminal || self.phase.is_some() || pod.holds())
            && self.device_uuid.as_deref().is_none_or(|uuid| pod.grants.iter().any(|grant| grant.uuid == uuid))
    }
}

impl Fleet {
    /// The pods that pass the filter, in the order in which they were given.
    pub fn pod_rows<'a>(&'a self, filter: &'a PodFilter) -> impl Iterator<Item = PodRow> + 'a {
        self.pods.iter().filter(|pod| filter.passes(pod)).map(|pod| self.pod_row(pod))
    }

    /// A pod in full.
    pub fn pod_row(&self, pod: &Pod) -> PodRow {
        PodRow {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            node: pod.device_node().map(str::to_owned),
            phase: pod.phase,
            terminating: pod.terminating,
            bind_phase: pod.marks.bind_phase,
            scheduled_at: pod.marks.scheduled_at,
            bound_at: pod.marks.bound_at,
            scheduler_name: pod.scheduler.clone(),
            containers: self.container_rows(pod),
            owner: pod.owner.clone(),
            notes: pod.notes.clone(),
        }
    }

    fn container_rows(&self, pod: &Pod) -> Vec<ContainerRow> {
        let joined = pod.containers.iter().enumerate().map(|(number, container)| ContainerRow {
            name: container.name.clone(),
            kind: Some(container.kind),
            requested: self.requests(container),
            devices: self.devices(pod, |grant| grant.container == Some(number)),
        });
        let mut rows: Vec<_> = joined.filter(|row| !row.requested.is_empty() || !row.devices.is_empty()).collect();
        let mut entries: Vec<_> =
            pod.grants.iter().filter(|grant| grant.container.is_none()).map(|grant| grant.entry).collect();
        entries.dedup();
        rows.extend(entries.into_iter().map(|entry| ContainerRow {
            name: format!("entry {entry}"),
            kind: None,
            requested: Vec::new(),
            devices: self.devices(pod, |grant| grant.container.is_none() && grant.entry == entry),
        }));
        rows
    }

    /// What a container asks for. Resources of one backend are one request.
    pub(crate) fn requests(&self, container: &Container) -> Vec<RequestRow> {
        let mut rows: Vec<RequestRow> = Vec::new();
        for (name, amount) in &container.asks {
            let known = self.backends.by_resource(name).map(|(at, role)| (self.backends.get(at), role));
            let resource = known.map_or(name.as_str(), |(backend, _)| backend.resources.count.as_str());
            let at = rows.iter().position(|row| row.resource == resource).unwrap_or_else(|| {
                rows.push(RequestRow { resource: resource.to_owned(), ..RequestRow::default() });
                rows.len() - 1
            });
            let row = &mut rows[at];
            match known {
                None | Some((_, ResourceRole::Count)) => row.count = Some(amount.ceil()),
                Some((backend, ResourceRole::Memory)) => row.memory_mib = Some(backend.memory_unit.mib(*amount, 0)),
                Some((_, ResourceRole::MemoryPercentage)) => row.memory_percent = Some(amount.ceil()),
                Some((_, ResourceRole::Cores)) => row.cores = Some(amount.ceil()),
                Some((_, ResourceRole::Priority)) => {}
            }
        }
        rows
    }

    fn devices(&self, pod: &Pod, which: impl Fn(&Grant) -> bool) -> Vec<DeviceRow> {
        let chosen = pod.grants.iter().filter(|grant| which(grant));
        // A container's devices are numbered in the order of its entry, as MIG allocations count them.
        chosen.enumerate().map(|(number, grant)| self.device_row(pod, grant, number)).collect()
    }

    fn device_row(&self, pod: &Pod, grant: &Grant, number: usize) -> DeviceRow {
        let node = pod.device_node().and_then(|name| self.node(name));
        let card = node.and_then(|node| node.cards.iter().find(|card| card.device.id == grant.uuid));
        let backend = self.backends.by_word(&grant.word);
        let unit = backend.map_or(CoreUnit::Percent, |backend| backend.core_unit);
        let total = card.map_or(0, Card::total_cores);
        let cores = unit.amount(grant.cores);
        let is_this = |mig: &&MigAllocation| {
            mig.gpu_uuid == grant.uuid
                && grant.container == Some(mig.container as usize)
                && mig.device as usize == number
        };
        DeviceRow {
            vendor: backend.map_or(Vendor::Unknown, vendor),
            uuid: grant.uuid.clone(),
            index: card.map(|card| card.device.index),
            model: card.map_or_else(|| grant.kind.clone(), |card| card.device.model.clone()),
            memory_mib: grant.memory_mib,
            cores,
            core_unit: super::summary::unit_name(unit),
            cores_percent: cores.saturating_mul(100).checked_div(total),
            core_numbers: if unit == CoreUnit::CoreMask { CoreUnit::cores_of_mask(grant.cores) } else { Vec::new() },
            mig: pod.mig.iter().find(is_this).cloned(),
            mig_slot: grant.mig_slot,
        }
    }
}

fn vendor(backend: &Backend) -> Vendor {
    backend.vendor
}
