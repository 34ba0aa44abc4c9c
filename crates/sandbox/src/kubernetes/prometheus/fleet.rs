//! Devices of the fleet, who holds them, and how much they work: the same at the same moment, whoever asks, and whenever.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{evaluate::Labels, series::NAME};
use crate::kubernetes::{
    clock,
    cluster::Cluster,
    fleet::card_id,
    quantity::Quantity,
    random::{Random, digest},
};

/// Bytes of a mebibyte.
pub(super) const MIB: f64 = 1_048_576.0;
/// What the driver takes of a card's memory, in MiB.
const DRIVER: f64 = 530.0;
/// Seconds for which a value stays as it is.
const TICK: i64 = 30;
/// Slices of a card that is cut into the smallest, the number of the first, and what each has of memory, in MiB.
const SLICES: usize = 7;
const FIRST_SLICE: usize = 7;
const SLICE_MEMORY: f64 = 4_864.0;
/// Cores of a Neuron device.
const DEVICE_CORES: usize = 2;

/// Everything that exporters know of.
#[derive(Debug, Default)]
pub(super) struct Devices {
    pub(super) cards: Vec<Card>,
    pub(super) instances: Vec<Instance>,
    pub(super) cores: Vec<Core>,
    pub(super) quotas: Vec<Quota>,
}

/// A card under HAMi.
#[derive(Debug)]
pub(super) struct Card {
    node: String,
    uuid: String,
    index: usize,
    model: String,
    /// In MiB.
    pub(super) memory: f64,
    pub(super) shares: Vec<Share>,
    seed: u64,
}

/// A part of a card that a container holds.
#[derive(Debug)]
pub(super) struct Share {
    holder: Holder,
    /// Promised, in MiB and percent of the card.
    pub(super) memory: f64,
    pub(super) cores: f64,
    /// Since when it is held.
    since: i64,
    pub(super) work: Work,
}

/// A MIG instance.
#[derive(Debug)]
pub(super) struct Instance {
    node: String,
    card: usize,
    slice: usize,
    holder: Option<(Holder, Work)>,
}

/// A Neuron core that is in use.
#[derive(Debug)]
pub(super) struct Core {
    node: String,
    number: usize,
    /// Bytes of tensors.
    pub(super) memory: f64,
    pub(super) work: Work,
}

/// A quota of accelerators.
#[derive(Debug)]
pub(super) struct Quota {
    namespace: String,
    resource: String,
    pub(super) limit: f64,
    pub(super) used: f64,
}

#[derive(Debug, Clone)]
struct Holder {
    namespace: String,
    pod: String,
    container: String,
}

/// How much somebody works.
#[derive(Debug, Clone)]
pub(super) struct Work {
    seed: u64,
    /// Since when it runs; nothing where it does not.
    since: Option<i64>,
    /// Percent of the device, in the middle.
    level: f64,
}

/// A number from 0 to 1 that is the same for the same seed and place.
fn share_of(seed: u64, place: i64) -> f64 {
    let number = Random::new(seed ^ place.unsigned_abs().wrapping_mul(0x9e37_79b9)).below(10_000);
    f64::from(u32::try_from(number).unwrap_or(0)) / 10_000.0
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Work {
    /// Percent of the device at a moment; nothing while it does not run.
    pub(super) fn at(&self, moment: i64) -> Option<f64> {
        self.since.filter(|since| *since <= moment)?;
        if self.level <= 0.0 {
            return Some(0.0);
        }
        let noise = share_of(self.seed, moment.div_euclid(TICK)) - 0.5;
        let hour = share_of(self.seed, moment.div_euclid(3_600)) - 0.5;
        Some((self.level * (1.0 + 0.1 * hour + 0.08 * noise)).clamp(0.0, 100.0).round())
    }

    /// Seconds since it last computed.
    pub(super) fn since_last_kernel(&self, moment: i64) -> Option<f64> {
        let since = self.since.filter(|since| *since <= moment)?;
        #[expect(clippy::cast_precision_loss, reason = "nobody runs for 2^52 seconds")]
        let seconds = (moment - since) as f64;
        Some(if self.level <= 0.0 { seconds } else { 0.0 })
    }

    /// The work of a pod on a device, of which it may have so much.
    fn of(pod: &Value, device: &str, most: f64) -> Self {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let seed = digest(&[text("/metadata/namespace"), text("/metadata/name"), device]);
        let status = &pod["status"]["containerStatuses"][0]["state"];
        let started = status["running"]["startedAt"].as_str().and_then(clock::parse);
        let since = started.map(time::OffsetDateTime::unix_timestamp);
        // Whoever opened a notebook has often gone home.
        let idle = text("/spec/containers/0/image").contains("notebook") && share_of(seed, 1) < 0.6;
        let level = if idle { 0.0 } else { most * (0.55 + 0.4 * share_of(seed, 2)) };
        Self { seed, since, level }
    }
}

impl Holder {
    fn of(pod: &Value) -> Self {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            namespace: text("/metadata/namespace"),
            pod: text("/metadata/name"),
            container: text("/spec/containers/0/name"),
        }
    }

    fn labels(&self) -> [(&'static str, &str); 3] {
        [("namespace", &self.namespace), ("pod", &self.pod), ("container", &self.container)]
    }
}

/// Labels of a series under its name.
fn labels<'l>(name: &'l str, pairs: impl IntoIterator<Item = (&'l str, &'l str)>) -> Labels {
    let pairs = pairs.into_iter().chain([(NAME, name)]);
    pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
}

impl Card {
    pub(super) fn dcgm_labels(&self, name: &str) -> Labels {
        let (index, device) = (self.index.to_string(), format!("nvidia{}", self.index));
        let pairs = [("UUID", &*self.uuid), ("gpu", &index), ("device", &device), ("modelName", &self.model)];
        labels(name, pairs.into_iter().chain([("Hostname", &*self.node), ("job", "dcgm-exporter")]))
    }

    pub(super) fn hami_labels(&self, name: &str) -> Labels {
        let index = self.index.to_string();
        let pairs = [("device_uuid", &*self.uuid), ("device_index", &index), ("device_type", &self.model)];
        labels(name, pairs.into_iter().chain([("node", &*self.node), ("job", "hami")]))
    }

    pub(super) fn utilization(&self, at: i64) -> f64 {
        self.shares.iter().filter_map(|share| share.work.at(at)).sum::<f64>().min(100.0)
    }

    pub(super) fn memory_used(&self, at: i64) -> f64 {
        let used: f64 = self.shares.iter().filter_map(|share| share.memory_used(at)).sum();
        (used + DRIVER).min(self.memory)
    }

    pub(super) fn promised(&self, at: i64, what: impl Fn(&Share) -> f64) -> f64 {
        self.shares.iter().filter(|share| share.is_held(at)).map(what).sum()
    }

    pub(super) fn temperature(&self, at: i64) -> f64 {
        (31.0 + 0.36 * self.utilization(at) + 3.0 * share_of(self.seed, at.div_euclid(TICK))).round()
    }

    pub(super) fn power(&self, at: i64) -> f64 {
        tenth(72.0 + 5.6 * self.utilization(at) + 9.0 * share_of(self.seed, at.div_euclid(TICK)))
    }

    /// In MHz; a card with nothing to do slows down.
    pub(super) fn clock(&self, at: i64) -> f64 {
        if self.utilization(at) > 0.0 { 1_980.0 } else { 345.0 }
    }
}

impl Share {
    pub(super) fn is_held(&self, at: i64) -> bool {
        self.since <= at
    }

    /// In MiB; who runs has what it took, whether it works or not.
    pub(super) fn memory_used(&self, at: i64) -> Option<f64> {
        self.work.at(at)?;
        let part = if self.work.level > 0.0 { 0.6 } else { 0.1 } + 0.3 * share_of(self.work.seed, 3);
        Some((self.memory * part).round())
    }

    pub(super) fn promised_labels(&self, name: &str, card: &Card) -> Labels {
        let [namespace, pod, _] = self.holder.labels();
        let place = [("node", &*card.node), ("device_uuid", &card.uuid), ("job", "hami")];
        labels(name, [namespace, pod].into_iter().chain(place))
    }

    pub(super) fn used_labels(&self, name: &str, card: &Card) -> Labels {
        labels(name, self.holder.labels().into_iter().chain([("device_uuid", &*card.uuid), ("job", "hami")]))
    }
}

impl Instance {
    pub(super) fn labels(&self, name: &str) -> Labels {
        let (uuid, card) = (card_id(&self.node, self.card), self.card.to_string());
        let slice = (FIRST_SLICE + self.slice).to_string();
        let place = [("UUID", &*uuid), ("gpu", &card), ("Hostname", &self.node), ("job", "dcgm-exporter")];
        let cut = [("GPU_I_ID", &*slice), ("GPU_I_PROFILE", "1g.5gb"), ("modelName", "NVIDIA A100-SXM4-40GB")];
        let holder = self.holder.iter().flat_map(|(holder, _)| holder.labels());
        labels(name, place.into_iter().chain(cut).chain(holder))
    }

    pub(super) fn utilization(&self, at: i64) -> f64 {
        self.holder.as_ref().and_then(|(_, work)| work.at(at)).unwrap_or(0.0)
    }

    pub(super) fn memory_used(&self, at: i64) -> f64 {
        let works = self.holder.as_ref().is_some_and(|(_, work)| work.at(at).is_some());
        if works { (SLICE_MEMORY * 0.7).round() } else { 12.0 }
    }
}

impl Core {
    pub(super) fn labels(&self, name: &str) -> Labels {
        let number = self.number.to_string();
        labels(name, [("neuroncore", &*number), ("instance_name", &self.node), ("job", "neuron-monitor")])
    }
}

impl Quota {
    pub(super) fn labels(&self, name: &str) -> Labels {
        labels(name, [("namespace", &*self.namespace), ("quota_name", &self.resource), ("job", "hami")])
    }
}

impl Devices {
    /// The devices of a cluster, and who holds them now.
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut devices = Self::default();
        let mut by_node: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for pod in cluster.values("pods", None) {
            let done = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            if let Some(node) = pod["spec"]["nodeName"].as_str().filter(|_| !done) {
                by_node.entry(node.to_owned()).or_default().push(pod);
            }
        }
        for node in cluster.values("nodes", None) {
            let Some(name) = node["metadata"]["name"].as_str() else { continue };
            let pods = by_node.remove(name).unwrap_or_default();
            devices.cards.extend(cards(name, &node, &pods));
            devices.instances.extend(instances(name, &node, &pods));
            devices.cores.extend(cores(name, &node, &pods));
        }
        devices.quotas = quotas(cluster, &devices.cards);
        devices
    }
}

fn cards(name: &str, node: &Value, pods: &[Value]) -> Vec<Card> {
    let register = node["metadata"]["annotations"]["hami.io/node-nvidia-register"].as_str().unwrap_or_default();
    let registered: Vec<Value> = serde_json::from_str(register).unwrap_or_default();
    let mut shares: BTreeMap<String, Vec<Share>> = BTreeMap::new();
    for pod in pods {
        for (uuid, share) in held(pod) {
            shares.entry(uuid).or_default().push(share);
        }
    }
    let card = |(index, card): (usize, &Value)| {
        let text = |member: &str| card[member].as_str().unwrap_or_default().to_owned();
        let uuid = text("id");
        let shares = shares.remove(&uuid).unwrap_or_default();
        let memory = card["devmem"].as_f64().unwrap_or(0.0);
        Card { node: name.to_owned(), seed: digest(&[&uuid]), uuid, index, model: text("type"), memory, shares }
    };
    registered.iter().enumerate().map(card).collect()
}

/// What a pod holds of cards, as HAMi wrote it down.
fn held(pod: &Value) -> Vec<(String, Share)> {
    let annotations = &pod["metadata"]["annotations"];
    let devices = annotations["hami.io/vgpu-devices-allocated"].as_str().unwrap_or_default();
    let since = annotations["hami.io/bind-time"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    let share = |device: &str| {
        let mut parts = device.split(',');
        let (uuid, _) = (parts.next().filter(|uuid| !uuid.is_empty())?, parts.next()?);
        let (memory, cores) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        // Who names no cores may take all that the others leave.
        let most = if cores > 0.0 { cores } else { 60.0 };
        let share = Share { holder: Holder::of(pod), memory, cores, since, work: Work::of(pod, uuid, most) };
        Some((uuid.to_owned(), share))
    };
    devices.split([';', ':']).filter_map(share).collect()
}

/// How many of a resource a container of a pod asks for.
fn asked(pod: &Value, resource: &str) -> usize {
    let limit = Quantity::of(&pod["spec"]["containers"][0]["resources"]["limits"][resource]);
    limit.and_then(|limit| usize::try_from(limit.ceiling()).ok()).unwrap_or(0)
}

/// How many of a resource a node has.
fn capacity(node: &Value, resource: &str) -> usize {
    let all = Quantity::of(&node["status"]["capacity"][resource]);
    all.and_then(|all| usize::try_from(all.ceiling()).ok()).unwrap_or(0)
}

fn instances(name: &str, node: &Value, pods: &[Value]) -> Vec<Instance> {
    const RESOURCE: &str = "nvidia.com/mig-1g.5gb";
    let all = capacity(node, RESOURCE);
    // The device plugin gives them in their order.
    let mut holders = pods.iter().flat_map(|pod| std::iter::repeat_n(pod, asked(pod, RESOURCE).min(all)));
    let instance = |number: usize| {
        let (card, slice) = (number / SLICES, number % SLICES);
        let device = number.to_string();
        let holder = holders.next().map(|pod| (Holder::of(pod), Work::of(pod, &device, 95.0)));
        Instance { node: name.to_owned(), card, slice, holder }
    };
    (0..all).map(instance).collect()
}

fn cores(name: &str, node: &Value, pods: &[Value]) -> Vec<Core> {
    const DEVICES: &str = "aws.amazon.com/neuron";
    const CORES: &str = "aws.amazon.com/neuroncore";
    let all = capacity(node, CORES);
    let wanted = |pod: &Value| (asked(pod, DEVICES) * DEVICE_CORES + asked(pod, CORES)).min(all);
    let holders = pods.iter().flat_map(|pod| std::iter::repeat_n(pod, wanted(pod)));
    let core = |(number, pod): (usize, &Value)| {
        let work = Work::of(pod, &number.to_string(), 95.0);
        let memory = (4_096.0 * (1.0 + share_of(work.seed, 4)) * MIB).round();
        Core { node: name.to_owned(), number, memory, work }
    };
    holders.take(all).enumerate().map(core).collect()
}

/// Quotas of accelerators, with what was promised of them.
fn quotas(cluster: &Cluster, cards: &[Card]) -> Vec<Quota> {
    let promised = |namespace: &str, what: fn(&Share) -> f64| -> f64 {
        let shares = cards.iter().flat_map(|card| &card.shares);
        shares.filter(|share| share.holder.namespace == namespace).map(what).sum()
    };
    let mut quotas = Vec::new();
    for quota in cluster.values("resourcequotas", None) {
        let namespace = quota["metadata"]["namespace"].as_str().unwrap_or_default();
        for (name, limit) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            let resource = name.trim_start_matches("limits.").trim_start_matches("requests.");
            let used = match resource {
                "nvidia.com/gpu" => promised(namespace, |_| 1.0),
                "nvidia.com/gpumem" => promised(namespace, |share| share.memory),
                "nvidia.com/gpucores" => promised(namespace, |share| share.cores),
                _ => continue,
            };
            #[expect(clippy::cast_precision_loss, reason = "a quota")]
            let limit = Quantity::of(limit).map_or(0.0, |limit| limit.ceiling() as f64);
            quotas.push(Quota { namespace: namespace.to_owned(), resource: resource.to_owned(), limit, used });
        }
    }
    quotas
}
