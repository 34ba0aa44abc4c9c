//! What exporters of the fleet would export: NVIDIA's, HAMi's scheduler and monitor, AWS's monitor for Neuron devices.

use super::{
    evaluate::Labels,
    fleet::{Card, Core, Devices, Instance, MIB, Share},
    promql::Selector,
};
use crate::kubernetes::cluster::Cluster;

/// The label that holds the name of a metric.
pub(super) const NAME: &str = "__name__";

/// A series that is otherwise than the fleet has it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) metric: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// From this moment, in seconds since 1970, until before that one.
    pub(crate) since: i64,
    pub(crate) until: i64,
}

/// Everything that is exported.
pub(super) struct Exported {
    devices: Devices,
    told: Vec<Told>,
}

/// The value at any moment that somebody told nothing about.
type Usual<'e> = Box<dyn Fn(i64) -> Option<f64> + 'e>;

/// One series: its labels, and its value at any moment.
pub(super) struct Meter<'e> {
    pub(super) labels: Labels,
    usual: Usual<'e>,
    told: Vec<&'e Told>,
}

impl Meter<'_> {
    /// Its value at a moment, if there was one.
    pub(super) fn value(&self, at: i64) -> Option<f64> {
        let told = self.told.iter().rev().find(|told| (told.since..told.until).contains(&at));
        told.map_or_else(|| (self.usual)(at), |told| Some(told.value))
    }
}

type OfCard = (&'static str, fn(&Card, i64) -> Option<f64>);
type OfShare = (&'static str, fn(&Share, i64) -> Option<f64>);
type OfInstance = (&'static str, fn(&Instance, i64) -> Option<f64>);
type OfCore = (&'static str, fn(&Core, i64) -> Option<f64>);

/// NVIDIA's exporter, of whole cards.
const DCGM: &[OfCard] = &[
    ("DCGM_FI_DEV_GPU_UTIL", |card, at| Some(card.utilization(at))),
    ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", |card, at| Some(card.utilization(at) / 100.0)),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", |card, at| Some((card.utilization(at) * 0.42).round())),
    ("DCGM_FI_DEV_FB_USED", |card, at| Some(card.memory_used(at))),
    ("DCGM_FI_DEV_FB_FREE", |card, at| Some(card.memory - card.memory_used(at))),
    ("DCGM_FI_DEV_GPU_TEMP", |card, at| Some(card.temperature(at))),
    ("DCGM_FI_DEV_MEMORY_TEMP", |card, at| Some(card.temperature(at) + 7.0)),
    ("DCGM_FI_DEV_POWER_USAGE", |card, at| Some(card.power(at))),
    ("DCGM_FI_DEV_SM_CLOCK", |card, at| Some(card.clock(at))),
    ("DCGM_FI_DEV_XID_ERRORS", |_, _| Some(0.0)),
    ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", |_, _| Some(0.0)),
    ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", |_, _| Some(0.0)),
    ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", |_, _| Some(0.0)),
    ("DCGM_FI_DEV_ROW_REMAP_FAILURE", |_, _| Some(0.0)),
    ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", |_, _| Some(0.0)),
];

/// NVIDIA's exporter, of MIG instances.
const MIG: &[OfInstance] = &[
    ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", |instance, at| Some(instance.utilization(at) / 100.0)),
    ("DCGM_FI_DEV_FB_USED", |instance, at| Some(instance.memory_used(at))),
];

/// HAMi, of cards: its scheduler says what was promised, its monitor what is used.
const HAMI: &[OfCard] = &[
    ("hami_gpu_memory_limit_bytes", |card, _| Some(card.memory * MIB)),
    ("hami_gpu_memory_allocated_bytes", |card, at| Some(card.promised(at, |share| share.memory) * MIB)),
    ("hami_gpu_core_allocated_ratio", |card, at| Some(card.promised(at, |share| share.cores))),
    ("hami_gpu_shared_count", |card, at| Some(card.promised(at, |_| 1.0))),
    ("hami_host_gpu_memory_used_bytes", |card, at| Some(card.memory_used(at) * MIB)),
    ("hami_host_gpu_utilization_ratio", |card, at| Some(card.utilization(at))),
];

/// HAMi's scheduler, of pods on cards.
const PROMISED: &[OfShare] = &[
    ("hami_vgpu_memory_allocated_bytes", |share, at| share.is_held(at).then_some(share.memory * MIB)),
    ("hami_vgpu_core_allocated_ratio", |share, at| share.is_held(at).then_some(share.cores)),
];

/// HAMi's monitor, of containers on cards.
const USED: &[OfShare] = &[
    ("hami_vgpu_memory_used_bytes", |share, at| Some(share.memory_used(at)? * MIB)),
    ("hami_vgpu_memory_limit_bytes", |share, at| share.work.at(at).map(|_| share.memory * MIB)),
    ("hami_container_device_utilization_ratio", |share, at| share.work.at(at)),
    ("hami_container_last_kernel_elapsed_seconds", |share, at| share.work.since_last_kernel(at)),
];

/// AWS's monitor for Neuron devices.
const NEURON: &[OfCore] = &[
    ("neuroncore_utilization_ratio", |core, at| Some(core.work.at(at)? / 100.0)),
    ("neuroncore_memory_usage_tensors", |core, at| core.work.at(at).map(|_| core.memory)),
];

impl Exported {
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self { devices: Devices::of(cluster), told: cluster.usage.told.clone() }
    }

    /// The series that a selector means.
    pub(super) fn select<'e>(&'e self, selector: &Selector) -> Vec<Meter<'e>> {
        let wanted = |name: &str| selector.name.as_deref().is_none_or(|wanted| wanted == name);
        let fits = |labels: &Labels| {
            selector
                .matchers
                .iter()
                .all(|matcher| matcher.matches(labels.get(&matcher.label).map_or("", String::as_str)))
        };
        let mut found = Vec::new();
        let mut add = |name: &str, labels: Labels, usual: Usual<'e>| {
            if fits(&labels) {
                let told = self.told.iter().filter(|told| told.is_about(name, &labels)).collect();
                found.push(Meter { labels, usual, told });
            }
        };
        let Devices { cards, instances, cores, quotas } = &self.devices;
        for (name, value) in DCGM.iter().filter(|known| wanted(known.0)) {
            for card in cards {
                add(name, card.dcgm_labels(name), Box::new(move |at| value(card, at)));
            }
        }
        for (name, value) in MIG.iter().filter(|known| wanted(known.0)) {
            for it in instances {
                add(name, it.labels(name), Box::new(move |at| value(it, at)));
            }
        }
        for (name, value) in HAMI.iter().filter(|known| wanted(known.0)) {
            for card in cards {
                add(name, card.hami_labels(name), Box::new(move |at| value(card, at)));
            }
        }
        for (card, share) in cards.iter().flat_map(|card| card.shares.iter().map(move |share| (card, share))) {
            for (name, value) in PROMISED.iter().filter(|known| wanted(known.0)) {
                add(name, share.promised_labels(name, card), Box::new(move |at| value(share, at)));
            }
            for (name, value) in USED.iter().filter(|known| wanted(known.0)) {
                add(name, share.used_labels(name, card), Box::new(move |at| value(share, at)));
            }
        }
        for (name, value) in NEURON.iter().filter(|known| wanted(known.0)) {
            for core in cores {
                add(name, core.labels(name), Box::new(move |at| value(core, at)));
            }
        }
        for quota in quotas {
            for (name, value) in [("hami_resource_quota_limit", quota.limit), ("hami_resource_quota_used", quota.used)]
            {
                if wanted(name) {
                    add(name, quota.labels(name), Box::new(move |_| Some(value)));
                }
            }
        }
        for told in self.told.iter().filter(|told| wanted(&told.metric) && told.is_whole()) {
            add(&told.metric, told.whole_labels(), Box::new(|_| None));
        }
        found
    }
}

impl Told {
    /// Whether it is about a series: about each that has all of its labels.
    fn is_about(&self, name: &str, labels: &Labels) -> bool {
        self.metric == name && self.labels.iter().all(|(label, value)| labels.get(label) == Some(value))
    }

    /// Whether no exporter of the fleet has the metric, so that it is a series of its own.
    fn is_whole(&self) -> bool {
        let known = [DCGM, HAMI].into_iter().flatten().map(|known| known.0);
        let shares = [PROMISED, USED].into_iter().flatten().map(|known| known.0);
        let others = MIG.iter().map(|known| known.0).chain(NEURON.iter().map(|known| known.0));
        !known.chain(shares).chain(others).any(|name| name == self.metric)
    }

    fn whole_labels(&self) -> Labels {
        let name = (NAME.to_owned(), self.metric.clone());
        self.labels.clone().into_iter().chain([name]).collect()
    }
}
