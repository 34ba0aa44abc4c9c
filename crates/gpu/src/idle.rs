//! Devices that are held but not used, from samples of their utilisation. Where the samples cannot tell, the answer is "unknown".

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{fleet::Fleet, object::Pod};

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
    /// The device.
    pub uuid: String,
    /// MiB that it holds.
    pub memory_mib: i64,
    /// Units of computing that it holds.
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
        let facts: HashMap<&Measured, Facts> =
            series.iter().filter_map(|series| Some((&series.of, facts(&series.samples, options)?))).collect();
        let mut rows = Vec::new();
        for node in &self.nodes {
            for card in &node.cards {
                for holder in &card.holders {
                    let pod = &self.pods[holder.pod];
                    let (usage, facts) = judge(pod, &card.device.id, card.holders.len(), &facts, options);
                    rows.push(IdleRow {
                        namespace: pod.namespace.clone(),
                        pod: pod.name.clone(),
                        node: node.node.name.clone(),
                        uuid: card.device.id.clone(),
                        memory_mib: holder.share.memory_mib,
                        cores: card.core_unit.amount(holder.share.cores),
                        usage,
                        mean_percent: facts.map(|facts| facts.mean),
                        max_percent: facts.map(|facts| facts.max),
                        last_busy_at: facts.and_then(|facts| facts.last_busy),
                    });
                }
            }
        }
        rows.sort_by_key(|row| (row.usage, std::cmp::Reverse((row.memory_mib, row.cores))));
        rows
    }
}

/// What the best series for a pod's hold on a card says.
fn judge<'f>(
    pod: &Pod,
    uuid: &str,
    holders: usize,
    facts: &'f HashMap<&Measured, Facts>,
    options: &IdleOptions,
) -> (Use, Option<&'f Facts>) {
    let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
    let own = facts.get(&Measured::Pod { namespace, pod: name, uuid: uuid.to_owned() });
    let mig = pod.mig.iter().filter(|mig| mig.gpu_uuid == uuid).find_map(|mig| {
        let instance = mig.instance.as_ref()?.gpu_instance;
        facts.get(&Measured::MigInstance { uuid: uuid.to_owned(), instance })
    });
    let is_mig = pod.mig.iter().any(|mig| mig.gpu_uuid == uuid)
        || pod.grants.iter().any(|grant| grant.uuid == uuid && grant.mig_slot.is_some());
    // The utilisation of a whole card is empty while it is cut into instances.
    let card = if is_mig { None } else { facts.get(&Measured::Card { uuid: uuid.to_owned() }) };
    let alone = own.or(mig).or(if holders == 1 { card } else { None });
    let Some(found) = alone.or(card) else { return (Use::NotMeasured, None) };
    let started = pod.marks.bound_at.or(pod.marks.scheduled_at).or(pod.created_at);
    let usage = if found.last_busy.is_some() {
        if alone.is_some() { Use::Busy } else { Use::SharedCard }
    } else if started.is_some_and(|at| at > options.from) {
        Use::JustStarted
    } else if found.count < options.least_samples || found.gap > options.longest_gap {
        Use::TooFewSamples
    } else {
        // A card on which nothing happens is idle for everybody on it.
        Use::Idle
    };
    (usage, Some(found))
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
