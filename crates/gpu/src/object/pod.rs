//! A pod: what it asks for, and what it was given.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Load, Marks,
    json::{flag, list, text},
    resources::effective,
};
use crate::{
    codec::{ContainerDevice, MIG_ALLOCATIONS, MigAllocation, MigSlot, decode_containers},
    error::{DecodeError, Note, Result},
    moment,
    quantity::Quantity,
    vendor::{Backends, allocated_word, plain_resource},
};

/// What matters of a pod.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Where in its life it is.
    pub phase: Phase,
    /// Deletion was asked for; until it is gone it still holds what it holds.
    pub terminating: bool,
    /// The node that it was bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Who schedules it.
    pub scheduler: String,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Init containers first, then application containers, then ephemeral ones.
    pub containers: Vec<Container>,
    /// All init containers have ended well, so only the application containers count.
    pub initialized: bool,
    /// HAMi's marks.
    pub marks: Marks,
    /// The devices it was given, container by container.
    pub grants: Vec<Grant>,
    /// Its MIG instances, from HAMi 2.10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mig: Vec<MigAllocation>,
    /// What could not be read for sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Annotation values that were decoded.
    #[serde(skip)]
    pub(crate) decoded: usize,
}

/// Where in its life a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl Phase {
    /// Whether the pod has ended and holds nothing any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Who made a pod.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Owner {
    /// Such as `ReplicaSet` or `Job`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A container, with what it asks for of accelerators.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Container {
    /// Name.
    pub name: String,
    /// When it runs.
    pub kind: ContainerKind,
    /// Accelerator resources, limits before requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<(String, Quantity)>,
    /// HAMi refuses a device to a privileged container.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
}

/// When a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerKind {
    /// Before the application, one after another.
    Init,
    /// Started before the application, runs beside it.
    Sidecar,
    /// The application.
    App,
    /// Added to a running pod; may ask for nothing.
    Ephemeral,
}

impl ContainerKind {
    /// Whether the container stands in the pod's list of init containers.
    pub fn starts_first(self) -> bool {
        matches!(self, Self::Init | Self::Sidecar)
    }
}

/// A device, or a share of one, that HAMi gave to a container.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Grant {
    /// Number in [`Pod::containers`], where the annotation can be joined with the pod's spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<usize>,
    /// The entry's number in the annotation.
    pub entry: usize,
    /// HAMi's word for the kind of device.
    pub word: String,
    /// The device, without a MIG suffix.
    pub uuid: String,
    /// The MIG slot behind the UUID, before HAMi 2.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mig_slot: Option<MigSlot>,
    /// The type as the annotation says it.
    pub kind: String,
    /// MiB.
    pub memory_mib: i64,
    /// Units of computing as the vendor counts them.
    pub cores: i64,
}

impl Pod {
    /// Units of a resource that is handed out by number: of application containers and sidecars together, or of the largest init
    /// container beside the sidecars.
    pub fn units_of(&self, resource: &str) -> i64 {
        let of = |container: &Container| {
            let asks = container.asks.iter().filter(|(name, _)| name == resource);
            asks.map(|(_, amount)| amount.ceil()).sum::<i64>()
        };
        let sum = |wanted: fn(ContainerKind) -> bool| {
            self.containers.iter().filter(|one| wanted(one.kind)).map(of).fold(0, i64::saturating_add)
        };
        let sidecars = sum(|kind| kind == ContainerKind::Sidecar);
        let init = self.containers.iter().filter(|one| one.kind == ContainerKind::Init).map(of).max().unwrap_or(0);
        sidecars.saturating_add(sum(|kind| kind == ContainerKind::App).max(init))
    }

    /// Reads a pod object. Only a pod without a name is refused; whatever else is wrong becomes a note.
    pub fn from_json(pod: &Value, backends: &Backends) -> Result<Self> {
        let name = text(pod, "/metadata/name").ok_or_else(|| DecodeError::new("a pod must have a name"))?;
        let spec = pod.get("spec").unwrap_or(&Value::Null);
        let empty = Map::new();
        let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object).unwrap_or(&empty);
        let owned = |pointer| text(pod, pointer).map(str::to_owned);
        let mut read = Self {
            namespace: owned("/metadata/namespace").unwrap_or_else(|| "default".to_owned()),
            name: name.to_owned(),
            phase: phase(text(pod, "/status/phase")),
            terminating: pod.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()),
            node: owned("/spec/nodeName").filter(|node| !node.is_empty()),
            scheduler: owned("/spec/schedulerName").unwrap_or_else(|| "default-scheduler".to_owned()),
            created_at: text(pod, "/metadata/creationTimestamp").and_then(moment::rfc3339),
            owner: list(pod, "/metadata/ownerReferences").first().and_then(owner),
            containers: containers(spec, backends),
            initialized: initialized(pod),
            marks: Marks::of(annotations),
            grants: Vec::new(),
            mig: Vec::new(),
            notes: Vec::new(),
            decoded: 0,
        };
        read.read_grants(annotations, backends);
        Ok(read)
    }

    /// Whether the pod has to do with accelerators at all.
    pub fn concerns_devices(&self) -> bool {
        self.marks.node.is_some() || !self.grants.is_empty() || self.asks_for_devices()
    }

    /// Whether a container asks for an accelerator.
    pub fn asks_for_devices(&self) -> bool {
        self.containers.iter().any(|container| !container.asks.is_empty())
    }

    /// Whether it holds what it was given: pods that have ended do not, terminating ones do.
    pub fn holds(&self) -> bool {
        !self.phase.is_terminal()
    }

    /// The node where its devices are.
    pub fn device_node(&self) -> Option<&str> {
        self.marks.node.as_deref().or(self.node.as_deref())
    }

    /// What it occupies on its node.
    pub fn load(&self, pod: &Value) -> Load {
        Load::of_pod(pod.get("spec").unwrap_or(&Value::Null), &self.containers)
    }

    /// The numbered resources that it occupies at most at one time.
    pub fn numbered(&self) -> BTreeMap<String, i64> {
        Load::numbered(&self.containers)
    }

    fn read_grants(&mut self, annotations: &Map<String, Value>, backends: &Backends) {
        for (key, value) in annotations {
            let Some(value) = value.as_str() else { continue };
            if key == MIG_ALLOCATIONS {
                self.decoded += 1;
                match MigAllocation::decode(value) {
                    Ok(mig) => self.mig = mig,
                    Err(error) => self.notes.push(Note::new(key, error.to_string())),
                }
                continue;
            }
            let word = match backends.by_allocated(key) {
                Some(at) => backends.get(at).word.as_str(),
                None => match allocated_word(key) {
                    Some(word) => word,
                    None => continue,
                },
            };
            self.decoded += 1;
            match decode_containers(value) {
                Ok(entries) => self.join(key, word, entries),
                Err(error) => self.notes.push(Note::new(key, error.to_string())),
            }
        }
    }

    /// Says which container each entry belongs to: from HAMi 2.9 init containers come first, before that only application
    /// containers have entries.
    fn join(&mut self, key: &str, word: &str, entries: Vec<Vec<ContainerDevice>>) {
        let first = self.containers.iter().filter(|container| container.kind.starts_first()).count();
        let app = self.containers.iter().filter(|container| container.kind == ContainerKind::App).count();
        let offset = match entries.len() {
            0 => return,
            count if count == first + app => Some(0),
            count if count == app => Some(first),
            count => {
                let message = format!(
                    "{count} entries for {first} init and {app} application containers: told by entry, not by container"
                );
                self.notes.push(Note::new(key, message));
                None
            }
        };
        for (entry, devices) in entries.into_iter().enumerate() {
            let container = offset.map(|offset| offset + entry);
            let grant = |device: ContainerDevice| {
                let (uuid, mig_slot) = MigSlot::split(&device.uuid);
                Grant {
                    container,
                    entry,
                    word: word.to_owned(),
                    uuid: uuid.to_owned(),
                    mig_slot,
                    kind: device.kind,
                    memory_mib: device.memory_mib.into(),
                    cores: device.cores.into(),
                }
            };
            self.grants.extend(devices.into_iter().map(grant));
        }
    }
}

/// Containers of a spec in the order of [`Pod::containers`].
pub(super) fn raw_containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["/initContainers", "/containers", "/ephemeralContainers"];
    lists.into_iter().flat_map(|pointer| list(spec, pointer))
}

fn containers(spec: &Value, backends: &Backends) -> Vec<Container> {
    let init = list(spec, "/initContainers").iter().map(|raw| match text(raw, "/restartPolicy") {
        Some("Always") => (ContainerKind::Sidecar, raw),
        _ => (ContainerKind::Init, raw),
    });
    let app = list(spec, "/containers").iter().map(|raw| (ContainerKind::App, raw));
    let ephemeral = list(spec, "/ephemeralContainers").iter().map(|raw| (ContainerKind::Ephemeral, raw));
    let read = |(kind, raw): (ContainerKind, &Value)| Container {
        name: text(raw, "/name").unwrap_or_default().to_owned(),
        kind,
        asks: effective(raw)
            .into_iter()
            .filter(|(name, amount)| amount.is_positive() && is_device(name, backends))
            .collect(),
        privileged: flag(raw, "/securityContext/privileged"),
    };
    init.chain(app).chain(ephemeral).map(read).collect()
}

fn is_device(resource: &str, backends: &Backends) -> bool {
    resource.contains('/') && (backends.by_resource(resource).is_some() || plain_resource(resource).is_some())
}

fn phase(phase: Option<&str>) -> Phase {
    match phase {
        Some("Pending") => Phase::Pending,
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        _ => Phase::Unknown,
    }
}

fn owner(reference: &Value) -> Option<Owner> {
    Some(Owner { kind: text(reference, "/kind")?.to_owned(), name: text(reference, "/name")?.to_owned() })
}

/// Whether there are init containers, and every one has ended with success.
fn initialized(pod: &Value) -> bool {
    let statuses = list(pod, "/status/initContainerStatuses");
    let ended_well = |status: &Value| status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) == Some(0);
    !statuses.is_empty() && statuses.len() == list(pod, "/spec/initContainers").len() && statuses.iter().all(ended_well)
}
