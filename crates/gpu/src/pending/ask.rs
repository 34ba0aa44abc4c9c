//! What a waiting pod asks for, and where it may go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    error::Result,
    object::{Container, ContainerKind, Load, Phase, Pod, flag, list, text, texts},
    quantity::Quantity,
    vendor::{Backends, CoreUnit, ResourceRole},
};

/// A waiting pod.
#[derive(Debug, Clone)]
pub struct PodAsk {
    /// What matters of every pod.
    pub pod: Pod,
    /// Container by container.
    pub containers: Vec<ContainerAsk>,
    /// Processor, memory and what is asked for by number.
    pub load: Load,
    /// What it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Terms of which one must hold; empty for no demand.
    pub affinity: Vec<NodeTerm>,
    /// Annotations, by which it chooses among cards.
    pub annotations: BTreeMap<String, String>,
    /// Gates that keep schedulers away.
    pub gates: Vec<String>,
    /// The label that keeps HAMi's webhook away.
    pub webhook_ignored: bool,
    /// Devices asked for with a percentage above 100.
    pub bad_percentage: Option<i64>,
    /// Demands that are not judged here.
    pub unchecked: Vec<&'static str>,
}

/// What one container asks for.
#[derive(Debug, Clone)]
pub struct ContainerAsk {
    /// Name.
    pub name: String,
    /// When it runs.
    pub kind: ContainerKind,
    /// HAMi refuses a device to a privileged container.
    pub privileged: bool,
    /// Kinds of devices.
    pub devices: Vec<DeviceAsk>,
}

/// So many devices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceAsk {
    /// Number of the backend.
    pub(crate) backend: usize,
    /// Devices. 0 where only cores are counted, as for single Neuron cores.
    pub count: i64,
    /// Memory of each.
    pub memory: MemoryAsk,
    /// Computing of each; of all together where cores are handed out one by one.
    pub cores: i64,
}

/// Memory of each device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryAsk {
    /// All of it.
    Card,
    /// Percent of it.
    Percent(i64),
    /// In the vendor's unit.
    Units(Quantity),
    /// MiB.
    Mib(i64),
}

/// A toleration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    pub key: String,
    pub exists: bool,
    pub value: String,
    pub effect: String,
}

/// Demands on a node that must all hold.
#[derive(Debug, Clone)]
pub struct NodeTerm {
    /// Demands on labels.
    pub labels: Vec<Demand>,
    /// Demands on fields, of which there is one: the node's name.
    pub fields: Vec<Demand>,
}

/// One demand.
#[derive(Debug, Clone)]
pub struct Demand {
    pub key: String,
    pub operator: String,
    pub values: Vec<String>,
}

impl PodAsk {
    /// Reads a pod object.
    pub fn from_json(object: &Value, backends: &Backends) -> Result<Self> {
        let pod = Pod::from_json(object, backends)?;
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let mut bad_percentage = None;
        let containers = pod.containers.iter().map(|container| ContainerAsk {
            name: container.name.clone(),
            kind: container.kind,
            privileged: container.privileged,
            devices: devices(container, backends, &mut bad_percentage),
        });
        let containers = containers.collect();
        let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        Ok(Self {
            containers,
            bad_percentage,
            load: pod.load(object),
            pod,
            tolerations: list(spec, "/tolerations").iter().map(toleration).collect(),
            node_selector: texts(spec, "/nodeSelector"),
            affinity: list(spec, terms).iter().map(term).collect(),
            annotations: texts(object, "/metadata/annotations"),
            gates: list(spec, "/schedulingGates")
                .iter()
                .filter_map(|gate| text(gate, "/name"))
                .map(str::to_owned)
                .collect(),
            webhook_ignored: text(object, "/metadata/labels/hami.io~1webhook") == Some("ignore"),
            unchecked: unchecked(object, spec),
        })
    }

    /// Whether it waits for a place.
    pub(crate) fn is_waiting(&self) -> bool {
        self.pod.phase == Phase::Pending && !self.pod.terminating
    }

    /// Whether it asks for what only HAMi can give: a share of a card.
    pub(crate) fn needs_hami(&self, backends: &Backends) -> bool {
        let asks = self.pod.containers.iter().flat_map(|container| &container.asks);
        asks.filter_map(|(name, _)| backends.by_resource(name))
            .any(|(at, role)| role != ResourceRole::Count && !(backends.get(at).core_unit == CoreUnit::CoreMask))
    }

    /// All that is asked for, to be changed.
    pub(crate) fn devices_mut(&mut self) -> impl Iterator<Item = &mut DeviceAsk> {
        self.containers.iter_mut().flat_map(|container| &mut container.devices)
    }

    /// All that is asked for.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &DeviceAsk> {
        self.containers.iter().flat_map(|container| &container.devices)
    }
}

/// What a container asks for, with what HAMi's webhook adds where something is left out.
fn devices(container: &Container, backends: &Backends, bad_percentage: &mut Option<i64>) -> Vec<DeviceAsk> {
    let mut asked: BTreeMap<usize, [Option<Quantity>; 4]> = BTreeMap::new();
    for (name, amount) in &container.asks {
        let Some((at, role)) = backends.by_resource(name) else { continue };
        let place = match role {
            ResourceRole::Count => 0,
            ResourceRole::Memory => 1,
            ResourceRole::MemoryPercentage => 2,
            ResourceRole::Cores => 3,
            ResourceRole::Priority => continue,
        };
        asked.entry(at).or_default()[place] = Some(*amount);
    }
    let ask = |(at, [count, memory, percent, cores]): (usize, [Option<Quantity>; 4])| {
        let backend = backends.get(at);
        let by_core = backend.core_unit == CoreUnit::CoreMask;
        let percent = percent.map(Quantity::ceil);
        if let Some(wrong) = percent.filter(|percent| *percent > 100) {
            *bad_percentage = Some(wrong);
        }
        let memory = match (memory, percent) {
            (Some(memory), _) => MemoryAsk::Units(memory),
            (None, Some(percent)) => MemoryAsk::Percent(percent),
            (None, None) if backend.default_memory_mib > 0 => MemoryAsk::Mib(backend.default_memory_mib),
            (None, None) => MemoryAsk::Card,
        };
        let count = count.map_or(if by_core { 0 } else { backend.default_count }, Quantity::ceil);
        let cores = match cores.map(Quantity::ceil) {
            Some(cores) if by_core => cores,
            Some(cores) => cores.clamp(0, 100),
            // Whoever takes a whole card and says nothing of computing gets the card alone.
            None if memory == MemoryAsk::Card && backend.default_cores == 0 && !by_core => 100,
            None => backend.default_cores,
        };
        DeviceAsk { backend: at, count, memory, cores }
    };
    asked.into_iter().map(ask).collect()
}

fn toleration(toleration: &Value) -> Toleration {
    let of = |pointer| text(toleration, pointer).unwrap_or_default().to_owned();
    let exists = text(toleration, "/operator") == Some("Exists");
    Toleration { key: of("/key"), exists, value: of("/value"), effect: of("/effect") }
}

fn term(term: &Value) -> NodeTerm {
    let demands = |pointer| list(term, pointer).iter().map(demand).collect();
    NodeTerm { labels: demands("/matchExpressions"), fields: demands("/matchFields") }
}

fn demand(demand: &Value) -> Demand {
    let of = |pointer| text(demand, pointer).unwrap_or_default().to_owned();
    let values = list(demand, "/values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Demand { key: of("/key"), operator: of("/operator"), values }
}

/// Demands that decide about a place but are not judged here.
fn unchecked(object: &Value, spec: &Value) -> Vec<&'static str> {
    let has = |pointer: &str| spec.pointer(pointer).is_some_and(|value| !value.is_null());
    let hard_spread = list(spec, "/topologySpreadConstraints")
        .iter()
        .any(|constraint| text(constraint, "/whenUnsatisfiable") != Some("ScheduleAnyway"));
    let claims = list(spec, "/volumes").iter().any(|volume| volume.get("persistentVolumeClaim").is_some());
    let policy = text(object, "/metadata/annotations/hami.io~1gpu-scheduler-policy").unwrap_or_default();
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let all = [
        (has(&format!("/affinity/podAffinity/{required}")), "pod affinity"),
        (has(&format!("/affinity/podAntiAffinity/{required}")), "pod anti-affinity"),
        (hard_spread, "topology spread constraints"),
        (claims, "persistent volume claims"),
        (!list(spec, "/resourceClaims").is_empty(), "dynamic resource claims"),
        (text(object, "/metadata/labels/scheduling.x-k8s.io~1pod-group").is_some(), "the other pods of its group"),
        (policy.split(',').any(|word| word.trim() == "mutex"), "the card policy `mutex`"),
        (flag(spec, "/hostNetwork") || has("/containers/0/ports/0/hostPort"), "ports of the host"),
    ];
    all.into_iter().filter_map(|(there, what)| there.then_some(what)).collect()
}
