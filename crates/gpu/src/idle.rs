//! Devices that are held but not used, from samples of their utilisation. Where the samples cannot tell, the answer is "unknown".

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    fleet::{Fleet, FleetNode, Pool},
    object::Pod,
    vendor::Vendor,
};

/// A value at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since 1970.
    pub at: i64,
    /// Percent, 0 to 100.
    pub percent: f64,
}

/// What a series measures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Measured {
    /// A whole card, whoever is on it.
    Card {
        /// The card.
        uuid: String,
    },
    /// A MIG instance.
    MigInstance {
        /// The card.
        uuid: String,
        /// Its number on the card.
        instance: u32,
    },
    /// A pod's own work on a card.
    Pod {
        /// Namespace.
        namespace: String,
        /// Name.
        pod: String,
        /// The card.
        uuid: String,
    },
    /// A device that was handed to a pod whole, as the exporter beside the kubelet knows.
    Whole {
        /// Namespace.
        namespace: String,
        /// Name.
        pod: String,
        /// The device, with its instance where it is cut.
        device: String,
    },
    /// All Neuron cores of a node: their monitor knows neither pods nor devices.
    Neuron {
        /// The EC2 instance, or the node's name.
        machine: String,
    },
}

/// Utilisation over time. Samples in the order of time.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it measures.
    pub of: Measured,
    /// When and how much.
    pub samples: Vec<Sample>,
}

/// What counts as idle.
#[derive(Debug, Clone, Copy)]
pub struct IdleOptions {
    /// At no moment above so many percent.
    pub at_most_percent: f64,
    /// The time that is looked at, in seconds since 1970.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// With fewer samples nothing is said.
    pub least_samples: usize,
    /// With a longer gap, in seconds, nothing is said.
    pub longest_gap: i64,
}

/// What samples say of a pod's hold on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Never above the bound.
    Idle,
    /// Above the bound at some moment.
    Busy,
    /// Nothing measures it.
    NotMeasured,
    /// The card works, but it is shared, and nothing tells for whom.
    SharedCard,
    /// Too few samples, or a gap in them.
    TooFewSamples,
    /// The pod got the device within the time that is looked at.
    JustStarted,
}

/// A pod's hold on a device.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct IdleRow {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub pod: String,
    /// Where.
    pub node: String,
    /// The device. Absent where devices are handed out by number, and nothing says which one it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// The resource, where devices are handed out by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Units of it that the pod holds in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<i64>,
    /// MiB that it holds, where that is known.
    pub memory_mib: i64,
    /// Units of computing that it holds, where they are shared.
    pub cores: i64,
    /// What the samples say.
    pub usage: Use,
    /// The mean of the samples, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_percent: Option<f64>,
    /// The largest sample, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_percent: Option<f64>,
    /// The last moment above the bound, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_busy_at: Option<i64>,
}

/// Samples of a series within the time that is looked at, brought together.
struct Facts {
    count: usize,
    mean: f64,
    max: f64,
    last_busy: Option<i64>,
    gap: i64,
}

impl Fleet {
    /// Every hold of a pod on a device with what the samples say of it: idle ones first, and of these the largest first.
    pub fn idle(&self, series: &[Series], options: &IdleOptions) -> Vec<IdleRow> {
        let judge = Judge::new(series, options);
        let mut rows = Vec::new();
        for node in &self.nodes {
            let neuron = judge.neuron(self, node);
            for card in &node.cards {
                for holder in &card.holders {
                    let pod = &self.pods[holder.pod];
                    let found = match judge.card(pod, &card.device.id, card.holders.len()) {
                        None if card.vendor == Vendor::AwsNeuron => neuron,
                        found => found,
                    };
                    rows.push(IdleRow {
                        uuid: card.device.id.clone(),
                        memory_mib: holder.share.memory_mib,
                        cores: card.core_unit.amount(holder.share.cores),
                        ..judge.row(pod, node, found)
                    });
                }
            }
            for pool in &node.pools {
                for pod in node.pods.iter().map(|pod| &self.pods[*pod]) {
                    judge.pool(pod, node, pool, neuron, &mut rows);
                }
            }
        }
        let size = |row: &IdleRow| (row.memory_mib, row.cores, row.units);
        rows.sort_by(|one, other| (one.usage, size(other)).cmp(&(other.usage, size(one))));
        rows
    }
}

/// What is known of a hold: the samples, and whether they are of this pod alone.
#[derive(Clone, Copy)]
struct Found<'f> {
    facts: &'f Facts,
    alone: bool,
}

/// The series, by what they measure.
struct Judge<'s> {
    facts: HashMap<&'s Measured, Facts>,
    /// Devices that pods have whole.
    whole: HashMap<(&'s str, &'s str), Vec<&'s Measured>>,
    options: &'s IdleOptions,
}

impl<'s> Judge<'s> {
    fn new(series: &'s [Series], options: &'s IdleOptions) -> Self {
        let facts: HashMap<&Measured, Facts> =
            series.iter().filter_map(|series| Some((&series.of, facts(&series.samples, options)?))).collect();
        let mut whole: HashMap<(&str, &str), Vec<&Measured>> = HashMap::new();
        for of in facts.keys() {
            if let Measured::Whole { namespace, pod, .. } = of {
                whole.entry((namespace, pod)).or_default().push(of);
            }
        }
        Self { facts, whole, options }
    }

    /// The best series for a pod's hold on a card.
    fn card(&self, pod: &Pod, uuid: &str, holders: usize) -> Option<Found<'_>> {
        let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
        let own = self.facts.get(&Measured::Pod { namespace, pod: name, uuid: uuid.to_owned() });
        let mig = pod.mig.iter().filter(|mig| mig.gpu_uuid == uuid).find_map(|mig| {
            let instance = mig.instance.as_ref()?.gpu_instance;
            self.facts.get(&Measured::MigInstance { uuid: uuid.to_owned(), instance })
        });
        let is_mig = pod.mig.iter().any(|mig| mig.gpu_uuid == uuid)
            || pod.grants.iter().any(|grant| grant.uuid == uuid && grant.mig_slot.is_some());
        // The utilisation of a whole card is empty while it is cut into instances.
        let card = if is_mig { None } else { self.facts.get(&Measured::Card { uuid: uuid.to_owned() }) };
        let alone = own.or(mig).or(if holders == 1 { card } else { None });
        Some(Found { facts: alone.or(card)?, alone: alone.is_some() })
    }

    /// What is known of all Neuron cores of a node, and whether they are one pod's.
    fn neuron(&self, fleet: &Fleet, node: &FleetNode) -> Option<Found<'_>> {
        let of = |machine: &str| self.facts.get(&Measured::Neuron { machine: machine.to_owned() });
        let facts = node.node.instance_id.as_deref().and_then(of).or_else(|| of(&node.node.name))?;
        let pools = || node.pools.iter().filter(|pool| pool.vendor == Vendor::AwsNeuron);
        let by_number = |pod: &usize| pools().any(|pool| fleet.pods[*pod].units_of(&pool.resource) > 0);
        let cards = node.cards.iter().filter(|card| card.vendor == Vendor::AwsNeuron);
        let mut holders: Vec<usize> = cards.flat_map(|card| &card.holders).map(|holder| holder.pod).collect();
        holders.extend(node.pods.iter().filter(|pod| by_number(pod)));
        holders.sort_unstable();
        holders.dedup();
        Some(Found { facts, alone: holders.len() == 1 })
    }

    /// What a pod holds of devices that are handed out by number: a row for each device that is measured, else one row.
    fn pool(&self, pod: &Pod, node: &FleetNode, pool: &Pool, neuron: Option<Found<'_>>, rows: &mut Vec<IdleRow>) {
        let units = pod.units_of(&pool.resource);
        if units == 0 {
            return;
        }
        let each = pool.memory_mib_each.unwrap_or(0);
        let row = |device: &str, devices: i64, found: Option<Found<'_>>| IdleRow {
            uuid: device.to_owned(),
            resource: Some(pool.resource.clone()),
            units: Some(units),
            memory_mib: each.saturating_mul(devices),
            ..self.row(pod, node, found)
        };
        if pool.vendor == Vendor::AwsNeuron {
            return rows.push(row("", units, neuron));
        }
        // Where a plugin replicates cards, what happens on one is not one pod's alone.
        let alone = pool.replicas == 1 && !pool.resource.ends_with(".shared");
        let measured = self.whole.get(&(pod.namespace.as_str(), pod.name.as_str())).map_or(&[][..], Vec::as_slice);
        let mut devices: Vec<(&str, &Facts)> = measured
            .iter()
            .filter_map(|of| match of {
                Measured::Whole { device, .. } => Some((device.as_str(), self.facts.get(*of)?)),
                _ => None,
            })
            .collect();
        devices.sort_unstable_by_key(|(device, _)| *device);
        rows.extend(devices.iter().map(|(device, facts)| row(device, 1, Some(Found { facts, alone }))));
        if devices.is_empty() {
            rows.push(row("", units, None));
        }
    }

    /// A row with what the samples say, and nothing of the device.
    fn row(&self, pod: &Pod, node: &FleetNode, found: Option<Found<'_>>) -> IdleRow {
        let facts = found.map(|found| found.facts);
        IdleRow {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            node: node.node.name.clone(),
            uuid: String::new(),
            resource: None,
            units: None,
            memory_mib: 0,
            cores: 0,
            usage: found.map_or(Use::NotMeasured, |found| self.usage(pod, found)),
            mean_percent: facts.map(|facts| facts.mean),
            max_percent: facts.map(|facts| facts.max),
            last_busy_at: facts.and_then(|facts| facts.last_busy),
        }
    }

    fn usage(&self, pod: &Pod, Found { facts, alone }: Found<'_>) -> Use {
        let started = pod.marks.bound_at.or(pod.marks.scheduled_at).or(pod.created_at);
        if facts.last_busy.is_some() {
            if alone { Use::Busy } else { Use::SharedCard }
        } else if started.is_some_and(|at| at > self.options.from) {
            Use::JustStarted
        } else if facts.count < self.options.least_samples || facts.gap > self.options.longest_gap {
            Use::TooFewSamples
        } else {
            // A device on which nothing happens is idle for everybody on it.
            Use::Idle
        }
    }
}

fn facts(samples: &[Sample], options: &IdleOptions) -> Option<Facts> {
    let within = samples.iter().filter(|sample| (options.from..=options.to).contains(&sample.at));
    let (mut count, mut sum, mut max) = (0_usize, 0.0, f64::NEG_INFINITY);
    let (mut last_busy, mut gap, mut before) = (None, 0, options.from);
    for sample in within.filter(|sample| sample.percent.is_finite()) {
        count += 1;
        sum += sample.percent;
        max = max.max(sample.percent);
        gap = gap.max(sample.at.saturating_sub(before));
        before = sample.at;
        if sample.percent > options.at_most_percent {
            last_busy = Some(sample.at);
        }
    }
    gap = gap.max(options.to.saturating_sub(before));
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 samples")]
    let mean = sum / count as f64;
    (count > 0).then_some(Facts { count, mean, max, last_busy, gap })
}
