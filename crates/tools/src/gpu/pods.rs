//! Pods that ask for accelerators or hold some.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Listing, Others, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{
    Note,
    fleet::{ContainerRow, PodFilter, PodRow},
    object::{BindPhase, Owner, Phase},
};

use super::{
    cluster::{InCluster, Wanted, scheduling_events, survey},
    paging::page,
};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>().formerly(&["gpu_list_pods"])];

/// List pods that ask for accelerators or hold some, container by container, with the devices they got
///
/// For pods that wait, gpu_why_pending says why.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct List {
    /// Only this namespace.
    namespace: Option<String>,
    /// Only with devices of this node.
    node: Option<String>,
    /// Only with a share of this device.
    device_uuid: Option<String>,
    /// Only in this phase.
    phase: Option<Phase>,
    /// Only with these labels.
    label_selector: Option<String>,
    /// Those that have ended, too.
    #[serde(default)]
    include_terminal: bool,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    at: InCluster,
}

/// A pod.
#[derive(Serialize, JsonSchema)]
struct Row {
    namespace: String,
    name: String,
    node: Option<String>,
    phase: Phase,
    terminating: Option<bool>,
    bind_phase: Option<BindPhase>,
    /// Seconds since 1970.
    scheduled_at: Option<i64>,
    /// Seconds since 1970.
    bound_at: Option<i64>,
    scheduler_name: String,
    containers: Vec<ContainerRow>,
    owner: Option<Owner>,
    /// What the scheduler last said of it.
    pending_reason: Option<Others>,
    notes: Vec<Note>,
}

impl Tool<App> for List {
    const NAME: &'static str = "list_gpu_pods";
    const EXAMPLE: &'static str = r#"{"namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Listing<Row>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Row>> {
        let kubernetes = self.at.of(&cx);
        let ended = self.include_terminal || matches!(self.phase, Some(Phase::Succeeded | Phase::Failed));
        let wanted =
            Wanted { namespace: self.namespace.clone(), pod_labels: self.label_selector, ended, ..Wanted::default() };
        let survey = survey(&cx, &kubernetes, &wanted).await?;
        let filter = PodFilter {
            namespace: self.namespace.clone(),
            node: self.node,
            device_uuid: self.device_uuid,
            phase: self.phase,
            include_terminal: self.include_terminal,
        };
        let mut list = page(&cx, survey.fleet.pod_rows(&filter).map(Row::from), self.limit, self.cursor.as_ref())?;
        if list.items.iter().any(|row| row.phase == Phase::Pending) {
            match scheduling_events(&kubernetes, self.namespace.as_deref(), None).await {
                Ok(events) => explain(&mut list.items, &events),
                // The pods are what was asked for; the events may be closed to us.
                Err(error) => list = list.about("events", format!("not readable: {error}")),
            }
        }
        Ok(survey.about(list.fields(&self.fields.unwrap_or_default())))
    }
}

/// Gives pods that wait the last word of the scheduler.
fn explain(rows: &mut [Row], events: &[Value]) {
    let text = |event: &Value, path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut last: HashMap<(String, String), (String, String)> = HashMap::new();
    for event in events {
        let pod = (text(event, "/involvedObject/namespace"), text(event, "/involvedObject/name"));
        let at = text(event, "/lastTimestamp");
        if last.get(&pod).is_none_or(|(known, _)| *known <= at) {
            last.insert(pod, (at, text(event, "/message")));
        }
    }
    for row in rows.iter_mut().filter(|row| row.phase == Phase::Pending) {
        let found = last.remove(&(row.namespace.clone(), row.name.clone()));
        row.pending_reason = found.map(|(_, message)| Others(message));
    }
}

impl From<PodRow> for Row {
    fn from(pod: PodRow) -> Self {
        Self {
            namespace: pod.namespace,
            name: pod.name,
            node: pod.node,
            phase: pod.phase,
            terminating: pod.terminating.then_some(true),
            bind_phase: pod.bind_phase,
            scheduled_at: pod.scheduled_at,
            bound_at: pod.bound_at,
            scheduler_name: pod.scheduler_name,
            containers: pod.containers,
            owner: pod.owner,
            pending_reason: None,
            notes: pod.notes,
        }
    }
}
