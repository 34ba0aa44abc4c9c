//! What is free, how it is scattered, and the largest pod that still fits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Card, Fleet, FleetNode};
use crate::vendor::Vendor;

/// What is free of each kind of device.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct Fragmentation {
    /// Devices by vendor and model.
    pub groups: Vec<FragmentedGroup>,
}

/// Devices of one vendor and model.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct FragmentedGroup {
    /// Who makes them.
    pub vendor: Vendor,
    /// HAMi's word, or the resource where devices are handed out by number.
    pub kind: String,
    /// The model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Nodes that have some.
    pub nodes: usize,
    /// Devices.
    pub cards: usize,
    /// Devices with nothing on them that take new pods.
    pub empty_cards: usize,
    /// MiB that nobody was promised, wherever they are.
    pub free_memory_mib: i64,
    /// Of these, MiB that no pod can get, and why.
    pub stranded: BTreeMap<Obstacle, i64>,
    /// Units of computing that nobody was promised, on devices that take new pods.
    pub free_cores: i64,
    /// Share of the free memory that cannot be had by a pod with one card: 0 when all of it is on one card.
    pub scattered_percent: i64,
    /// The largest pod for each number of cards on one node; of numbers with the same amounts, the highest.
    pub largest_pods: Vec<LargestPod>,
}

/// Why free memory cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The device is not healthy.
    Unhealthy,
    /// The device takes no new pods.
    DeviceCordoned,
    /// The node takes no new pods, or is not ready.
    NodeUnavailable,
    /// The device has as many tasks as it may.
    SlotsExhausted,
    /// All computing of the device is promised.
    CoresExhausted,
    /// No kind of MIG instance has a place any more.
    MigPlacement,
}

/// The largest pod with so many cards.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct LargestPod {
    /// Cards on one node.
    pub cards: usize,
    /// MiB of each card.
    pub memory_mib: i64,
    /// Units of computing that each of these cards still has.
    pub cores: i64,
    /// Where it fits.
    pub node: String,
}

/// A card and what is left of it.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct CardFree {
    /// The node.
    pub node: String,
    /// The device.
    pub uuid: String,
    /// Its number on the node.
    pub index: u32,
    /// The model.
    pub model: String,
    /// MiB that nobody was promised.
    pub free_memory_mib: i64,
    /// MiB that one container can get.
    pub largest_request_mib: i64,
    /// Units of computing that nobody was promised.
    pub free_cores: i64,
    /// Tasks that there is room for.
    pub free_slots: i64,
    /// Why nothing of it can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
}

impl Fleet {
    /// What is free of each vendor and model.
    pub fn fragmentation(&self) -> Fragmentation {
        let mut groups: BTreeMap<(Vendor, String, String), Gathered> = BTreeMap::new();
        for node in &self.nodes {
            let mut kinds: BTreeMap<(Vendor, &str, &str), Vec<&Card>> = BTreeMap::new();
            for card in &node.cards {
                kinds.entry((card.vendor, &card.word, &card.device.model)).or_default().push(card);
            }
            for ((vendor, word, model), cards) in kinds {
                groups.entry((vendor, word.to_owned(), model.to_owned())).or_default().add(node, &cards);
            }
            for pool in &node.pools {
                let model = pool.model.clone().unwrap_or_default();
                let memory = pool.memory_mib_each.unwrap_or(0);
                groups.entry((pool.vendor, pool.resource.clone(), model)).or_default().add_pool(
                    node,
                    pool.capacity,
                    pool.free(),
                    memory,
                );
            }
        }
        let group = |((vendor, kind, model), gathered): (_, Gathered)| gathered.finish(vendor, kind, model);
        Fragmentation { groups: groups.into_iter().map(group).collect() }
    }

    /// Every card with what is left of it, in the order of the nodes.
    pub fn free_cards(&self) -> impl Iterator<Item = CardFree> + '_ {
        self.nodes.iter().flat_map(|node| node.cards.iter().map(move |card| card_free(node, card)))
    }
}

fn card_free(node: &FleetNode, card: &Card) -> CardFree {
    let obstacle = obstacle(node, card);
    CardFree {
        node: node.node.name.clone(),
        uuid: card.device.id.clone(),
        index: card.device.index,
        model: card.device.model.clone(),
        free_memory_mib: card.free_memory_mib(),
        largest_request_mib: if obstacle.is_some() { 0 } else { card.largest_request_mib() },
        free_cores: card.free_cores(),
        free_slots: card.free_slots(),
        obstacle,
    }
}

/// Why nothing of a card can be had, in the order in which the scheduler would say it.
fn obstacle(node: &FleetNode, card: &Card) -> Option<Obstacle> {
    if !node.node.schedulable || !node.node.ready {
        return Some(Obstacle::NodeUnavailable);
    }
    if !card.device.healthy {
        return Some(Obstacle::Unhealthy);
    }
    if card.cordoned {
        return Some(Obstacle::DeviceCordoned);
    }
    if card.free_slots() == 0 {
        return Some(Obstacle::SlotsExhausted);
    }
    if card.total_cores() > 0 && card.free_cores() == 0 {
        return Some(Obstacle::CoresExhausted);
    }
    (card.device.memory_mib > 0 && card.is_mig() && card.largest_request_mib() == 0).then_some(Obstacle::MigPlacement)
}

/// A group while nodes are added to it.
#[derive(Default)]
struct Gathered {
    nodes: usize,
    cards: usize,
    empty_cards: usize,
    free_memory_mib: i64,
    stranded: BTreeMap<Obstacle, i64>,
    free_cores: i64,
    /// By number of cards less one.
    largest: Vec<LargestPod>,
}

impl Gathered {
    fn add(&mut self, node: &FleetNode, cards: &[&Card]) {
        self.nodes += 1;
        self.cards += cards.len();
        let mut open = Vec::new();
        for card in cards {
            let free = card.free_memory_mib();
            self.free_memory_mib = self.free_memory_mib.saturating_add(free);
            match obstacle(node, card) {
                Some(obstacle) => *self.stranded.entry(obstacle).or_default() += free,
                None => {
                    self.free_cores = self.free_cores.saturating_add(card.free_cores());
                    self.empty_cards += usize::from(card.used.slots == 0);
                    open.push((card.largest_request_mib(), card.free_cores()));
                }
            }
        }
        self.stranded.retain(|_, memory| *memory > 0);
        open.sort_unstable_by(|one, other| other.cmp(one));
        let mut cores = i64::MAX;
        for (more, (memory, of_this)) in open.into_iter().enumerate() {
            cores = cores.min(of_this);
            self.offer(more + 1, memory, cores, node);
        }
    }

    fn add_pool(&mut self, node: &FleetNode, capacity: i64, free: i64, memory: i64) {
        let size = |amount: i64| usize::try_from(amount).unwrap_or(0);
        self.nodes += 1;
        self.cards = self.cards.saturating_add(size(capacity));
        let all = memory.saturating_mul(free);
        self.free_memory_mib = self.free_memory_mib.saturating_add(all);
        if !node.node.schedulable || !node.node.ready {
            if all > 0 {
                let stranded = self.stranded.entry(Obstacle::NodeUnavailable).or_default();
                *stranded = stranded.saturating_add(all);
            }
            return;
        }
        self.empty_cards = self.empty_cards.saturating_add(size(free));
        // Units are alike, so the largest number alone says what fits.
        if free > 0 && self.largest.first().is_none_or(|largest| size(free) > largest.cards) {
            let node = node.node.name.clone();
            self.largest = vec![LargestPod { cards: size(free), memory_mib: memory, cores: 0, node }];
        }
    }

    /// Keeps the larger of what there is and what this node has.
    fn offer(&mut self, cards: usize, memory_mib: i64, cores: i64, node: &FleetNode) {
        let better = self.largest.get(cards - 1).is_none_or(|best| (memory_mib, cores) > (best.memory_mib, best.cores));
        if better {
            let pod = LargestPod { cards, memory_mib, cores, node: node.node.name.clone() };
            match self.largest.get_mut(cards - 1) {
                Some(best) => *best = pod,
                None => self.largest.push(pod),
            }
        }
    }

    fn finish(self, vendor: Vendor, kind: String, model: String) -> FragmentedGroup {
        let one_card = self.largest.first().map_or(0, |pod| pod.memory_mib);
        let missed = self.free_memory_mib.saturating_sub(one_card).max(0);
        FragmentedGroup {
            vendor,
            kind,
            model,
            nodes: self.nodes,
            cards: self.cards,
            empty_cards: self.empty_cards,
            free_memory_mib: self.free_memory_mib,
            stranded: self.stranded,
            free_cores: self.free_cores,
            scattered_percent: missed.saturating_mul(100).checked_div(self.free_memory_mib).unwrap_or(0),
            largest_pods: steps(self.largest),
        }
    }
}

/// Only where more cards mean less of each.
fn steps(largest: Vec<LargestPod>) -> Vec<LargestPod> {
    let mut steps: Vec<LargestPod> = Vec::new();
    for pod in largest {
        match steps.last_mut() {
            Some(last) if (last.memory_mib, last.cores) == (pod.memory_mib, pod.cores) => *last = pod,
            _ => steps.push(pod),
        }
    }
    steps
}
