//! Nodes with accelerators: a line for each, and one in full.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_contract::{Error, Json, Listing, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{
    Note, Vendor, annotations,
    codec::HandshakeState,
    fleet::{CardFree, LockRow, NodeDetail, NodeFilter, NodeSummary},
};

use super::{
    cluster::{InCluster, Wanted, survey, survey_node},
    paging::page,
};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<List>().formerly(&["gpu_list_nodes"]),
    ToolDef::reads::<Describe>().formerly(&["gpu_describe_node"]),
];

/// List nodes with accelerators: cards, what is free of memory and cores, health, locks
///
/// One row per node and kind of device, HAMi's shares or whole devices. totals sums them up.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct List {
    /// Only nodes with these labels, e.g. pool=a100.
    label_selector: Option<String>,
    /// Only this vendor.
    vendor: Option<Vendor>,
    /// Only models that contain this.
    model: Option<String>,
    /// Only with a device that is not healthy.
    #[serde(default)]
    only_unhealthy: bool,
    /// Only with a device that still has so many MiB for one container.
    min_free_memory_mib: Option<i64>,
    /// Only with a device that still has so many cores.
    min_free_cores: Option<i64>,
    /// Each device, too.
    #[serde(default)]
    include_devices: bool,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    at: InCluster,
}

/// A kind of device on a node.
#[derive(Serialize, JsonSchema)]
struct NodeRow {
    name: String,
    ready: bool,
    schedulable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<Vendor>,
    /// HAMi's word, or the resource where devices are handed out whole.
    kind: String,
    models: BTreeSet<String>,
    modes: BTreeSet<String>,
    cards: i64,
    healthy_cards: i64,
    slots_total: i64,
    slots_used: i64,
    memory_total_mib: Option<i64>,
    memory_allocated_mib: Option<i64>,
    memory_free_mib: Option<i64>,
    largest_free_card_mib: Option<i64>,
    cores_total: Option<i64>,
    cores_allocated: Option<i64>,
    core_unit: Option<&'static str>,
    handshake: Option<HandshakeState>,
    locks: Vec<LockRow>,
    cordoned_devices: BTreeSet<String>,
    devices: Vec<CardFree>,
    notes: Vec<Note>,
}

impl Tool<App> for List {
    const NAME: &'static str = "list_gpu_nodes";
    const EXAMPLE: &'static str = r#"{"min_free_memory_mib": 16000}"#;
    type Access = Reads;
    type Output = Listing<NodeRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<NodeRow>> {
        let kubernetes = self.at.of(&cx);
        let wanted = Wanted { node_labels: self.label_selector, ..Wanted::default() };
        let survey = survey(&cx, &kubernetes, &wanted).await?;
        let filter = NodeFilter {
            vendor: self.vendor,
            model: self.model,
            only_unhealthy: self.only_unhealthy,
            min_free_memory_mib: self.min_free_memory_mib,
            min_free_cores: self.min_free_cores,
        };
        let totals = survey.fleet.totals(&filter);
        let mut devices: BTreeMap<String, Vec<CardFree>> = BTreeMap::new();
        if self.include_devices {
            for card in survey.fleet.free_cards() {
                devices.entry(card.node.clone()).or_default().push(card);
            }
        }
        let nodes = survey.fleet.node_summaries(&filter, survey.now);
        let rows = nodes.into_iter().flat_map(|node| {
            let devices = devices.remove(&node.name).unwrap_or_default();
            rows(node, devices)
        });
        let list = page(&cx, rows, self.limit, self.cursor.as_ref())?;
        let list = list.about("totals", json!(totals)).fields(&self.fields.unwrap_or_default());
        Ok(survey.about(list))
    }
}

/// What concerns the node as a whole stands in its first row.
fn rows(node: NodeSummary, devices: Vec<CardFree>) -> Vec<NodeRow> {
    let empty = |name: &str, ready, schedulable| NodeRow {
        name: name.to_owned(),
        ready,
        schedulable,
        vendor: None,
        kind: String::new(),
        models: BTreeSet::new(),
        modes: BTreeSet::new(),
        cards: 0,
        healthy_cards: 0,
        slots_total: 0,
        slots_used: 0,
        memory_total_mib: None,
        memory_allocated_mib: None,
        memory_free_mib: None,
        largest_free_card_mib: None,
        cores_total: None,
        cores_allocated: None,
        core_unit: None,
        handshake: None,
        locks: Vec::new(),
        cordoned_devices: BTreeSet::new(),
        devices: Vec::new(),
        notes: Vec::new(),
    };
    let row = |kind: trainyard_gpu::fleet::VendorSummary| NodeRow {
        vendor: Some(kind.vendor),
        kind: kind.kind,
        models: kind.models,
        modes: kind.modes,
        cards: kind.cards,
        healthy_cards: kind.healthy_cards,
        slots_total: kind.slots_total,
        slots_used: kind.slots_used,
        memory_total_mib: kind.memory_total_mib,
        memory_allocated_mib: kind.memory_allocated_mib,
        memory_free_mib: kind.memory_free_mib,
        largest_free_card_mib: kind.largest_free_card_mib,
        cores_total: kind.cores_total,
        cores_allocated: kind.cores_allocated,
        core_unit: Some(kind.core_unit),
        handshake: kind.handshake,
        ..empty(&node.name, node.ready, node.schedulable)
    };
    let mut rows: Vec<NodeRow> = node.vendors.into_iter().map(row).collect();
    if rows.is_empty() {
        rows.push(empty(&node.name, node.ready, node.schedulable));
    }
    if let Some(first) = rows.first_mut() {
        first.locks = node.locks;
        first.cordoned_devices = node.cordoned_devices;
        first.devices = devices;
        first.notes = node.notes;
    }
    rows
}

/// Describe a node's accelerators in full: each card, who holds it, MIG, locks, what is wrong
///
/// Labels and annotations that concern devices are shown, others only named.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Describe {
    /// Name of the node.
    node: String,
    /// Who holds what.
    include_pods: Option<bool>,
    /// HAMi's and vendors' annotations as they stand.
    #[serde(default)]
    include_raw_annotations: bool,
    #[serde(flatten)]
    at: InCluster,
}

/// A node in full.
#[derive(Serialize, JsonSchema)]
struct Detail {
    #[serde(flatten)]
    node: NodeDetail,
    /// Those that tell of devices, place and pool.
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    /// Keys of annotations that are not shown.
    other_annotations: Vec<String>,
    capacity: BTreeMap<String, String>,
    allocatable: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Note>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "describe_node";
    const EXAMPLE: &'static str = r#"{"node": "gpu-a"}"#;
    type Access = Reads;
    type Output = Json<Detail>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Detail>> {
        let kubernetes = self.at.of(&cx);
        let missing = || Error::not_found("node", &self.node).hint("list_gpu_nodes shows the nodes with accelerators");
        let (survey, object) = survey_node(&cx, &kubernetes, &self.node).await?.ok_or_else(missing)?;
        let mut node = survey.fleet.describe_node(&self.node, survey.now).ok_or_else(missing)?;
        if self.include_pods == Some(false) {
            node.devices.iter_mut().for_each(|device| device.pods.clear());
            node.pools.iter_mut().for_each(|pool| pool.pods.clear());
        }
        let given = texts(&object, "/metadata/annotations");
        let shown = annotations::shown(given.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let (annotations, others) = if self.include_raw_annotations {
            (shown.annotations, shown.others)
        } else {
            (BTreeMap::new(), given.keys().cloned().collect())
        };
        let mut labels = texts(&object, "/metadata/labels");
        labels.retain(|key, _| is_telling(key));
        Ok(Json(Detail {
            node,
            labels,
            annotations,
            other_annotations: others,
            capacity: texts(&object, "/status/capacity"),
            allocatable: texts(&object, "/status/allocatable"),
            doubts: survey.notes(),
        }))
    }
}

/// Labels that say where a node is, what it is for, and what devices it has.
fn is_telling(key: &str) -> bool {
    const PLACES: [&str; 8] = [
        "topology.kubernetes.io/",
        "node.kubernetes.io/",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "eks.amazonaws.com/nodegroup",
        "karpenter.sh/",
        "sagemaker.amazonaws.com/",
        "node-role.kubernetes.io/",
    ];
    const OWN: [&str; 2] = ["gpu", "ascend"];
    OWN.contains(&key) || PLACES.iter().any(|place| key.starts_with(place)) || annotations::is_about_devices(key)
}

fn texts(object: &Value, path: &str) -> BTreeMap<String, String> {
    let members = object.pointer(path).and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
