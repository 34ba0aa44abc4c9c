//! What can be turned to let a pod run: all the way to see whether it helps, and back as far as it still does.

use std::collections::BTreeSet;

use super::{
    MemoryAsk, PodAsk,
    node::{Judge, Lift, Lifted},
};
use crate::fleet::FleetNode;

/// Something that can be turned, ordered by how little turning it disturbs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Knob {
    Lock,
    Memory,
    Cores,
    Annotation(String),
    Count,
    Taints,
    Quota,
    NodeSelector,
    NodeAffinity,
    DeviceCordon,
    NodeCordon,
}

/// A pod and its surroundings with some knobs turned.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) ask: PodAsk,
    pub(super) lift: Lift,
}

/// All knobs that there may be.
pub(super) fn knobs(judge: &Judge<'_>, ask: &PodAsk) -> Vec<Knob> {
    let mut knobs = vec![Knob::Lock, Knob::Memory, Knob::Cores];
    let mut keys = BTreeSet::new();
    for device in ask.devices() {
        let selectors = &judge.fleet.backends.get(device.backend).selectors;
        let all = [
            &selectors.use_type,
            &selectors.avoid_type,
            &selectors.use_uuid,
            &selectors.avoid_uuid,
            &selectors.mode,
            &selectors.numa_bind,
        ];
        keys.extend(all.into_iter().flatten().cloned());
    }
    knobs.extend(keys.into_iter().map(Knob::Annotation));
    knobs.extend([Knob::Count, Knob::Taints, Knob::Quota, Knob::NodeSelector, Knob::NodeAffinity]);
    knobs.extend([Knob::DeviceCordon, Knob::NodeCordon]);
    knobs
}

/// Turns a knob as far as it goes. Whether that changed anything.
pub(super) fn turn(trial: &mut Trial, knob: &Knob, judge: &Judge<'_>) -> bool {
    match knob {
        Knob::Memory => set_memory(trial, judge, 1),
        Knob::Cores => set_cores(trial, 1),
        Knob::Count => set_count(trial, 1),
        Knob::Annotation(key) => trial.ask.annotations.remove(key).is_some_and(|value| !value.is_empty()),
        Knob::NodeSelector => !std::mem::take(&mut trial.ask.node_selector).is_empty(),
        Knob::NodeAffinity => !std::mem::take(&mut trial.ask.affinity).is_empty(),
        Knob::Taints => trial.lift.lift(Lifted::Taints),
        Knob::Quota => trial.lift.lift(Lifted::Quota),
        Knob::DeviceCordon => trial.lift.lift(Lifted::DeviceCordon),
        Knob::NodeCordon => trial.lift.lift(Lifted::NodeCordon),
        Knob::Lock => trial.lift.lift(Lifted::Lock),
    }
}

/// MiB that are asked for, as far as it is a number.
pub(super) fn memory_of(memory: MemoryAsk, judge: &Judge<'_>, backend: usize) -> Option<i64> {
    match memory {
        // No card is as large as this, so that a unit that depends on the card is read as the large one.
        MemoryAsk::Units(amount) => Some(judge.fleet.backends.get(backend).memory_unit.mib(amount, 1 << 40)),
        MemoryAsk::Mib(mib) => Some(mib),
        MemoryAsk::Card | MemoryAsk::Percent(_) => None,
    }
}

fn set_memory(trial: &mut Trial, judge: &Judge<'_>, mib: i64) -> bool {
    let mut changed = false;
    for device in trial.ask.devices_mut() {
        let asked = memory_of(device.memory, judge, device.backend);
        if asked.is_none_or(|asked| asked > mib) && judge.fleet.backends.get(device.backend).resources.memory.is_some()
        {
            device.memory = MemoryAsk::Mib(mib);
            changed = true;
        }
    }
    changed
}

fn set_cores(trial: &mut Trial, cores: i64) -> bool {
    let wanting = trial.ask.devices_mut().filter(|device| device.cores > cores);
    wanting.map(|device| device.cores = cores).count() > 0
}

fn set_count(trial: &mut Trial, count: i64) -> bool {
    let mut fewer = 0;
    for device in trial.ask.devices_mut().filter(|device| device.count > count) {
        device.count = count;
        fewer += 1;
    }
    // What is handed out by number is counted by its resource.
    if trial.ask.containers.len() == 1 {
        for amount in trial.ask.load.extended.values_mut().filter(|amount| **amount > count) {
            *amount = count;
            fewer += 1;
        }
    }
    fewer > 0
}

/// Turns a number back as far as the pod still fits: by its unit, since what stands in the way may be a card as well as a quota.
pub(super) fn turn_back(judge: &mut Judge<'_>, nodes: &[&FleetNode], start: &Trial, trial: &mut Trial, knob: &Knob) {
    let (most, step) = match knob {
        Knob::Memory => (most_memory(judge, nodes, start), memory_step(judge, start)),
        Knob::Cores => (start.ask.devices().map(|device| device.cores).max().unwrap_or(0), 1),
        Knob::Count => {
            let counts =
                start.ask.devices().map(|device| device.count).chain(start.ask.load.extended.values().copied());
            // More cards than a node can have are never asked back for.
            (counts.max().unwrap_or(0).min(1024), 1)
        }
        _ => return,
    };
    // The largest amount that fits lies where trying changes from yes to no. The knob was tried all the way down, which fits.
    let (mut fits, mut too_much) = (1, most / step + 1);
    while too_much - fits > 1 {
        let middle = i64::midpoint(fits, too_much);
        let tried = with(middle * step, start, trial, judge, knob);
        if judge.any(nodes, &tried.ask, &tried.lift).is_some() {
            fits = middle;
        } else {
            too_much = middle;
        }
    }
    *trial = with(fits * step, start, trial, judge, knob);
}

/// The trial with one number back at what was asked for, and from there down to an amount.
fn with(amount: i64, start: &Trial, trial: &Trial, judge: &Judge<'_>, knob: &Knob) -> Trial {
    let mut with = trial.clone();
    for (device, asked) in with.ask.devices_mut().zip(start.ask.devices()) {
        match knob {
            Knob::Memory => device.memory = asked.memory,
            Knob::Cores => device.cores = asked.cores,
            _ => device.count = asked.count,
        }
    }
    match knob {
        Knob::Memory => set_memory(&mut with, judge, amount),
        Knob::Cores => set_cores(&mut with, amount),
        _ => {
            with.ask.load.extended.clone_from(&start.ask.load.extended);
            set_count(&mut with, amount)
        }
    };
    with
}

/// The most MiB that anybody could mean: what is asked for, or all of the largest card.
fn most_memory(judge: &Judge<'_>, nodes: &[&FleetNode], start: &Trial) -> i64 {
    let largest = |backend: usize| {
        let word = &judge.fleet.backends.get(backend).word;
        let cards = nodes.iter().flat_map(|node| &node.cards).filter(move |card| *card.word == **word);
        cards.map(|card| i64::from(card.device.memory_mib)).max().unwrap_or(0)
    };
    let asked = start
        .ask
        .devices()
        .map(|device| memory_of(device.memory, judge, device.backend).unwrap_or_else(|| largest(device.backend)));
    asked.max().unwrap_or(0)
}

/// MiB by which what is asked for can be told: a pod cannot ask for less than a unit more.
fn memory_step(judge: &Judge<'_>, start: &Trial) -> i64 {
    let backends = start.ask.devices().map(|device| judge.fleet.backends.get(device.backend));
    backends.map(|backend| backend.memory_unit.step_mib()).max().unwrap_or(1)
}
