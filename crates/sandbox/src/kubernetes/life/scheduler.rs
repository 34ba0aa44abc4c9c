//! Chooses nodes for pods: by selectors, taints, and what is free.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    claim::{Amounts, wants},
    hami,
    pods::say,
};
use crate::kubernetes::{cluster::Cluster, parts, quantity::Quantity, selector::Labels, store::Place};

/// Pods without a node.
pub(super) fn waiting(cluster: &Cluster) -> Vec<Place> {
    let all = cluster.store.list("pods", None, None);
    all.filter(|pod| !pod.placed).map(|pod| pod.place()).collect()
}

/// Gives each of these pods a node, or says why there is none. Pods of which that was said are returned with the version
/// that says so: nobody tries them again for that alone.
pub(super) fn schedule(cluster: &mut Cluster, waiting: &[Place]) -> Vec<(Place, u64)> {
    let mut refused = Vec::new();
    if waiting.is_empty() {
        return refused;
    }
    let nodes = cluster.values("nodes", None);
    let mut used: BTreeMap<String, Amounts> = BTreeMap::new();
    let mut cards = hami::Cards::of(&nodes);
    for claim in cluster.store.list("pods", None, None).filter_map(|pod| pod.claim.as_ref()) {
        match used.get_mut(&*claim.node) {
            Some(used) => add(used, &claim.amounts),
            None => add(used.entry(claim.node.to_string()).or_default(), &claim.amounts),
        }
        cards.take(&claim.node, &claim.devices);
    }
    for place in waiting {
        let Some(pod) = cluster.value("pods", &place.0, &place.1) else { continue };
        let gated = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
        let done = !pod["spec"]["nodeName"].is_null() || !pod["metadata"]["deletionTimestamp"].is_null();
        if gated || done || pod["status"]["phase"] != "Pending" {
            continue;
        }
        let wanted = wants(&pod);
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let mut fitting: Vec<&str> = Vec::new();
        let idle = Amounts::new();
        for node in &nodes {
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            let misfit = misfit(&pod, node, &wanted, used.get(name).unwrap_or(&idle));
            // Cards are HAMi's business, and only where all else fits.
            let misfit =
                misfit.or_else(|| cards.fit(&pod, name).err().filter(|_| hami::places(&pod)).map(str::to_owned));
            match misfit {
                Some(reason) => *reasons.entry(reason).or_default() += 1,
                None => fitting.push(name),
            }
        }
        let count = |name: &str| used.get(name).and_then(|used| used.get("pods")).copied().unwrap_or_default();
        match fitting.into_iter().min_by_key(|name| (count(name), (*name).to_owned())) {
            Some(node) => {
                let node = node.to_owned();
                add(used.entry(node.clone()).or_default(), &wanted);
                let full = format!("{}/{}", place.0, place.1);
                say(cluster, &pod, "Normal", "Scheduled", &format!("Successfully assigned {full} to {node}"));
                let pod = if hami::places(&pod) { cards.given(pod, &node, cluster.clock.now()) } else { pod };
                parts::assign(cluster, pod, &node);
            }
            None => {
                let version = refuse(cluster, pod, nodes.len(), &reasons);
                refused.extend(version.map(|version| (place.clone(), version)));
            }
        }
    }
    refused
}

fn refuse(cluster: &mut Cluster, mut pod: Value, nodes: usize, reasons: &BTreeMap<String, usize>) -> Option<u64> {
    let why: Vec<String> = reasons.iter().map(|(reason, many)| format!("{many} {reason}")).collect();
    let message = match nodes {
        0 => "no nodes available to schedule pods".to_owned(),
        _ => format!("0/{nodes} nodes are available: {}.", why.join(", ")),
    };
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    if conditions.into_iter().any(|c| c["type"] == "PodScheduled" && c["message"] == message) {
        return None;
    }
    say(cluster, &pod, "Warning", "FailedScheduling", &message);
    let now = cluster.now();
    parts::condition(&mut pod, "PodScheduled", "False", Some(("Unschedulable", &message)), &now);
    Some(cluster.put(&"pods".into(), pod).version)
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, quantity) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = total.plus(*quantity);
    }
}

/// Why a pod does not fit on a node, in the scheduler's words.
fn misfit(pod: &Value, node: &Value, wanted: &Amounts, used: &Amounts) -> Option<String> {
    let spec = &pod["spec"];
    if node["spec"]["unschedulable"] == true && !tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule") {
        return Some("node(s) were unschedulable".into());
    }
    for taint in node["spec"]["taints"].as_array().into_iter().flatten() {
        let text = |member: &str| taint[member].as_str().unwrap_or_default();
        let binding = matches!(text("effect"), "NoSchedule" | "NoExecute");
        if binding && !tolerates(pod, text("key"), text("value"), text("effect")) {
            return Some(format!("node(s) had untolerated taint {{{}: {}}}", text("key"), text("value")));
        }
    }
    let labels = &node["metadata"]["labels"];
    let selected = Labels::map(&spec["nodeSelector"]).is_none_or(|wanted| wanted.matches_labels(labels));
    let terms =
        &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let affine = terms.as_array().is_none_or(|terms| {
        terms
            .iter()
            .any(|term| Labels::expressions(&term["matchExpressions"]).is_none_or(|all| all.matches_labels(labels)))
    });
    if !selected || !affine {
        return Some("node(s) didn't match Pod's node affinity/selector".into());
    }
    for (name, quantity) in wanted {
        let free = Quantity::of(&node["status"]["allocatable"][name]).unwrap_or_default();
        let taken = used.get(name).copied().unwrap_or_default();
        // A node that says nothing about pods takes any number.
        if taken.plus(*quantity) > free && !(name == "pods" && node["status"]["allocatable"]["pods"].is_null()) {
            return Some(if name == "pods" { "Too many pods".into() } else { format!("Insufficient {name}") });
        }
    }
    None
}

fn tolerates(pod: &Value, key: &str, value: &str, effect: &str) -> bool {
    pod["spec"]["tolerations"].as_array().into_iter().flatten().any(|toleration| {
        let text = |member: &str| toleration[member].as_str().unwrap_or_default();
        let same_effect = text("effect").is_empty() || text("effect") == effect;
        let exists = text("operator") == "Exists";
        same_effect
            && ((text("key").is_empty() && exists) || (text("key") == key && (exists || text("value") == value)))
    })
}
