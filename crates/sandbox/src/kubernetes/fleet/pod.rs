//! Pods of a fleet: training on whole cards, serving on shares, and some that something is wrong with.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    Fleet, TEAMS, ago, map,
    node::{CARD_MEMORY, Devices, Node},
};
use crate::kubernetes::random::{Random, short};

/// A pod with what belongs to it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) object: Value,
    pub(super) events: Vec<Value>,
    pub(super) logs: Vec<(String, String)>,
}

/// What a pod asks for.
struct Shape {
    app: &'static str,
    image: &'static str,
    devices: Devices,
    cards: usize,
    memory: i64,
    cores: i64,
}

const SHAPES: &[Shape] = &[
    Shape {
        app: "pretrain",
        image: "registry.example/train:2.8",
        devices: Devices::Hami,
        cards: 1,
        memory: CARD_MEMORY,
        cores: 100,
    },
    Shape {
        app: "inference",
        image: "registry.example/serve:1.4",
        devices: Devices::Hami,
        cards: 1,
        memory: 20_000,
        cores: 20,
    },
    Shape {
        app: "notebook",
        image: "registry.example/notebook:5",
        devices: Devices::Hami,
        cards: 1,
        memory: 8_000,
        cores: 10,
    },
    Shape { app: "embedding", image: "registry.example/embed:3", devices: Devices::Mig, cards: 1, memory: 0, cores: 0 },
    Shape {
        app: "compile",
        image: "registry.example/neuron:2",
        devices: Devices::Neuron,
        cards: 1,
        memory: 0,
        cores: 0,
    },
    Shape {
        app: "gateway",
        image: "registry.example/gateway:9",
        devices: Devices::None,
        cards: 0,
        memory: 0,
        cores: 0,
    },
];

pub(super) fn make(number: usize, fleet: &Fleet, nodes: &mut [Node], now: OffsetDateTime, random: &mut Random) -> Made {
    let shape = match random.below(10) {
        0..=2 => &SHAPES[0],
        3..=5 => &SHAPES[1],
        6 | 7 => &SHAPES[2],
        8 => &SHAPES[5],
        _ if fleet.mig_nodes > 0 && random.below(2) == 0 => &SHAPES[3],
        _ if fleet.neuron_nodes > 0 && random.below(6) == 0 => &SHAPES[4],
        _ => &SHAPES[5],
    };
    let team = TEAMS[number % TEAMS.len()];
    let hash = short(&[shape.app, team]);
    let name = format!("{}-{hash}-{}", shape.app, random.suffix());
    let trouble =
        if random.below(1_000) < u64::try_from(fleet.troubled).unwrap_or(0) { 1 + random.below(4) } else { 0 };
    let placed = if trouble == 1 { None } else { place(shape, nodes, random) };
    let age = 60 + random.below(86_400 * 6);
    let stamp = ago(now, age);
    let mut labels =
        vec![("app", shape.app.to_owned()), ("pod-template-hash", hash.clone()), ("team", team.to_owned())];
    let mut annotations = Vec::new();
    if let Some((node, devices)) = &placed
        && shape.devices == Devices::Hami
    {
        let seconds = (now - time::Duration::seconds(i64::try_from(age).unwrap_or(0))).unix_timestamp();
        labels.push(("hami.io/vgpu-node", node.clone()));
        annotations.push(("hami.io/vgpu-node", node.clone()));
        annotations.push(("hami.io/vgpu-time", seconds.to_string()));
        annotations.push(("hami.io/bind-time", seconds.to_string()));
        annotations.push(("hami.io/bind-phase", "success".into()));
        annotations.push(("hami.io/vgpu-devices-allocated", format!("{devices};")));
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": team, "uid": random.uid(), "generateName": format!("{}-{hash}-", shape.app),
            "labels": map(&labels), "creationTimestamp": stamp,
        },
        "spec": {
            "containers": [{ "name": "main", "image": shape.image, "resources": resources(shape) }],
            "serviceAccountName": "default",
        },
    });
    if !annotations.is_empty() {
        object["metadata"]["annotations"] = map(&annotations);
    }
    if shape.devices == Devices::Hami {
        object["spec"]["schedulerName"] = "hami-scheduler".into();
    }
    let mut made = Made { namespace: team.into(), name, object, events: Vec::new(), logs: Vec::new() };
    match placed {
        None => waiting(&mut made, shape, nodes.len(), &stamp, now),
        Some((node, _)) => running(&mut made, shape, number, &node, trouble, &stamp, now),
    }
    made
}

fn resources(shape: &Shape) -> Value {
    let mut limits = json!({ "cpu": "8", "memory": "64Gi" });
    match shape.devices {
        Devices::Hami => {
            limits["nvidia.com/gpu"] = shape.cards.to_string().into();
            if shape.memory < CARD_MEMORY {
                limits["nvidia.com/gpumem"] = shape.memory.to_string().into();
                limits["nvidia.com/gpucores"] = shape.cores.to_string().into();
            }
        }
        Devices::Mig => limits["nvidia.com/mig-1g.5gb"] = "1".into(),
        Devices::Neuron => limits["aws.amazon.com/neuron"] = "1".into(),
        Devices::None => limits = json!({ "cpu": "2", "memory": "4Gi" }),
    }
    json!({ "limits": limits, "requests": limits })
}

/// Takes room on a node: its name, and the devices as HAMi writes them.
fn place(shape: &Shape, nodes: &mut [Node], random: &mut Random) -> Option<(String, String)> {
    let many = nodes.len();
    let start = usize::try_from(random.below(u64::try_from(many.max(1)).unwrap_or(1))).unwrap_or(0);
    for at in 0..many {
        let node = &mut nodes[(start + at) % many];
        if node.devices != shape.devices && shape.devices != Devices::None {
            continue;
        }
        match shape.devices {
            Devices::None => return Some((node.name.clone(), String::new())),
            Devices::Mig | Devices::Neuron if node.free > 0 => {
                node.free -= 1;
                return Some((node.name.clone(), String::new()));
            }
            Devices::Hami => {
                let fits = node
                    .cards
                    .iter_mut()
                    .find(|card| card.memory >= shape.memory && card.cores >= shape.cores && card.shares > 0);
                if let Some(card) = fits {
                    card.memory -= shape.memory;
                    card.cores -= shape.cores;
                    card.shares -= 1;
                    let device = format!("{},NVIDIA,{},{}:", card.uuid, shape.memory, shape.cores);
                    return Some((node.name.clone(), device));
                }
            }
            _ => {}
        }
    }
    None
}

fn waiting(made: &mut Made, shape: &Shape, nodes: usize, stamp: &str, now: OffsetDateTime) {
    let lack = match shape.devices {
        Devices::Hami => "CardInsufficientMemory",
        Devices::Mig => "Insufficient nvidia.com/mig-1g.5gb",
        Devices::Neuron => "Insufficient aws.amazon.com/neuron",
        Devices::None => "Insufficient cpu",
    };
    let message = format!("0/{nodes} nodes are available: {nodes} {lack}.");
    made.object["status"] = json!({
        "phase": "Pending", "qosClass": "Guaranteed",
        "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastProbeTime": null, "lastTransitionTime": stamp,
        }],
    });
    let from = if shape.devices == Devices::Hami { "hami-scheduler" } else { "default-scheduler" };
    made.event("Warning", "FailedScheduling", &message, from, 12, now);
}

fn running(made: &mut Made, shape: &Shape, number: usize, node: &str, trouble: u64, stamp: &str, now: OffsetDateTime) {
    made.object["spec"]["nodeName"] = node.into();
    let name = made.name.clone();
    let (state, ready, restarts) = match trouble {
        2 => (
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": format!("back-off 5m0s restarting failed container=main pod={name}") } }),
            false,
            17,
        ),
        3 => (
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{}\"", shape.image) } }),
            false,
            0,
        ),
        4 => (
            json!({ "terminated": { "reason": "Completed", "exitCode": 0, "startedAt": stamp, "finishedAt": ago(now, 60) } }),
            false,
            0,
        ),
        _ => (json!({ "running": { "startedAt": stamp } }), true, 0),
    };
    let phase = match trouble {
        3 => "Pending",
        4 => "Succeeded",
        _ => "Running",
    };
    let mut status = json!({
        "name": "main", "image": shape.image, "imageID": "", "ready": ready, "started": ready, "restartCount": restarts,
        "state": state, "lastState": {},
    });
    if trouble == 2 {
        let ended = ago(now, 90);
        status["lastState"] = json!({ "terminated": {
            "reason": "Error", "exitCode": 1, "startedAt": ended, "finishedAt": ended,
        } });
        made.event("Warning", "BackOff", "Back-off restarting failed container main", "kubelet", 40, now);
        made.logs.push(("main".into(), "RuntimeError: CUDA error: device-side assert triggered".into()));
    }
    if trouble == 3 {
        let message = format!("Failed to pull image \"{}\": not found", shape.image);
        made.event("Warning", "Failed", &message, "kubelet", 9, now);
    }
    let condition = |kind: &str, good: bool| {
        json!({
            "type": kind, "status": if good { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": stamp,
        })
    };
    made.object["status"] = json!({
        "phase": phase, "qosClass": "Guaranteed", "startTime": stamp,
        "podIP": format!("10.{}.{}.{}", 100 + (number >> 16), number >> 8 & 255, number & 255),
        "conditions": [
            condition("PodScheduled", true), condition("Initialized", true), condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": [status],
    });
}

impl Made {
    fn event(&mut self, kind: &str, reason: &str, message: &str, from: &str, count: u64, now: OffsetDateTime) {
        self.events.push(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": format!("{}.{}", self.name, short(&[&self.name, reason])), "namespace": self.namespace },
            "involvedObject": { "apiVersion": "v1", "kind": "Pod", "namespace": self.namespace, "name": self.name,
                "uid": self.object["metadata"]["uid"] },
            "type": kind, "reason": reason, "message": message, "count": count, "source": { "component": from },
            "reportingComponent": from, "reportingInstance": "",
            "firstTimestamp": ago(now, 60 * count), "lastTimestamp": ago(now, 30), "eventTime": null,
        }));
    }
}
