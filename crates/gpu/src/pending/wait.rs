//! Whom a pod waits for.

use super::{
    PodAsk, WaitFor,
    node::{Judge, Lift, Lifted},
};
use crate::fleet::FleetNode;

/// Nodes of which the pods to wait for are worked out.
const WAITED_NODES: usize = 64;

/// The fewest pods of one node after whose end the pod would run there, the largest first.
pub(super) fn wait_for(judge: &mut Judge<'_>, nodes: &[&FleetNode], ask: &PodAsk) -> Option<WaitFor> {
    let empty = Lift::of(Lifted::Everybody);
    let mut best: Option<WaitFor> = None;
    let mut tried = 0;
    for node in nodes.iter().filter(|node| !node.cards.is_empty()) {
        if tried == WAITED_NODES {
            break;
        }
        if judge.node(node, ask, &empty).is_err() {
            continue;
        }
        tried += 1;
        let fewer_than = best.as_ref().map_or(usize::MAX, |best| best.pods.len());
        let pods = leaving(judge, node, ask, fewer_than);
        if let Some(pods) = pods {
            best = Some(WaitFor { node: node.node.name.clone(), pods });
        }
    }
    best
}

/// The pods that have to leave a node, if fewer than `fewer_than` are enough.
fn leaving(judge: &mut Judge<'_>, node: &FleetNode, ask: &PodAsk, fewer_than: usize) -> Option<Vec<String>> {
    let held = |pod: usize| {
        let shares = node.cards.iter().flat_map(|card| &card.holders).filter(|holder| holder.pod == pod);
        shares.map(|holder| holder.share.memory_mib.max(holder.share.cores)).sum::<i64>()
    };
    let mut pods: Vec<usize> = node.pods.clone();
    pods.sort_by_key(|pod| (std::cmp::Reverse(held(*pod)), *pod));
    let mut lift = Lift::default();
    let mut names = Vec::new();
    for pod in pods {
        if names.len() + 1 >= fewer_than {
            return None;
        }
        lift.gone.insert(pod);
        let pod = &judge.fleet.pods[pod];
        names.push(format!("{}/{}", pod.namespace, pod.name));
        if judge.node(node, ask, &lift).is_ok() {
            return Some(names);
        }
    }
    None
}
