//! Reads what a cluster says of its accelerators, page by page.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use trainyard_contract::{Access, Covers, ErrorKind, Listing, Reads, Result};
use trainyard_gpu::{
    Backends, Fleet, FleetBuilder, Note, Options,
    config::{
        DEVICE_KEY, DeviceConfig, PLUGIN_KEY, PLUGIN_SELECTOR, SCHEDULER_KEYS, SCHEDULER_SELECTOR, scheduler_config,
    },
    fleet::HamiPresence,
    quota::QuotaObject,
};
use trainyard_k8s::{
    Cluster, Form, Kubernetes, Page, Resource, Selection,
    resource::{CONFIG_MAPS, EVENTS, NODES, PODS},
};

use crate::{
    Cx,
    common::{Profile, Region},
};

/// Objects of one page. Nothing of a page outlives it but what matters, so this bounds what a large cluster costs.
const PAGE: u32 = 250;
/// Notes that an answer carries; what is wrong with one node is often wrong with all.
const MOST_NOTES: usize = 10;

const RESOURCE_QUOTAS: Resource = Resource::known("", "v1", "ResourceQuota", "resourcequotas", true);

/// Which cluster is meant. Flattened into the tools' parameters, as `At` is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(super) struct InCluster {
    /// EKS cluster or kubeconfig context; the usual one when absent.
    cluster: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl InCluster {
    pub(super) fn of<A: Access>(&self, cx: &Cx<A>) -> Kubernetes<A> {
        cx.kubernetes(Cluster {
            name: self.cluster.clone(),
            region: self.region.as_ref().map(ToString::to_string),
            profile: self.profile.as_ref().map(ToString::to_string),
            ..Cluster::default()
        })
    }
}

/// What of a cluster is read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Only nodes with these labels.
    pub(super) node_labels: Option<String>,
    /// Only pods of this namespace.
    pub(super) namespace: Option<String>,
    /// Only pods with these labels.
    pub(super) pod_labels: Option<String>,
    /// Pods that have ended, too.
    pub(super) ended: bool,
    /// No nodes: what pods hold is all that matters.
    pub(super) without_nodes: bool,
}

/// A cluster as it was read.
pub(super) struct Survey {
    pub(super) fleet: Fleet,
    /// Seconds since 1970, by the cluster's own clock where it says.
    pub(super) now: i64,
    /// Names under which HAMi schedules.
    pub(super) schedulers: Vec<String>,
    /// What could not be read.
    pub(super) notes: Vec<Note>,
}

impl Survey {
    /// Adds what holds for the whole answer.
    pub(super) fn about<T>(&self, list: Listing<T>) -> Listing<T> {
        let list = list.about("hami", self.fleet.hami);
        match self.notes() {
            notes if notes.is_empty() => list,
            notes => list.about("notes", json!(notes)),
        }
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        self.notes.iter().chain(&self.fleet.notes).take(MOST_NOTES).cloned().collect()
    }
}

/// HAMi's configuration, as its ConfigMaps have it.
#[derive(Default)]
pub(super) struct Hami {
    pub(super) backends: Backends,
    pub(super) schedulers: Vec<String>,
    pub(super) presence: HamiPresence,
    pub(super) notes: Vec<Note>,
    /// The ConfigMaps, as `namespace/name`, and the texts that are HAMi's in them.
    pub(super) texts: Vec<(String, String, String)>,
}

impl Hami {
    /// What could not be read of it, as far as it matters: a cluster without HAMi has no configuration to miss.
    fn notes_about(&mut self, fleet: &Fleet) -> Vec<Note> {
        if fleet.hami { std::mem::take(&mut self.notes) } else { Vec::new() }
    }
}

/// Reads HAMi's configuration. Without any, or without the right to look for it, the chart's own names are assumed.
pub(super) async fn hami<A: Access + Covers<Reads>>(cx: &Cx<A>, kubernetes: &Kubernetes<A>) -> Result<Hami> {
    let mut found = Hami::default();
    let maps = match config_maps(cx, kubernetes).await {
        Ok(maps) => maps,
        Err(error) if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::NotFound) => {
            let message = format!("not readable, so the chart's usual names are assumed: {error}");
            found.notes.push(Note::new("HAMi's ConfigMap", message));
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    for map in &maps {
        let text = |path: &str| map.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        let data = map["data"].as_object();
        for (key, value) in data.into_iter().flatten() {
            if let Some(value) = value.as_str() {
                found.take(&name, key, value);
            }
        }
    }
    Ok(found)
}

impl Hami {
    fn take(&mut self, map: &str, key: &str, text: &str) {
        let unreadable =
            |error: &dyn std::fmt::Display| Note::new(&format!("{map} {key}"), format!("not readable: {error}"));
        if key == DEVICE_KEY {
            match DeviceConfig::parse(text) {
                Ok(config) => self.backends = config.backends(),
                Err(error) => self.notes.push(unreadable(&error)),
            }
            self.presence = HamiPresence::Present;
        } else if SCHEDULER_KEYS.contains(&key) && text.contains("scheduler") {
            match scheduler_config(text) {
                Ok(config) => self.schedulers.extend(config.scheduler_names),
                Err(error) => self.notes.push(unreadable(&error)),
            }
        } else if key != PLUGIN_KEY {
            return;
        }
        self.texts.push((map.to_owned(), key.to_owned(), text.to_owned()));
    }
}

/// The ConfigMap that the operator named, or those that HAMi's chart labels.
async fn config_maps<A: Access + Covers<Reads>>(cx: &Cx<A>, kubernetes: &Kubernetes<A>) -> Result<Vec<Value>> {
    if let Some((namespace, name)) = cx.hami_config_map() {
        return Ok(vec![kubernetes.get(&CONFIG_MAPS, Some(namespace), name).await?]);
    }
    let mut maps = Vec::new();
    for labels in [SCHEDULER_SELECTOR, PLUGIN_SELECTOR] {
        let selection = Selection { labels: Some(labels.to_owned()), limit: Some(PAGE), ..Selection::default() };
        maps.extend(kubernetes.list_all(&CONFIG_MAPS, &selection, Form::Whole).await?.items);
    }
    Ok(maps)
}

/// Reads nodes and pods.
pub(super) async fn survey<A: Access + Covers<Reads>>(
    cx: &Cx<A>,
    kubernetes: &Kubernetes<A>,
    wanted: &Wanted,
) -> Result<Survey> {
    let mut hami = hami(cx, kubernetes).await?;
    let options = Options { hami: hami.presence, ..Options::default() };
    let mut builder = FleetBuilder::new(std::mem::take(&mut hami.backends), options);
    let mut clock = Clock::default();
    if !wanted.without_nodes {
        let nodes = Selection { labels: wanted.node_labels.clone(), limit: Some(PAGE), ..Selection::default() };
        kubernetes
            .each_page(&NODES, &nodes, Form::Whole, |page| {
                clock.read(page).iter().for_each(|node| builder.add_node(node));
            })
            .await?;
    }
    let pods = Selection {
        namespace: wanted.namespace.clone(),
        labels: wanted.pod_labels.clone(),
        fields: (!wanted.ended).then(|| "status.phase!=Succeeded,status.phase!=Failed".to_owned()),
        limit: Some(PAGE),
        next: None,
    };
    kubernetes
        .each_page(&PODS, &pods, Form::Whole, |page| clock.read(page).iter().for_each(|pod| builder.add_pod(pod)))
        .await?;
    let mut fleet = builder.build();
    if wanted.node_labels.is_some() || wanted.without_nodes {
        // Pods of the nodes that were left out are none that hold devices of nodes that are gone.
        fleet.notes.clear();
    }
    let notes = hami.notes_about(&fleet);
    Ok(Survey { fleet, now: clock.now(), schedulers: hami.schedulers, notes })
}

/// Reads one node with its pods. `None` where there is no such node.
pub(super) async fn survey_node<A: Access + Covers<Reads>>(
    cx: &Cx<A>,
    kubernetes: &Kubernetes<A>,
    name: &str,
) -> Result<Option<(Survey, Value)>> {
    let Some(node) = kubernetes.find(&NODES, None, name).await? else { return Ok(None) };
    let mut hami = hami(cx, kubernetes).await?;
    let options = Options { hami: hami.presence, ..Options::default() };
    let mut builder = FleetBuilder::new(std::mem::take(&mut hami.backends), options);
    builder.add_node(&node);
    let mut clock = Clock::default();
    let mut seen = std::collections::HashSet::new();
    // What runs there, and what HAMi gave devices of it before it was bound.
    let there = Selection { fields: Some(format!("spec.nodeName={name}")), limit: Some(PAGE), ..Selection::default() };
    let promised =
        Selection { labels: Some(format!("hami.io/vgpu-node={name}")), limit: Some(PAGE), ..Selection::default() };
    for selection in [there, promised] {
        kubernetes
            .each_page(&PODS, &selection, Form::Whole, |page| {
                for pod in clock.read(page) {
                    if seen.insert(place(&pod)) {
                        builder.add_pod(&pod);
                    }
                }
            })
            .await?;
    }
    // The pod that holds the lock may be bound nowhere yet.
    let lock = node.pointer("/metadata/annotations/hami.io~1mutex.lock").and_then(Value::as_str);
    if let Some((namespace, pod)) = lock.and_then(lock_owner)
        && !seen.contains(&(namespace.clone(), pod.clone()))
        && let Some(pod) = kubernetes.find(&PODS, Some(&namespace), &pod).await?
    {
        builder.add_pod(&pod);
    }
    let fleet = builder.build();
    let notes = hami.notes_about(&fleet);
    Ok(Some((Survey { fleet, now: clock.now(), schedulers: hami.schedulers, notes }, node)))
}

/// `2024-01-23T04:30:04Z,namespace,pod`
fn lock_owner(lock: &str) -> Option<(String, String)> {
    let mut parts = lock.split(',').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn place(pod: &Value) -> (String, String) {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// Quota objects that HAMi may heed.
pub(super) async fn quotas<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    namespace: Option<&str>,
) -> Result<Vec<QuotaObject>> {
    let mut quotas = Vec::new();
    let selection = Selection { limit: Some(PAGE), ..Selection::of(namespace) };
    kubernetes
        .each_page(&RESOURCE_QUOTAS, &selection, Form::Whole, |page| {
            quotas.extend(page.items.iter().filter_map(QuotaObject::from_json));
        })
        .await?;
    Ok(quotas)
}

/// What schedulers said of pods that found no place: of one pod, or of all in a namespace.
pub(super) async fn scheduling_events<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    namespace: Option<&str>,
    pod: Option<&str>,
) -> Result<Vec<Value>> {
    let fields = match pod {
        Some(pod) => format!("involvedObject.kind=Pod,involvedObject.name={pod}"),
        None => "involvedObject.kind=Pod,reason=FilteringFailed".to_owned(),
    };
    let selection = Selection { fields: Some(fields), limit: Some(PAGE), ..Selection::of(namespace) };
    Ok(kubernetes.list(&EVENTS, &selection, Form::Whole).await?.items)
}

/// The cluster's clock, from the heads of its answers.
#[derive(Default)]
struct Clock(Option<OffsetDateTime>);

impl Clock {
    fn read(&mut self, page: Page) -> Vec<Value> {
        self.0 = page.server_time.or(self.0);
        page.items
    }

    fn now(&self) -> i64 {
        self.0.unwrap_or_else(OffsetDateTime::now_utc).unix_timestamp()
    }
}
