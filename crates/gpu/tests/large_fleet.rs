//! 1,000 nodes with 8 cards each and 20,000 pods: what it takes, counted, and how much memory.
//!
//! A program of its own, so that nothing else is in its memory.

use std::time::Instant;

use serde_json::{Value, json};
use trainyard_gpu::{
    Backends, FleetBuilder, Options,
    fleet::{NodeFilter, PodFilter},
    pending::{PodAsk, Surroundings},
};

const NODES: usize = 1000;
const CARDS: usize = 8;
const PODS: usize = 20_000;
/// Objects of one page, which is all that a reader of the API has in hand.
const PAGE: usize = 500;

/// A node about as large as real ones, with labels and annotations that nobody here wants.
fn node(number: usize) -> Value {
    let cards: Vec<_> = (0..CARDS)
        .map(|index| {
            json!({ "id": format!("GPU-{number:04}-{index}"), "index": index, "count": 10, "devmem": 81920, "devcore": 100,
                "type": "NVIDIA-NVIDIA H100 80GB HBM3", "numa": index / 4, "mode": "hami-core", "health": true })
        })
        .collect();
    let mut labels: serde_json::Map<String, Value> =
        (0..30).map(|at| (format!("feature.node.kubernetes.io/cpu-cpuid.FEATURE{at}"), "true".into())).collect();
    labels.insert("node.kubernetes.io/instance-type".to_owned(), "p5.48xlarge".into());
    let offered = json!({ "cpu": "192", "memory": "2000Gi", "pods": "110", "nvidia.com/gpu": "80" });
    json!({ "metadata": { "name": format!("node-{number:04}"), "labels": labels, "annotations": {
            "hami.io/node-nvidia-register": Value::Array(cards).to_string(),
            "hami.io/node-handshake": "Requesting_2026-07-09 07:22:10",
            "csi.volume.kubernetes.io/nodeid": "x".repeat(500) } },
        "spec": {}, "status": { "conditions": [{ "type": "Ready", "status": "True" }], "capacity": offered, "allocatable": offered } })
}

/// Five pods on each of two cards of a node in turn, as large as real ones with what others write on them.
fn pod(number: usize) -> Value {
    let (node, card) = (number % NODES, number / NODES % CARDS);
    json!({ "metadata": { "name": format!("pod-{number:05}"), "namespace": format!("team-{}", number % 50),
            "annotations": { "hami.io/vgpu-node": format!("node-{node:04}"), "hami.io/bind-phase": "success", "hami.io/vgpu-time": "1705054796",
                "hami.io/vgpu-devices-allocated": format!("GPU-{node:04}-{card},NVIDIA,{},10:;", 2000 + number % 7 * 1000),
                "kubectl.kubernetes.io/last-applied-configuration": "y".repeat(1000) } },
        "spec": { "nodeName": format!("node-{node:04}"), "schedulerName": "hami-scheduler", "containers": [{ "name": "main",
            "resources": { "limits": { "cpu": "2", "memory": "16Gi", "nvidia.com/gpu": "1", "nvidia.com/gpumem": "8k", "nvidia.com/gpucores": "10" } } }] },
        "status": { "phase": "Running" } })
}

/// Memory of this process in bytes, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[test]
fn a_large_fleet_is_read_once_and_stays_small() {
    let before = resident();
    let start = Instant::now();
    let mut builder = FleetBuilder::new(Backends::default(), Options::default());
    for page in (0..NODES).step_by(PAGE) {
        let page: Vec<_> = (page..page + PAGE).map(node).collect();
        for node in &page {
            builder.add_node(node);
        }
    }
    for page in (0..PODS).step_by(PAGE) {
        let page: Vec<_> = (page..page + PAGE).map(pod).collect();
        for pod in &page {
            builder.add_pod(pod);
        }
    }
    let fleet = builder.build();
    let built = start.elapsed();

    // Register and handshake of each node, one value of each pod, each decoded once.
    assert_eq!((fleet.work.nodes, fleet.work.pods, fleet.work.values), (NODES, PODS, 2 * NODES + PODS));
    assert!(fleet.work.comparisons <= PODS * CARDS, "{}", fleet.work.comparisons);

    let start = Instant::now();
    let rows = fleet.node_summaries(&NodeFilter::default(), 1_800_000_000);
    assert_eq!(rows.len(), NODES);
    let listed = start.elapsed();
    let start = Instant::now();
    let fragmentation = fleet.fragmentation();
    let fragmented = start.elapsed();
    let group = &fragmentation.groups[0];
    assert_eq!((fragmentation.groups.len(), group.cards), (1, NODES * CARDS));
    // A number of cards stands there only where the next one means less of each.
    let largest: Vec<_> = group.largest_pods.iter().map(|pod| (pod.cards, pod.memory_mib)).collect();
    assert!(largest.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1), "{largest:?}");
    assert_eq!(largest.last().map(|last| last.0), Some(CARDS), "{largest:?}");
    assert!(serde_json::to_string(&fragmentation).unwrap().len() < 4000);
    assert_eq!(fleet.pod_rows(&PodFilter::default()).count(), PODS);
    let totals = fleet.totals(&NodeFilter::default());
    let promised: i64 = (0..PODS).map(|number| 2000 + i64::try_from(number).unwrap() % 7 * 1000).sum();
    assert_eq!(totals.vendors[0].memory_allocated_mib, Some(promised));

    // A pod that fits nowhere, so that every node and every change is tried.
    let mut waiting = pod(0);
    waiting["spec"]["nodeName"] = Value::Null;
    waiting["status"]["phase"] = "Pending".into();
    waiting["spec"]["containers"][0]["resources"]["limits"] =
        json!({ "nvidia.com/gpu": 8, "nvidia.com/gpumem": "81k" });
    waiting["metadata"]["annotations"]["nvidia.com/use-gputype"] = "H200".into();
    let ask = PodAsk::from_json(&waiting, &fleet.backends).unwrap();
    let start = Instant::now();
    let why = fleet.why_pending(&ask, &Surroundings::default());
    let judged = start.elapsed();
    assert!(why.remedy.is_some());
    assert!(why.looked_at <= 300 * NODES * CARDS, "{}", why.looked_at);

    let after = resident();
    println!(
        "built {built:?}, listed {listed:?}, fragmentation {fragmented:?}, why pending {judged:?} ({} cards looked at)",
        why.looked_at
    );
    if let (Some(before), Some(after)) = (before, after) {
        println!("memory above the start, with pages and every answer: {} MiB", (after - before) >> 20);
        assert!(after - before <= 64 << 20, "{} bytes", after - before);
    }
}
