//! The judgement on a waiting pod.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    CardReason, NodeReason, PodAsk, Remedy,
    change::{self, WaitFor},
    node::{Judge, Lift, Lifted},
    wait,
};
use crate::{
    config::SCHEDULER_NAME,
    fleet::{Card, Fleet, FleetNode},
    object::BindPhase,
    quota::QuotaObject,
};

/// Names that a reason is illustrated with.
const EXAMPLES: usize = 3;

/// What a judgement needs beside the fleet.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Quota objects of the pod's namespace.
    pub quotas: Vec<QuotaObject>,
    /// Names under which HAMi schedules; none for the usual one.
    pub scheduler_names: Vec<String>,
    /// Seconds since 1970.
    pub now: i64,
}

/// Why a pod waits.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct WhyPending {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// In one word.
    pub verdict: Verdict,
    /// What is wrong with the pod itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<PodObstacle>,
    /// Why nodes do not do, the most frequent reason first.
    pub nodes: Vec<ReasonCount>,
    /// What speaks against cards, over all nodes whose cards were tried.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cards: BTreeMap<CardReason, usize>,
    /// The smallest change that lets it run, tried out against the fleet as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// The fewest pods after whose end it would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitFor>,
    /// A node where it would run if nobody else were there. Absent: it can never run as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits_when_empty: Option<String>,
    /// Demands of the pod that were not judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<&'static str>,
    /// Cards that were looked at.
    #[serde(skip)]
    pub looked_at: usize,
}

/// Why a pod waits, in one word.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// It does not wait: it runs, has ended, or is being deleted.
    NotWaiting,
    /// It has its node and waits there for its devices or containers.
    Bound {
        /// The node.
        node: String,
        /// How far HAMi's bind came.
        #[serde(skip_serializing_if = "Option::is_none")]
        bind_phase: Option<BindPhase>,
    },
    /// Something of the pod itself keeps it from any node.
    Blocked,
    /// No node does.
    NoNodeFits,
    /// A node does: the scheduler has not come to it yet, or knows more than is judged here.
    FitsNow {
        /// The node.
        node: String,
    },
}

/// What is wrong with the pod itself.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PodObstacle {
    /// Gates keep schedulers away.
    SchedulingGates {
        /// Their names.
        gates: Vec<String>,
    },
    /// It asks for devices that HAMi hands out, but another scheduler got it: HAMi's webhook did not see it, or was told not
    /// to.
    WebhookMissed {
        /// Who got it.
        scheduler: String,
        /// The pod's label tells the webhook to ignore it.
        told_to_ignore: bool,
    },
    /// HAMi refuses devices to privileged containers.
    Privileged {
        /// The container.
        container: String,
    },
    /// More than all memory of a card.
    PercentageAbove100 {
        /// As asked.
        percent: i64,
    },
}

/// A reason and how many nodes it concerns.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: NodeReason,
    /// Nodes.
    pub nodes: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

impl Fleet {
    /// Why a pod waits, and what would let it run.
    pub fn why_pending(&self, ask: &PodAsk, surroundings: &Surroundings) -> WhyPending {
        let mut why = WhyPending {
            namespace: ask.pod.namespace.clone(),
            name: ask.pod.name.clone(),
            verdict: Verdict::NotWaiting,
            obstacles: Vec::new(),
            nodes: Vec::new(),
            cards: BTreeMap::new(),
            remedy: None,
            wait_for: None,
            fits_when_empty: None,
            unchecked: ask.unchecked.clone(),
            looked_at: 0,
        };
        if !ask.is_waiting() {
            return why;
        }
        if let Some(node) = &ask.pod.node {
            why.verdict = Verdict::Bound { node: node.clone(), bind_phase: ask.pod.marks.bind_phase };
            return why;
        }
        why.obstacles = self.obstacles(ask, surroundings);
        let mut judge = Judge {
            fleet: self,
            quotas: self.quota_usage(&surroundings.quotas, Some(&ask.pod.namespace), None),
            now: surroundings.now,
            looked_at: 0,
        };
        let nodes: Vec<&FleetNode> = self.nodes.iter().collect();
        let fits = tally(&mut judge, &nodes, ask, &mut why);
        let scheduler = surroundings.scheduler_names.first().map_or(SCHEDULER_NAME, String::as_str);
        why.verdict = match &fits {
            _ if !why.obstacles.is_empty() => Verdict::Blocked,
            Some(node) => Verdict::FitsNow { node: node.clone() },
            None => Verdict::NoNodeFits,
        };
        let empty = Lift::of(Lifted::Everybody);
        why.fits_when_empty = judge.any(&nodes, ask, &empty).map(|node| node.node.name.clone());
        why.remedy = change::smallest(&mut judge, &nodes, ask, &why.obstacles, fits, scheduler);
        if why.verdict == Verdict::NoNodeFits && why.fits_when_empty.is_some() {
            why.wait_for = wait::wait_for(&mut judge, &nodes, ask);
        }
        why.looked_at = judge.looked_at;
        why
    }

    fn obstacles(&self, ask: &PodAsk, surroundings: &Surroundings) -> Vec<PodObstacle> {
        let mut obstacles = Vec::new();
        if !ask.gates.is_empty() {
            obstacles.push(PodObstacle::SchedulingGates { gates: ask.gates.clone() });
        }
        let scheduler = &ask.pod.scheduler;
        let of_hami = match surroundings.scheduler_names.as_slice() {
            [] => scheduler == SCHEDULER_NAME,
            names => names.contains(scheduler),
        };
        // Devices that are known from capacity alone are handed out by HAMi for sure only where somebody got one from it.
        let by_hami = |card: &&Card| {
            let registered = self.backends.by_word(&card.word).is_none_or(|backend| backend.register_key().is_some());
            registered || !card.holders.is_empty()
        };
        let cards = self.nodes.iter().flat_map(|node| &node.cards).filter(by_hami);
        let handed_out: BTreeSet<&str> = cards.map(|card| &*card.word).collect();
        let wants_of_hami = ask.needs_hami(&self.backends)
            || ask.devices().any(|device| handed_out.contains(&*self.backends.get(device.backend).word));
        if self.hami && wants_of_hami && !of_hami {
            obstacles
                .push(PodObstacle::WebhookMissed { scheduler: scheduler.clone(), told_to_ignore: ask.webhook_ignored });
        }
        if self.hami {
            let privileged =
                ask.containers.iter().filter(|container| container.privileged && !container.devices.is_empty());
            obstacles.extend(privileged.map(|container| PodObstacle::Privileged { container: container.name.clone() }));
        }
        obstacles.extend(ask.bad_percentage.map(|percent| PodObstacle::PercentageAbove100 { percent }));
        obstacles
    }
}

/// Tries every node and counts the reasons; the name of the first node that does.
fn tally(judge: &mut Judge<'_>, nodes: &[&FleetNode], ask: &PodAsk, why: &mut WhyPending) -> Option<String> {
    let mut fits = None;
    let mut counts: BTreeMap<NodeReason, (usize, Vec<String>)> = BTreeMap::new();
    for node in nodes {
        let mut reason = match judge.node(node, ask, &Lift::default()) {
            Ok(()) => {
                fits.get_or_insert_with(|| node.node.name.clone());
                continue;
            }
            Err(reason) => reason,
        };
        if let NodeReason::Cards { reasons, cards } = &mut reason {
            for (reason, count) in std::mem::take(reasons) {
                *why.cards.entry(reason).or_default() += count;
            }
            // Nodes differ in how many cards speak against the pod; told of by card, they are one reason.
            *cards = 0;
        }
        let (count, examples) = counts.entry(reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(node.node.name.clone());
        }
    }
    let count = |(reason, (nodes, examples))| ReasonCount { reason, nodes, examples };
    why.nodes = counts.into_iter().map(count).collect();
    why.nodes.sort_by_key(|reason| std::cmp::Reverse(reason.nodes));
    fits
}
