//! A node: the devices it registers, and what stands in their way.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::json::{flag, list, quantities, text, texts};
use crate::{
    codec::{Device, Handshake, Lock, PairScores, decode_scores},
    error::{DecodeError, Note, Result},
    quantity::Quantity,
    vendor::{Backend, Backends, CoreUnit, Vendor, register_word, unknown_backend},
};

/// The annotation that keeps single NVIDIA cards from new pods.
const DEVICE_CORDON: &str = "hami.io/device-cordon";
/// The annotation with the pair scores of NVIDIA cards.
const SCORES: &str = "hami.io/node-nvidia-score";

/// What matters of a node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Its kubelet reports that it is ready.
    pub ready: bool,
    /// Not cordoned.
    pub schedulable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The EC2 instance that it is, by which AWS's own monitors know it.
    pub instance_id: Option<String>,
    /// What keeps pods away.
    pub taints: Vec<Taint>,
    /// All there is.
    pub capacity: BTreeMap<String, Quantity>,
    /// What pods may have of it.
    pub allocatable: BTreeMap<String, Quantity>,
    /// Devices from annotations.
    pub registered: Vec<RegisteredDevices>,
    /// Handshakes of the vendors that have one.
    pub handshakes: Vec<NodeHandshake>,
    /// Locks that are held.
    pub locks: Vec<NodeLock>,
    /// NVIDIA cards that take no new pods.
    pub cordoned: BTreeSet<String>,
    /// Links between NVIDIA cards, where the plugin measures them.
    pub scores: PairScores,
    /// HAMi wrote something on this node.
    pub has_hami: bool,
    /// What could not be read for sure.
    pub notes: Vec<Note>,
    /// Annotation values that were decoded.
    pub(crate) decoded: usize,
}

/// Devices of one register annotation.
#[derive(Debug, Clone)]
pub struct RegisteredDevices {
    /// Who makes them.
    pub vendor: Vendor,
    /// HAMi's word.
    pub word: String,
    /// What their cores mean.
    pub core_unit: CoreUnit,
    /// The devices.
    pub devices: Vec<Device>,
}

/// A handshake and whom it concerns.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct NodeHandshake {
    /// HAMi's word.
    pub word: String,
    /// The last word of scheduler and plugin.
    pub handshake: Handshake,
    /// The node still offers the resource to pods.
    pub offers_devices: bool,
}

/// A lock and its kind.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct NodeLock {
    /// The annotation.
    pub key: &'static str,
    /// When and for whom.
    pub lock: Lock,
    /// Seconds after which the next bind breaks it.
    pub timeout_seconds: i64,
}

/// What keeps pods away that do not tolerate it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value, "" for none.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// Locks, and the seconds after which HAMi breaks them.
const LOCKS: [(&str, i64); 2] = [("hami.io/mutex.lock", 300), ("cambricon.com/dsmlu.lock", 120)];

/// `aws:///us-west-2a/i-0123456789abcdef0`
fn ec2_instance(provider: &str) -> Option<String> {
    let id = provider.strip_prefix("aws://")?.rsplit('/').next()?;
    id.starts_with("i-").then(|| id.to_owned())
}

impl Node {
    /// Reads a node object. Only a node without a name is refused; whatever else is wrong becomes a note.
    pub fn from_json(node: &Value, backends: &Backends) -> Result<Self> {
        let name = text(node, "/metadata/name").ok_or_else(|| DecodeError::new("a node must have a name"))?;
        let mut read = Self {
            name: name.to_owned(),
            ready: list(node, "/status/conditions").iter().any(|condition| {
                text(condition, "/type") == Some("Ready") && text(condition, "/status") == Some("True")
            }),
            schedulable: !flag(node, "/spec/unschedulable"),
            labels: texts(node, "/metadata/labels"),
            instance_id: text(node, "/spec/providerID").and_then(ec2_instance),
            taints: list(node, "/spec/taints").iter().map(taint).collect(),
            capacity: quantities(node, "/status/capacity"),
            allocatable: quantities(node, "/status/allocatable"),
            registered: Vec::new(),
            handshakes: Vec::new(),
            locks: Vec::new(),
            cordoned: BTreeSet::new(),
            scores: PairScores::new(),
            has_hami: false,
            notes: Vec::new(),
            decoded: 0,
        };
        if let Some(annotations) = node.pointer("/metadata/annotations").and_then(Value::as_object) {
            read.read_annotations(annotations, backends);
        }
        Ok(read)
    }

    /// The instance type, where a cloud provider says it.
    pub fn instance_type(&self) -> Option<&str> {
        self.labels.get("node.kubernetes.io/instance-type").map(String::as_str)
    }

    fn read_annotations(&mut self, annotations: &Map<String, Value>, backends: &Backends) {
        for (key, value) in annotations {
            let Some(value) = value.as_str() else { continue };
            let before = self.notes.len();
            if let Err(error) = self.read_annotation(key, value, backends) {
                self.notes.push(Note::new(key, error.to_string()));
            }
            // A malformed value is HAMi's all the same.
            self.has_hami |= key.starts_with("hami.io/") || self.notes.len() > before;
        }
    }

    fn read_annotation(&mut self, key: &str, value: &str, backends: &Backends) -> Result<()> {
        if let Some(backend) = backends.by_register(key) {
            return self.register(backend, value);
        }
        if let Some(backend) = backends.by_handshake(key) {
            self.decoded += 1;
            let offers_devices =
                self.allocatable.get(&backend.resources.count).is_some_and(|amount| amount.is_positive());
            let handshake = Handshake::parse(value)?;
            self.handshakes.push(NodeHandshake { word: backend.word.clone(), handshake, offers_devices });
        } else if let Some((key, timeout_seconds)) = LOCKS.into_iter().find(|(lock, _)| *lock == key) {
            self.decoded += 1;
            self.locks.push(NodeLock { key, lock: Lock::parse(value)?, timeout_seconds });
        } else if key == DEVICE_CORDON {
            self.decoded += 1;
            let uuids = value.split(',').map(str::trim).filter(|uuid| !uuid.is_empty());
            self.cordoned = uuids.map(str::to_owned).collect();
        } else if key == SCORES {
            self.decoded += 1;
            self.scores = decode_scores(value)?;
        } else if let Some(word) = register_word(key) {
            let backend = unknown_backend(word);
            if backend.vendor == Vendor::Unknown {
                let message = "a register of an unknown kind of device: its numbers are shown as they are";
                self.notes.push(Note::new(key, message));
            }
            return self.register(&backend, value);
        }
        Ok(())
    }

    fn register(&mut self, backend: &Backend, value: &str) -> Result<()> {
        self.has_hami = true;
        self.decoded += 1;
        let devices = backend.decode_register(value, &self.name)?;
        self.registered.push(RegisteredDevices {
            vendor: backend.vendor,
            word: backend.word.clone(),
            core_unit: backend.core_unit,
            devices,
        });
        Ok(())
    }
}

fn taint(taint: &Value) -> Taint {
    let of = |pointer| text(taint, pointer).unwrap_or_default().to_owned();
    Taint { key: of("/key"), value: of("/value"), effect: of("/effect") }
}
