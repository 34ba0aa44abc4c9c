//! Nodes of a fleet: what they have, and how much of it is taken.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Fleet, ago, map};
use crate::kubernetes::random::{Random, digest};

/// Memory of a card, in MiB.
pub(super) const CARD_MEMORY: i64 = 81_559;
/// Pods that may share a card.
pub(super) const SHARES: i64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Devices {
    Hami,
    Mig,
    Neuron,
    None,
}

/// A card under HAMi, and what is taken of it.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) uuid: String,
    pub(super) memory: i64,
    pub(super) cores: i64,
    pub(super) shares: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) devices: Devices,
    pub(super) cards: Vec<Card>,
    /// Slices of MIG, or Neuron devices, that are free.
    pub(super) free: usize,
    pub(super) object: Value,
}

/// Kinds of nodes in their order, how their names begin, and the type of their machines.
pub(super) const KINDS: [(Devices, &str, &str); 4] = [
    (Devices::Hami, "gpu", "p5.48xlarge"),
    (Devices::Mig, "mig", "p4d.24xlarge"),
    (Devices::Neuron, "neuron", "trn1.32xlarge"),
    (Devices::None, "cpu", "m6i.32xlarge"),
];

pub(super) fn all(fleet: &Fleet, now: OffsetDateTime, random: &mut Random) -> Vec<Node> {
    let groups = super::node_groups(fleet).into_iter().zip(KINDS);
    let kinds = groups
        .flat_map(|((front, machine, count), (devices, _, _))| std::iter::repeat_n((devices, front, machine), count));
    kinds.enumerate().map(|(number, kind)| node(number, kind, fleet, now, random)).collect()
}

fn node(
    number: usize,
    (devices, front, instance): (Devices, &str, &str),
    fleet: &Fleet,
    now: OffsetDateTime,
    random: &mut Random,
) -> Node {
    let name = format!("{front}-{number:04}");
    let cards: Vec<Card> = match devices {
        Devices::Hami => (0..fleet.gpus).map(|card| self::card(&name, card)).collect(),
        _ => Vec::new(),
    };
    let zone = ["a", "b", "c"][number % 3];
    let mut labels = vec![
        ("kubernetes.io/arch", "amd64".to_owned()),
        ("kubernetes.io/hostname", name.clone()),
        ("kubernetes.io/os", "linux".into()),
        ("node.kubernetes.io/instance-type", instance.into()),
        ("topology.kubernetes.io/zone", format!("zone-{zone}")),
    ];
    let mut annotations = vec![("node.alpha.kubernetes.io/ttl", "0".to_owned())];
    let mut capacity = vec![
        ("cpu", "192".to_owned()),
        ("ephemeral-storage", "1Ti".into()),
        ("memory", "2Ti".into()),
        ("pods", "250".into()),
    ];
    let mut free = 0;
    let mut taints = json!([{ "key": "nvidia.com/gpu", "effect": "NoSchedule" }]);
    match devices {
        Devices::Hami => {
            labels.push(("gpu", "on".into()));
            labels.push(("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3".into()));
            annotations.push(("hami.io/node-nvidia-register", register(&cards)));
            let asked = ago(now, random.below(30)).replace('T', " ");
            annotations.push(("hami.io/node-handshake", format!("Requesting_{}", asked.trim_end_matches('Z'))));
            capacity.push(("nvidia.com/gpu", (i64::try_from(cards.len()).unwrap_or(0) * SHARES).to_string()));
        }
        Devices::Mig => {
            free = fleet.gpus * 7;
            labels.push(("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB".into()));
            labels.push(("nvidia.com/mig.config", "all-1g.5gb".into()));
            labels.push(("nvidia.com/mig.config.state", "success".into()));
            labels.push(("nvidia.com/mig.strategy", "mixed".into()));
            capacity.push(("nvidia.com/gpu", "0".into()));
            capacity.push(("nvidia.com/mig-1g.5gb", free.to_string()));
        }
        Devices::Neuron => {
            free = 16;
            capacity.push(("aws.amazon.com/neuron", "16".into()));
            capacity.push(("aws.amazon.com/neuroncore", "32".into()));
            taints[0]["key"] = "aws.amazon.com/neuron".into();
        }
        Devices::None => taints = json!([]),
    }
    let made = ago(now, 86_400 * (3 + random.below(60)));
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "", "lastHeartbeatTime": ago(now, 20),
            "lastTransitionTime": made,
        })
    };
    let object = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": map(&labels), "annotations": map(&annotations), "creationTimestamp": made },
        "spec": { "podCIDR": format!("10.{}.{}.0/24", 64 + (number >> 8), number & 255), "taints": taints },
        "status": {
            "capacity": map(&capacity), "allocatable": map(&capacity),
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "addresses": [
                { "type": "InternalIP", "address": format!("10.0.{}.{}", number >> 8, number & 255) },
                { "type": "Hostname", "address": name },
            ],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.37.0", "kubeProxyVersion": "",
                "osImage": "Amazon Linux 2023", "kernelVersion": "6.12.40", "containerRuntimeVersion": "containerd://2.1.4",
                "bootID": "", "machineID": "", "systemUUID": "",
            },
        },
    });
    Node { name, devices, cards, free, object }
}

fn card(node: &str, number: usize) -> Card {
    Card { uuid: card_id(node, number), memory: CARD_MEMORY, cores: 100, shares: SHARES }
}

/// What a card is called, by its node and its number there.
pub(crate) fn card_id(node: &str, number: usize) -> String {
    let id = digest(&[node, &number.to_string()]);
    format!(
        "GPU-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        id >> 32,
        id >> 16 & 0xffff,
        id & 0xffff,
        number,
        id & 0xffff_ffff_ffff
    )
}

fn register(cards: &[Card]) -> String {
    let card = |(index, card): (usize, &Card)| {
        let mut written = json!({
            "id": card.uuid, "count": SHARES, "devmem": CARD_MEMORY, "devcore": 100, "type": "NVIDIA-H100-80GB-HBM3",
            "mode": "hami-core", "health": true,
        });
        // Left out when zero, as HAMi does.
        if index > 0 {
            written["index"] = index.into();
        }
        if index >= 4 {
            written["numa"] = 1.into();
        }
        written
    };
    Value::Array(cards.iter().enumerate().map(card).collect()).to_string()
}
