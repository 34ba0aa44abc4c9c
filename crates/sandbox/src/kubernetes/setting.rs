//! What a cluster is told from outside, by data: objects, conditions, events, logs, cards that are ill or taken.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    clock,
    cluster::{Cluster, ContainerPlace},
    fleet::card_id,
    life::Behaviour,
    metrics::Used,
    parts,
    random::short,
};

/// A change of a cluster's state, as scenarios hold it. Everything is optional; it happens in the order of the fields.
///
/// ```
/// use trainyard_sandbox::kubernetes::Setting;
///
/// let setting: Setting = serde_json::from_value(serde_json::json!({
///     "cards": [{"node": "gpu-0003", "index": 5, "healthy": false}],
///     "events": [{"kind": "Node", "name": "gpu-0003", "reason": "XidError", "message": "Xid 94", "ago_seconds": 600}],
/// })).expect("a setting");
/// assert_eq!(setting.cards[0].index, 5);
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// What becomes of containers, by a part of their image's name.
    pub images: Vec<Image>,
    /// Objects that are there as if they had always been, status and all.
    pub objects: Vec<Value>,
    /// Cards that are taken by pods of this setting.
    pub taken: Vec<Taken>,
    /// Members of objects that are there.
    pub changes: Vec<ObjectChange>,
    /// Objects that go.
    pub remove: Vec<ObjectName>,
    /// Conditions of nodes.
    pub conditions: Vec<NodeCondition>,
    /// Cards under HAMi that are ill, or well again.
    pub cards: Vec<CardHealth>,
    /// What was said about objects.
    pub events: Vec<Said>,
    /// What containers wrote.
    pub logs: Vec<Written>,
    /// What containers use.
    pub usage: Vec<InUse>,
}

/// What becomes of containers of some images.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// A part of the image's name.
    pub contains: String,
    /// There is no such image.
    #[serde(default)]
    pub missing: bool,
    /// It ends with this code.
    pub exits: Option<i32>,
    /// After so many seconds.
    #[serde(default)]
    pub after_seconds: u64,
}

/// An object by its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace; empty for objects of the cluster.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Members of one object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectChange {
    /// Which one.
    pub object: ObjectName,
    /// What is laid over it (RFC 7386).
    pub merge: Value,
}

/// A condition of a node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCondition {
    /// The node.
    pub node: String,
    /// Type, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// What is known.
    pub message: String,
    /// Since when.
    #[serde(default)]
    pub ago_seconds: u64,
}

/// Health of a card, as HAMi's device plugin registers it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardHealth {
    /// The node.
    pub node: String,
    /// Number of the card on its node.
    pub index: usize,
    /// Whether pods may be put on it.
    pub healthy: bool,
}

/// A pod on a part of a card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// Namespace of the pod.
    pub namespace: String,
    /// Its name; where several cards are meant, their numbers are added to it.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Numbers of the cards: a pod for each.
    pub cards: Vec<usize>,
    /// Memory of the card in MiB.
    pub memory: u64,
    /// Cores of the card in percent.
    pub cores: u64,
    /// Image of the container, `main`.
    pub image: String,
    /// Since when it runs.
    #[serde(default)]
    pub ago_seconds: u64,
}

/// Something that was said about an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Kind of the object.
    pub kind: String,
    /// Its namespace; empty for objects of the cluster.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Normal`, or `Warning` where it is left out.
    #[serde(rename = "type")]
    pub severity: Option<String>,
    /// One word.
    pub reason: String,
    /// What is known.
    pub message: String,
    /// Who says so; the kubelet where it is left out.
    pub from: Option<String>,
    /// How often it was said; once where it is left out.
    pub count: Option<u64>,
    /// When it was said last.
    #[serde(default)]
    pub ago_seconds: u64,
}

/// What a container wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name; `main` where it is left out.
    pub container: Option<String>,
    /// Whether it wrote so before it was last restarted.
    #[serde(default)]
    pub previous: bool,
    /// When it wrote the last line. Lines are ten seconds apart.
    #[serde(default)]
    pub ago_seconds: u64,
    /// The lines.
    pub lines: String,
}

/// What a container uses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InUse {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name; `main` where it is left out.
    pub container: Option<String>,
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
}

/// Seconds between two lines of a log.
const APART: i64 = 10;

/// Applies a setting. The error says what of it cannot be.
pub(super) fn apply(cluster: &mut Cluster, setting: &Setting) -> Result<(), String> {
    setting.images.iter().for_each(|image| image.apply(cluster));
    setting.objects.iter().try_for_each(|object| begin(cluster, object))?;
    setting.taken.iter().try_for_each(|taken| taken.apply(cluster))?;
    setting.changes.iter().try_for_each(|change| change.apply(cluster))?;
    setting.remove.iter().try_for_each(|name| name.remove(cluster))?;
    setting.conditions.iter().try_for_each(|condition| condition.apply(cluster))?;
    setting.cards.iter().try_for_each(|card| card.apply(cluster))?;
    setting.events.iter().try_for_each(|said| said.apply(cluster))?;
    setting.logs.iter().try_for_each(|written| written.apply(cluster))?;
    setting.usage.iter().try_for_each(|used| used.apply(cluster))
}

/// Puts an object there, and lets scheduler and controllers see that it came.
fn begin(cluster: &mut Cluster, object: &Value) -> Result<(), String> {
    cluster.seed(object.clone())?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = cluster.kinds.of(&text(&object["apiVersion"]), &text(&object["kind"])).cloned();
    let kind = kind.ok_or("a kind that was just taken is not there")?;
    let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    let namespace = if kind.namespaced && namespace.is_empty() { "default" } else { &namespace };
    if let Some(object) = cluster.value(&kind.resource, namespace, &name) {
        cluster.put(&kind.resource, object);
    }
    Ok(())
}

fn ago(cluster: &Cluster, seconds: u64) -> OffsetDateTime {
    cluster.clock.now() - time::Duration::seconds(i64::try_from(seconds).unwrap_or(0))
}

/// Changes an object that is there.
fn change(cluster: &mut Cluster, name: &ObjectName, change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let ObjectName { resource, namespace, name } = name;
    let found = cluster.kind(resource).zip(cluster.value(resource, namespace, name));
    let (kind, mut object) = found.ok_or_else(|| format!("there is nothing called {name:?} among the {resource}"))?;
    change(&mut object);
    cluster.put(&kind.resource, object);
    Ok(())
}

fn node(name: &str) -> ObjectName {
    ObjectName { resource: "nodes".to_owned(), namespace: String::new(), name: name.to_owned() }
}

impl Image {
    fn apply(&self, cluster: &mut Cluster) {
        let behaviour = match self.exits {
            _ if self.missing => Behaviour::NoImage,
            Some(code) => Behaviour::Exits { code, after: Duration::from_secs(self.after_seconds) },
            None => return,
        };
        if let Some(life) = &mut cluster.life {
            life.behave(self.contains.clone(), behaviour);
        }
    }
}

impl ObjectChange {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        change(cluster, &self.object, |object| json_patch::merge(object, &self.merge))
    }
}

impl ObjectName {
    fn remove(&self, cluster: &mut Cluster) -> Result<(), String> {
        let place = (self.namespace.as_str().into(), self.name.as_str().into());
        let removed = cluster.store.remove(&self.resource.as_str().into(), &place);
        removed.map(drop).ok_or_else(|| format!("there is nothing called {:?} among the {}", self.name, self.resource))
    }
}

impl NodeCondition {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let since = clock::stamp(ago(cluster, self.ago_seconds));
        change(cluster, &node(&self.node), |object| {
            parts::condition(object, &self.kind, &self.status, Some((&self.reason, &self.message)), &since);
        })
    }
}

/// Where HAMi's device plugin writes down the cards of a node.
const REGISTER: &str = "hami.io/node-nvidia-register";

impl CardHealth {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let wrong = || format!("{} has no card {} under HAMi", self.node, self.index);
        let found = cluster.value("nodes", "", &self.node).ok_or_else(wrong)?;
        let register = found["metadata"]["annotations"][REGISTER].as_str().ok_or_else(wrong)?;
        let mut cards: Vec<Value> = serde_json::from_str(register).map_err(|error| error.to_string())?;
        cards.get_mut(self.index).ok_or_else(wrong)?["health"] = self.healthy.into();
        let register = Value::Array(cards).to_string();
        change(cluster, &node(&self.node), |object| object["metadata"]["annotations"][REGISTER] = register.into())
    }
}

impl Taken {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        self.cards.iter().try_for_each(|card| cluster.seed(self.pod(cluster, *card)))
    }

    fn pod(&self, cluster: &Cluster, card: usize) -> Value {
        let since = ago(cluster, self.ago_seconds);
        let (stamp, seconds) = (clock::stamp(since), since.unix_timestamp().to_string());
        let name = if self.cards.len() == 1 { self.name.clone() } else { format!("{}-{card}", self.name) };
        let devices = format!("{},NVIDIA,{},{}:;", card_id(&self.node, card), self.memory, self.cores);
        let condition =
            |kind: &str| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp });
        let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
        let limits = json!({
            "nvidia.com/gpu": "1", "nvidia.com/gpumem": self.memory.to_string(), "nvidia.com/gpucores": self.cores.to_string(),
        });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": self.namespace, "creationTimestamp": stamp,
                "labels": { "app": self.name, "hami.io/vgpu-node": self.node },
                "annotations": {
                    "hami.io/vgpu-node": self.node, "hami.io/vgpu-time": seconds, "hami.io/bind-time": seconds,
                    "hami.io/bind-phase": "success", "hami.io/vgpu-devices-allocated": devices,
                },
            },
            "spec": {
                "nodeName": self.node, "schedulerName": "hami-scheduler",
                "containers": [{ "name": "main", "image": self.image, "resources": { "limits": limits, "requests": limits } }],
            },
            "status": {
                "phase": "Running", "startTime": stamp, "qosClass": "BestEffort",
                "conditions": conditions,
                "containerStatuses": [{
                    "name": "main", "image": self.image, "imageID": "", "ready": true, "started": true, "restartCount": 0,
                    "state": { "running": { "startedAt": stamp } }, "lastState": {},
                }],
            },
        })
    }
}

impl Said {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let (from, count) = (self.from.as_deref().unwrap_or("kubelet"), self.count.unwrap_or(1));
        let (last, first) =
            (ago(cluster, self.ago_seconds), ago(cluster, self.ago_seconds + 60 * count.saturating_sub(1)));
        let mut involved = json!({ "kind": self.kind, "name": self.name, "apiVersion": self.api_version() });
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        if !self.namespace.is_empty() {
            involved["namespace"] = self.namespace.clone().into();
        }
        cluster.seed(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": format!("{}.{}", self.name, short(&[&self.kind, &self.name, &self.reason, &self.message])),
                "namespace": namespace, "creationTimestamp": clock::stamp(first),
            },
            "involvedObject": involved, "type": self.severity.as_deref().unwrap_or("Warning"), "reason": self.reason,
            "message": self.message, "count": count, "source": { "component": from }, "reportingComponent": from,
            "reportingInstance": "", "firstTimestamp": clock::stamp(first), "lastTimestamp": clock::stamp(last),
            "eventTime": null,
        }))
    }

    fn api_version(&self) -> &'static str {
        match self.kind.as_str() {
            "Job" | "CronJob" => "batch/v1",
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
            _ => "v1",
        }
    }
}

fn place(namespace: &str, pod: &str, container: Option<&str>) -> ContainerPlace {
    (namespace.to_owned(), pod.to_owned(), container.unwrap_or("main").to_owned())
}

fn is_there(cluster: &Cluster, place: &ContainerPlace) -> Result<(), String> {
    let found = cluster.value("pods", &place.0, &place.1);
    found.map(drop).ok_or_else(|| format!("there is no pod {} in {}", place.1, place.0))
}

impl Written {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let place = place(&self.namespace, &self.pod, self.container.as_deref());
        is_there(cluster, &place)?;
        let last = ago(cluster, self.ago_seconds);
        let lines: Vec<&str> = self.lines.lines().collect();
        let before = |at: usize| APART * i64::try_from(lines.len() - 1 - at).unwrap_or(0);
        let timed = lines.iter().enumerate().map(|(at, line)| {
            let moment = last - time::Duration::seconds(before(at));
            format!("{} {line}\n", clock::micro_stamp(moment))
        });
        let text: String = timed.collect();
        cluster.logs.write(place, &text, last, self.previous);
        cluster.noise += 1;
        Ok(())
    }
}

impl InUse {
    fn apply(&self, cluster: &mut Cluster) -> Result<(), String> {
        let place = place(&self.namespace, &self.pod, self.container.as_deref());
        is_there(cluster, &place)?;
        cluster.usage.containers.insert(place, Used { cpu: self.cpu, memory: self.memory });
        Ok(())
    }
}
