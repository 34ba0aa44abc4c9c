//! Builds a fleet page by page, so that no more than one page of objects is ever held.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::Value;

use super::{Card, Counting, Fleet, FleetNode, Holder, Pool, usage};
use crate::{
    error::Note,
    object::{Load, Node, Pod},
    vendor::{Backend, Backends, Capacity, CoreUnit, Inventory, Vendor},
};

/// How to read a cluster.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether HAMi is there.
    pub hami: HamiPresence,
    /// How its release counts init containers.
    pub counting: Counting,
}

/// Whether HAMi is there. It matters for devices that are known from capacity alone: HAMi hands them out one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HamiPresence {
    /// It is there if it left a trace on a node or a pod.
    #[default]
    Detect,
    /// Its configuration was found.
    Present,
    /// It is known not to be there.
    Absent,
}

/// What building took: the measure of effort that does not depend on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Node objects read.
    pub nodes: usize,
    /// Pod objects read.
    pub pods: usize,
    /// Annotation values decoded.
    pub values: usize,
    /// Cards that were compared with a pod's devices.
    pub comparisons: usize,
}

/// A fleet in the making. Nodes and pods may come in any order, one page after another.
#[derive(Debug)]
pub struct FleetBuilder {
    backends: Backends,
    options: Options,
    nodes: Vec<Node>,
    pods: Vec<Pod>,
    loads: HashMap<String, Load>,
    notes: Vec<Note>,
    work: Work,
}

impl FleetBuilder {
    /// An empty fleet.
    pub fn new(backends: Backends, options: Options) -> Self {
        Self {
            backends,
            options,
            nodes: Vec::new(),
            pods: Vec::new(),
            loads: HashMap::new(),
            notes: Vec::new(),
            work: Work::default(),
        }
    }

    /// Adds a node object. One that cannot be read becomes a note.
    pub fn add_node(&mut self, node: &Value) {
        self.work.nodes += 1;
        match Node::from_json(node, &self.backends) {
            Ok(node) => {
                self.work.values += node.decoded;
                self.nodes.push(node);
            }
            Err(error) => self.notes.push(Note::new("node", error.to_string())),
        }
    }

    /// Adds a pod object. All pods are welcome: what has nothing to do with accelerators still occupies its node.
    pub fn add_pod(&mut self, object: &Value) {
        self.work.pods += 1;
        let pod = match Pod::from_json(object, &self.backends) {
            Ok(pod) => pod,
            Err(error) => return self.notes.push(Note::new("pod", error.to_string())),
        };
        self.work.values += pod.decoded;
        if pod.holds()
            && let Some(node) = &pod.node
        {
            let load = pod.load(object);
            match self.loads.get_mut(node) {
                Some(sum) => sum.add(&load),
                None => {
                    self.loads.insert(node.clone(), load);
                }
            }
        }
        if pod.concerns_devices() {
            self.pods.push(pod);
        }
    }

    /// Joins nodes and pods.
    pub fn build(mut self) -> Fleet {
        let hami = match self.options.hami {
            HamiPresence::Present => true,
            HamiPresence::Absent => false,
            HamiPresence::Detect => {
                self.nodes.iter().any(|node| node.has_hami)
                    || self.pods.iter().any(|pod| pod.marks.node.is_some() || !pod.grants.is_empty())
            }
        };
        let mut on_node: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, pod) in self.pods.iter().enumerate().filter(|(_, pod)| pod.holds()) {
            if let Some(node) = pod.device_node() {
                on_node.entry(node).or_default().push(number);
            }
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let pods = on_node.remove(node.name.as_str()).unwrap_or_default();
            let load = self.loads.remove(&node.name).unwrap_or_default();
            let context = Joining { backends: &self.backends, pods: &self.pods, counting: self.options.counting, hami };
            nodes.push(context.node(node, load, pods, &mut self.work));
        }
        self.notes
            .extend(on_node.into_keys().map(|node| Note::new(node, "pods hold devices of a node that is not there")));
        let by_name = nodes.iter().enumerate().map(|(at, node)| (node.node.name.clone(), at)).collect();
        Fleet {
            backends: self.backends,
            nodes,
            pods: self.pods,
            hami,
            notes: self.notes,
            work: self.work,
            counting: self.options.counting,
            by_name,
        }
    }
}

/// What joining a node with its pods needs to know.
struct Joining<'a> {
    backends: &'a Backends,
    pods: &'a [Pod],
    counting: Counting,
    hami: bool,
}

impl Joining<'_> {
    fn node(&self, mut node: Node, load: Load, pods: Vec<usize>, work: &mut Work) -> FleetNode {
        let mut notes = Vec::new();
        let mut cards = registered_cards(&mut node);
        if self.hami {
            for backend in self.backends.iter().filter(|backend| self.hands_out(backend, &pods)) {
                match capacity_devices(backend, &node) {
                    Ok(more) => cards.extend(more),
                    Err(doubt) => notes.push(doubt),
                }
            }
        }
        for number in &pods {
            self.put(*number, &mut cards, &node.name, &mut notes, work);
        }
        let covered = |name: &str| {
            let backend = self.backends.by_resource(name).map(|(at, _)| self.backends.get(at));
            backend.is_some_and(|backend| {
                let same = |card: &Card| card.vendor == backend.vendor && *card.word == *backend.word;
                cards.iter().any(same) || node.registered.iter().any(|register| register.word == backend.word)
            })
        };
        notes.extend(self.unattributed(&pods, covered));
        let pools = Pool::of_node(&node, &load, covered);
        FleetNode { node, cards, pools, load, pods, notes }
    }

    /// Whether HAMi hands out a backend's devices on a node, as far as its pods tell: one that got a device of the kind
    /// without HAMi means that HAMi does not.
    fn hands_out(&self, backend: &Backend, pods: &[usize]) -> bool {
        let pods = || pods.iter().map(|number| &self.pods[*number]);
        let granted = |pod: &Pod| pod.grants.iter().any(|grant| grant.word == backend.word);
        pods().any(granted) || !pods().any(|pod| asks_for(pod, &backend.resources.count))
    }

    /// Puts a pod's devices on their cards.
    fn put(&self, number: usize, cards: &mut [Card], node: &str, notes: &mut Vec<Note>, work: &mut Work) {
        let pod = &self.pods[number];
        let unit = |word: &str| self.backends.by_word(word).map_or(CoreUnit::Percent, |found| found.core_unit);
        for (uuid, share) in usage::shares(pod, self.counting, |grant| unit(&grant.word)) {
            work.comparisons += cards.len();
            let Some(card) = cards.iter_mut().find(|card| card.device.id == uuid) else {
                let message =
                    format!("held by {}/{}, but node {node} registers no such device", pod.namespace, pod.name);
                notes.push(Note::new(uuid, message));
                continue;
            };
            card.take(share);
            card.holders.push(Holder { pod: number, share });
            card.mig.extend(pod.mig.iter().filter(|mig| mig.gpu_uuid == uuid).map(|mig| mig.placement));
            card.mig_slots
                .extend(pod.grants.iter().filter(|grant| grant.uuid == uuid).filter_map(|grant| grant.mig_slot));
        }
    }

    /// Pods on the node that ask for a kind of device that is handed out one by one, yet have none on record.
    fn unattributed(&self, pods: &[usize], covered: impl Fn(&str) -> bool) -> Vec<Note> {
        let mut without: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
        for pod in pods.iter().map(|number| &self.pods[*number]).filter(|pod| pod.grants.is_empty()) {
            for (name, amount) in pod.containers.iter().flat_map(|container| &container.asks) {
                if covered(name) {
                    let (count, sum) = without.entry(name).or_default();
                    (*count, *sum) = (*count + 1, sum.saturating_add(amount.ceil()));
                }
            }
        }
        let note = |(name, (count, sum)): (&str, (usize, i64))| {
            let message = format!(
                "{count} containers on the node hold {sum} of it without HAMi: which cards is not known, and free memory and cores \
                 may be less than shown"
            );
            Note::new(name, message)
        };
        without.into_iter().map(note).collect()
    }
}

fn asks_for(pod: &Pod, resource: &str) -> bool {
    pod.containers.iter().flat_map(|container| &container.asks).any(|(name, _)| name == resource)
}

/// The cards of the register annotations. Their devices move from the node to the cards.
fn registered_cards(node: &mut Node) -> Vec<Card> {
    let mut cards = Vec::new();
    for register in &mut node.registered {
        let word: Arc<str> = register.word.as_str().into();
        for device in std::mem::take(&mut register.devices) {
            let cordoned = register.vendor == Vendor::Nvidia && node.cordoned.contains(&device.id);
            cards.push(Card::new(register.vendor, word.clone(), register.core_unit, device, cordoned));
        }
    }
    cards
}

fn capacity_devices(backend: &Backend, node: &Node) -> Result<Vec<Card>, Note> {
    let Inventory::Capacity(devices) = backend.inventory else { return Ok(Vec::new()) };
    let capacity = Capacity { node: &node.name, instance_type: node.instance_type(), resources: &node.capacity };
    let devices =
        devices(backend, &capacity).map_err(|error| Note::new(&backend.resources.count, error.to_string()))?;
    let word: Arc<str> = backend.word.as_str().into();
    let card = |device| Card::new(backend.vendor, word.clone(), backend.core_unit, device, false);
    Ok(devices.into_iter().map(card).collect())
}
