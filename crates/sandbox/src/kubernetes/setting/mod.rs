//! What a cluster is told from outside, by data: objects, conditions, events, logs, cards that are ill or taken.

mod devices;
mod told;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{cluster::Cluster, life::Behaviour};

pub use self::{
    devices::{CardHealth, NodeCondition, Taken},
    told::{InUse, Said, Series, Written},
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
    /// Series of metrics that are otherwise than the fleet has them.
    pub metrics: Vec<Series>,
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
    setting.usage.iter().try_for_each(|used| used.apply(cluster))?;
    setting.metrics.iter().for_each(|series| series.apply(cluster));
    Ok(())
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
