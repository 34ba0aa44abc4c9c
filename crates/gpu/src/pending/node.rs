//! Tries a node: what Kubernetes demands of every node, then its cards.

use std::collections::BTreeSet;

use super::{
    NodeReason, PodAsk,
    ask::{Demand, NodeTerm, Toleration},
    card::{self, Taken},
};
use crate::{
    codec::LockState,
    fleet::{Card, Fleet, FleetNode, Used},
    object::{Node, NodeLock, Taint},
    quantity::Quantity,
    quota::{QuotaKind, QuotaUsage},
};

/// What is supposed to be out of the way, to see whether that alone would help.
#[derive(Debug, Clone, Default)]
pub(super) struct Lift {
    lifted: BTreeSet<Lifted>,
    /// These pods, by number, are gone.
    pub(super) gone: BTreeSet<usize>,
}

/// Something that can be out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lifted {
    Taints,
    NodeCordon,
    DeviceCordon,
    Quota,
    Lock,
    /// Nobody else is on any node.
    Everybody,
}

impl Lift {
    /// With one thing out of the way.
    pub(super) fn of(lifted: Lifted) -> Self {
        Self { lifted: BTreeSet::from([lifted]), gone: BTreeSet::new() }
    }

    /// Whether it is out of the way.
    pub(super) fn lifts(&self, what: Lifted) -> bool {
        self.lifted.contains(&what)
    }

    /// Puts it out of the way. Whether it was in the way before.
    pub(super) fn lift(&mut self, what: Lifted) -> bool {
        self.lifted.insert(what)
    }

    /// The same with one thing back in the way.
    pub(super) fn without(&self, what: Lifted) -> Self {
        let mut lift = self.clone();
        lift.lifted.remove(&what);
        lift
    }

    /// What is promised of a card.
    pub(super) fn used(&self, card: &Card) -> Used {
        if self.lifts(Lifted::Everybody) {
            return Used::default();
        }
        if self.gone.is_empty() {
            return card.used;
        }
        let mut used = Used::default();
        for holder in card.holders.iter().filter(|holder| !self.gone.contains(&holder.pod)) {
            used.add(holder.share, card.core_unit);
        }
        used
    }

    /// The memory of the smallest MIG instance that would do.
    pub(super) fn mig_instance(&self, card: &Card, memory_mib: i64) -> Option<i64> {
        if self.lifts(Lifted::Everybody) {
            let empty = Card { mig: Vec::new(), mig_slots: Vec::new(), holders: Vec::new(), ..card.clone() };
            return empty.mig_instance_for(memory_mib);
        }
        card.mig_instance_for(memory_mib)
    }
}

/// What surrounds the judgement of all nodes.
pub(super) struct Judge<'a> {
    pub(super) fleet: &'a Fleet,
    /// Rows of the pod's namespace.
    pub(super) quotas: Vec<QuotaUsage>,
    pub(super) now: i64,
    /// Cards that were looked at.
    pub(super) looked_at: usize,
}

impl Judge<'_> {
    /// Whether the pod could go to this node, or the first thing that speaks against it.
    pub(super) fn node(&mut self, node: &FleetNode, ask: &PodAsk, lift: &Lift) -> Result<(), NodeReason> {
        demands(&node.node, ask, lift)?;
        room(node, ask, lift)?;
        let taken = self.devices(node, ask, lift)?;
        if !lift.lifts(Lifted::Quota) {
            self.quota(&taken)?;
        }
        // Whoever takes no device of a vendor that locks is bound without the lock.
        let concerns = |lock: &NodeLock| taken.keys().any(|at| self.fleet.backends.get(*at).lock == Some(lock.key));
        let held = |lock: &&NodeLock| concerns(lock) && self.fleet.lock_row(lock, self.now).state == LockState::Held;
        match node.node.locks.iter().find(held) {
            Some(lock) if !lift.lifts(Lifted::Lock) => {
                Err(NodeReason::Locked { owner: self.fleet.lock_row(lock, self.now).owner })
            }
            _ => Ok(()),
        }
    }

    /// The first node that does.
    pub(super) fn any<'n>(&mut self, nodes: &[&'n FleetNode], ask: &PodAsk, lift: &Lift) -> Option<&'n FleetNode> {
        nodes.iter().copied().find(|node| self.node(node, ask, lift).is_ok())
    }

    fn devices(&mut self, node: &FleetNode, ask: &PodAsk, lift: &Lift) -> Result<Taken, NodeReason> {
        for device in ask.devices() {
            let backend = self.fleet.backends.get(device.backend);
            let cards = node.cards.iter().any(|card| *card.word == *backend.word);
            let pool = node.pools.iter().any(|pool| {
                self.fleet.backends.by_resource(&pool.resource).is_some_and(|(at, _)| at == device.backend)
            });
            if !cards && !pool {
                return Err(NodeReason::NoDevices { resource: backend.resources.count.clone() });
            }
        }
        for (resource, wanted) in &ask.load.extended {
            // What is not counted by cards is counted by the kubelet.
            let by_card =
                self.fleet.backends.by_resource(resource).is_some_and(|(at, _)| {
                    node.cards.iter().any(|card| *card.word == *self.fleet.backends.get(at).word)
                });
            if by_card {
                continue;
            }
            let pool = node.pools.iter().find(|pool| pool.resource == *resource);
            let free =
                pool.map_or(0, |pool| if lift.lifts(Lifted::Everybody) { pool.allocatable } else { pool.free() });
            if free < *wanted {
                return Err(match pool {
                    Some(_) => NodeReason::Insufficient { resource: resource.clone() },
                    None => NodeReason::NoDevices { resource: resource.clone() },
                });
            }
        }
        card::fit(self.fleet, node, ask, lift, &mut self.looked_at)
            .map_err(|against| NodeReason::Cards { reasons: against.reasons, cards: against.cards })
    }

    fn quota(&self, taken: &Taken) -> Result<(), NodeReason> {
        for (backend, (memory, cores)) in taken {
            let resources = &self.fleet.backends.get(*backend).resources;
            for row in &self.quotas {
                let wanted = match row.kind {
                    QuotaKind::Memory if resources.memory.as_ref() == Some(&row.resource) => *memory,
                    QuotaKind::Cores if resources.cores.as_ref() == Some(&row.resource) => *cores,
                    _ => continue,
                };
                // A limit that was lowered below what is in use lacks that as well.
                let left = row.limit_in_use_units.map(|limit| limit.saturating_sub(row.used));
                if let Some(missing) = left.map(|left| wanted.saturating_sub(left)).filter(|missing| *missing > 0) {
                    return Err(NodeReason::Quota { resource: row.resource.clone(), missing });
                }
            }
        }
        Ok(())
    }
}

/// What Kubernetes demands before anything is counted.
fn demands(node: &Node, ask: &PodAsk, lift: &Lift) -> Result<(), NodeReason> {
    let cordon = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        value: String::new(),
        effect: "NoSchedule".to_owned(),
    };
    if !node.schedulable && !lift.lifts(Lifted::NodeCordon) && !tolerated(&cordon, &ask.tolerations) {
        return Err(NodeReason::Unschedulable);
    }
    if let Some(taint) = untolerated(node, ask).next().filter(|_| !lift.lifts(Lifted::Taints)) {
        return Err(NodeReason::Taint { taint: shown(taint) });
    }
    if ask.node_selector.iter().any(|(key, value)| node.labels.get(key) != Some(value)) {
        return Err(NodeReason::NodeSelector);
    }
    if !ask.affinity.is_empty() && !ask.affinity.iter().any(|term| holds(term, node)) {
        return Err(NodeReason::NodeAffinity);
    }
    Ok(())
}

/// The taints that keep the pod away. A cordoned node carries one for that, which is told of as a cordon.
pub(super) fn untolerated<'a>(node: &'a Node, ask: &'a PodAsk) -> impl Iterator<Item = &'a Taint> {
    node.taints.iter().filter(|taint| {
        taint.effect != "PreferNoSchedule"
            && taint.key != "node.kubernetes.io/unschedulable"
            && !tolerated(taint, &ask.tolerations)
    })
}

/// `key=value:effect`.
pub(super) fn shown(taint: &Taint) -> String {
    let equals = if taint.value.is_empty() { "" } else { "=" };
    format!("{}{equals}{}:{}", taint.key, taint.value, taint.effect)
}

fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| {
        (toleration.effect.is_empty() || toleration.effect == taint.effect)
            && if toleration.key.is_empty() {
                toleration.exists
            } else {
                toleration.key == taint.key && (toleration.exists || toleration.value == taint.value)
            }
    })
}

fn holds(term: &NodeTerm, node: &Node) -> bool {
    // A term without demands matches nothing.
    !(term.labels.is_empty() && term.fields.is_empty())
        && term.labels.iter().all(|demand| met(demand, node.labels.get(&demand.key).map(String::as_str)))
        && term.fields.iter().all(|demand| met(demand, (demand.key == "metadata.name").then_some(&*node.name)))
}

fn met(demand: &Demand, value: Option<&str>) -> bool {
    let named = |value: &str| demand.values.iter().any(|wanted| wanted == value);
    let compared = || {
        let wanted: i64 = demand.values.first()?.parse().ok()?;
        Some((value?.parse::<i64>().ok()?, wanted))
    };
    match demand.operator.as_str() {
        "In" => value.is_some_and(named),
        "NotIn" => !value.is_some_and(named),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared().is_some_and(|(value, wanted)| value > wanted),
        "Lt" => compared().is_some_and(|(value, wanted)| value < wanted),
        _ => false,
    }
}

/// Processor, memory and the number of pods.
fn room(node: &FleetNode, ask: &PodAsk, lift: &Lift) -> Result<(), NodeReason> {
    let has = |name: &str, read: fn(Quantity) -> i64| node.node.allocatable.get(name).map(|amount| read(*amount));
    let on_it = |used: i64| if lift.lifts(Lifted::Everybody) { 0 } else { used };
    let counted = [
        ("cpu", has("cpu", Quantity::milli), on_it(node.load.cpu_milli), ask.load.cpu_milli),
        ("memory", has("memory", Quantity::ceil), on_it(node.load.memory_bytes), ask.load.memory_bytes),
        ("pods", has("pods", Quantity::ceil), on_it(node.load.pods), 1),
    ];
    for (resource, all, used, wanted) in counted {
        // A node that does not say what it has is not held against the pod.
        if wanted > 0 && all.is_some_and(|all| all.saturating_sub(used) < wanted) {
            return Err(NodeReason::Insufficient { resource: resource.to_owned() });
        }
    }
    Ok(())
}
