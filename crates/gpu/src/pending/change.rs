//! Looks for the smallest change that lets a pod run, by trying changes out.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    DeviceAsk, NodeReason, PodAsk, PodObstacle,
    knob::{Knob, Trial, knobs, memory_of, turn, turn_back},
    node::{Judge, Lift, Lifted, shown, untolerated},
};
use crate::fleet::FleetNode;

/// Changes that together let the pod run.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Remedy {
    /// All of them are needed.
    pub changes: Vec<Change>,
    /// A node where it then runs.
    pub node: String,
}

/// One change, to the pod or to what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Take the gates away.
    RemoveGates,
    /// Set `schedulerName`; a label that keeps the webhook away has to go as well.
    UseScheduler {
        /// Its name.
        name: String,
    },
    /// Run the container without privileges.
    DropPrivileges {
        /// The container.
        container: String,
    },
    /// Ask for at most all memory of a card.
    LowerPercentage,
    /// Ask for less memory of each card.
    LowerMemory {
        /// MiB; absent where a whole card was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_mib: Option<i64>,
        /// The most that fits, in MiB.
        to_mib: i64,
    },
    /// Ask for less computing of each card.
    LowerCores {
        /// Percent of a card.
        from: i64,
        /// The most that fits.
        to: i64,
    },
    /// Ask for fewer cards.
    LowerCount {
        /// Cards of a container.
        from: i64,
        /// The most that fit.
        to: i64,
    },
    /// Take an annotation away by which the pod chooses among cards.
    DropAnnotation {
        /// Its key.
        key: String,
    },
    /// Take labels out of the node selector.
    DropNodeSelector,
    /// Take the required node affinity away.
    DropNodeAffinity,
    /// Tolerate the taints of the node.
    Tolerate {
        /// `key=value:effect` each.
        taints: Vec<String>,
    },
    /// Let pods come to the node again.
    UncordonNode,
    /// Let pods come to the node's cordoned cards again.
    UncordonDevices,
    /// Raise the quota of the namespace.
    RaiseQuota {
        /// Such as `nvidia.com/gpumem`.
        resource: String,
        /// MiB, or units of computing.
        by: i64,
    },
    /// Let the bind that holds the node's lock come to its end.
    AwaitLock,
}

/// Pods after whose end the pod would run.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct WaitFor {
    /// Where they are.
    pub node: String,
    /// `namespace/name` each.
    pub pods: Vec<String>,
}

/// The smallest change: what the obstacles demand, and then as little as possible more. Single changes come before pairs.
pub(super) fn smallest(
    judge: &mut Judge<'_>,
    nodes: &[&FleetNode],
    ask: &PodAsk,
    obstacles: &[PodObstacle],
    fits: Option<String>,
    scheduler: &str,
) -> Option<Remedy> {
    let mut changes: Vec<_> = obstacles.iter().map(|obstacle| answer(obstacle, scheduler)).collect();
    if let Some(node) = fits {
        return (!changes.is_empty()).then_some(Remedy { changes, node });
    }
    let start = Trial { ask: ask.clone(), lift: Lift::default() };
    let knobs: Vec<_> = knobs(judge, ask).into_iter().filter(|knob| turn(&mut start.clone(), knob, judge)).collect();
    // If everything together does not help, nothing does.
    let mut all = start.clone();
    for knob in &knobs {
        turn(&mut all, knob, judge);
    }
    judge.any(nodes, &all.ask, &all.lift)?;
    let singles = knobs.iter().map(std::slice::from_ref).map(<[Knob]>::to_vec);
    let mut best = cheapest(judge, nodes, &start, singles);
    if best.is_none() {
        let pairs = knobs
            .iter()
            .enumerate()
            .flat_map(|(at, one)| knobs[at + 1..].iter().map(move |other| vec![one.clone(), other.clone()]));
        best = cheapest(judge, nodes, &start, pairs);
    }
    let (more, node) = best?;
    changes.extend(more);
    Some(Remedy { changes, node })
}

fn answer(obstacle: &PodObstacle, scheduler: &str) -> Change {
    match obstacle {
        PodObstacle::SchedulingGates { .. } => Change::RemoveGates,
        PodObstacle::WebhookMissed { .. } => Change::UseScheduler { name: scheduler.to_owned() },
        PodObstacle::Privileged { container } => Change::DropPrivileges { container: container.clone() },
        PodObstacle::PercentageAbove100 { .. } => Change::LowerPercentage,
    }
}

/// The cheapest set of knobs that helps.
fn cheapest(
    judge: &mut Judge<'_>,
    nodes: &[&FleetNode],
    start: &Trial,
    sets: impl Iterator<Item = Vec<Knob>>,
) -> Option<(Vec<Change>, String)> {
    let mut best: Option<(i64, Vec<Change>, String)> = None;
    for set in sets {
        let mut trial = start.clone();
        for knob in &set {
            turn(&mut trial, knob, judge);
        }
        if judge.any(nodes, &trial.ask, &trial.lift).is_none() {
            continue;
        }
        for knob in &set {
            turn_back(judge, nodes, start, &mut trial, knob);
        }
        let Some(node) = judge.any(nodes, &trial.ask, &trial.lift) else { continue };
        let changes: Vec<_> = set.iter().map(|knob| describe(judge, start, &trial, knob, node)).collect();
        let cost = changes.iter().map(cost).sum();
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, changes, node.node.name.clone()));
        }
    }
    best.map(|(_, changes, node)| (changes, node))
}

fn describe(judge: &mut Judge<'_>, start: &Trial, trial: &Trial, knob: &Knob, node: &FleetNode) -> Change {
    let most = |trial: &Trial, read: fn(&DeviceAsk) -> i64| trial.ask.devices().map(read).max().unwrap_or(0);
    match knob {
        Knob::Memory => {
            let read = |trial: &Trial, judge: &Judge<'_>| {
                let amounts = trial.ask.devices().map(|device| memory_of(device.memory, judge, device.backend));
                amounts.collect::<Option<Vec<_>>>().and_then(|amounts| amounts.into_iter().max())
            };
            Change::LowerMemory { from_mib: read(start, judge), to_mib: read(trial, judge).unwrap_or(0) }
        }
        Knob::Cores => {
            Change::LowerCores { from: most(start, |device| device.cores), to: most(trial, |device| device.cores) }
        }
        Knob::Count => {
            let number = |trial: &Trial| {
                most(trial, |device| device.count).max(trial.ask.load.extended.values().copied().max().unwrap_or(0))
            };
            // Where HAMi counts, memory and cores are resources as well, and no number of cards.
            let of = |trial: &Trial| match most(trial, |device| device.count) {
                0 => number(trial),
                count => count,
            };
            Change::LowerCount { from: of(start), to: of(trial) }
        }
        Knob::Annotation(key) => Change::DropAnnotation { key: key.clone() },
        Knob::NodeSelector => Change::DropNodeSelector,
        Knob::NodeAffinity => Change::DropNodeAffinity,
        Knob::Taints => Change::Tolerate { taints: untolerated(&node.node, &start.ask).map(shown).collect() },
        Knob::DeviceCordon => Change::UncordonDevices,
        Knob::NodeCordon => Change::UncordonNode,
        Knob::Lock => Change::AwaitLock,
        Knob::Quota => {
            let without = trial.lift.without(Lifted::Quota);
            match judge.node(node, &trial.ask, &without) {
                Err(NodeReason::Quota { resource, missing }) => Change::RaiseQuota { resource, by: missing },
                _ => Change::RaiseQuota { resource: String::new(), by: 0 },
            }
        }
    }
}

/// How much a change disturbs, in hundredths: what its owner can do alone costs less than what takes an operator, and a small step
/// less than a large one.
fn cost(change: &Change) -> i64 {
    let share = |from: i64, to: i64| {
        let percent = i128::from(from.saturating_sub(to)).saturating_mul(100).checked_div(i128::from(from));
        percent.map_or(100, |percent| i64::try_from(percent.clamp(0, 100)).unwrap_or(100))
    };
    match change {
        Change::RemoveGates | Change::UseScheduler { .. } | Change::AwaitLock => 50,
        Change::DropPrivileges { .. } | Change::LowerPercentage => 100,
        Change::LowerMemory { from_mib, to_mib } => 150 + 8 * from_mib.map_or(50, |from| share(from, *to_mib)),
        Change::LowerCores { from, to } => 150 + 6 * share(*from, *to),
        Change::DropAnnotation { .. } => 300,
        Change::LowerCount { from, to } => 350 + 8 * share(*from, *to),
        Change::Tolerate { .. } => 400,
        Change::RaiseQuota { .. } => 450,
        Change::DropNodeSelector | Change::DropNodeAffinity => 500,
        Change::UncordonDevices => 550,
        Change::UncordonNode => 600,
    }
}
