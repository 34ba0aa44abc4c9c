//! What pods and other objects say: logs and events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Headed, Others, Result, Reveals, Tool, ToolDef};
use trainyard_k8s::{Form, LogQuestion, Selection, resource};

use super::Where;
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<PodLogs>(), ToolDef::reveals::<Events>()];

/// Bytes that are asked for at most, so that the newest lines can be chosen among them.
const MOST_BYTES: u64 = 8 << 20;

/// Get the log of a Kubernetes pod
///
/// The newest lines. previous shows why a container ended before.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PodLogs {
    #[serde(flatten)]
    at: Where,
    /// Namespace of the pod.
    namespace: String,
    /// Name of the pod.
    pod_name: String,
    /// Needed where the pod has several.
    container_name: Option<String>,
    /// Not older than this.
    since_seconds: Option<u64>,
    /// Last lines; 0 for all.
    #[serde(default = "tail")]
    tail_lines: u32,
    /// Bytes of the answer, the newest ones.
    #[serde(default = "bytes")]
    limit_bytes: u64,
    /// Of the container before its last restart.
    #[serde(default)]
    previous: bool,
}

fn tail() -> u32 {
    100
}

fn bytes() -> u64 {
    10_240
}

impl Tool<App> for PodLogs {
    const NAME: &'static str = "get_pod_logs";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "namespace": "ml", "pod_name": "trainer-0"}"#;
    type Access = Reveals;
    type Output = Headed<LogLines>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Headed<LogLines>> {
        let question = LogQuestion {
            container: self.container_name.clone(),
            previous: self.previous,
            since_seconds: self.since_seconds.filter(|seconds| *seconds > 0),
            tail: Some(self.tail_lines).filter(|lines| *lines > 0),
            limit_bytes: Some(MOST_BYTES),
            ..LogQuestion::default()
        };
        let text = cx.kubernetes(self.at.cluster()).logs(&self.namespace, &self.pod_name, &question).await?;
        let (lines, left_out) = newest(&text, self.limit_bytes);
        let summary = format!("{} lines of pod {}/{}", lines.len(), self.namespace, self.pod_name);
        let facts = LogLines {
            pod_name: self.pod_name,
            namespace: self.namespace,
            container_name: self.container_name,
            log_lines: lines.into_iter().map(|line| Others(line.to_owned())).collect(),
            left_out,
        };
        Ok(Headed { summary, facts })
    }
}

/// The newest lines that fit, oldest first, and how many do not. Zero bytes mean all.
fn newest(text: &str, bytes: u64) -> (Vec<&str>, usize) {
    let all: Vec<_> = text.lines().collect();
    let mut room = if bytes == 0 { u64::MAX } else { bytes };
    let mut from = all.len();
    for (at, line) in all.iter().enumerate().rev() {
        let size = line.len() as u64 + 1;
        // One line is better than none.
        if size > room && from < all.len() {
            break;
        }
        room = room.saturating_sub(size);
        from = at;
    }
    (all[from..].to_vec(), from)
}

#[derive(Serialize, JsonSchema)]
struct LogLines {
    pod_name: String,
    namespace: String,
    container_name: Option<String>,
    log_lines: Vec<Others>,
    /// Older lines that limit_bytes left out.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Get the events of a Kubernetes object
///
/// Newest last: why a pod waits, why a node is not ready.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Events {
    #[serde(flatten)]
    at: Where,
    /// Kind of the object, such as Pod.
    kind: String,
    /// Its name.
    name: String,
    /// Its namespace.
    namespace: Option<String>,
}

impl Tool<App> for Events {
    const NAME: &'static str = "get_k8s_events";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "kind": "Pod", "name": "trainer-0", "namespace": "ml"}"#;
    type Access = Reveals;
    type Output = Headed<EventList>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Headed<EventList>> {
        let kubernetes = cx.kubernetes(self.at.cluster());
        // Events know a kind by its own name only; one that the cluster does not serve any more still has events.
        let kind = kubernetes.kind(&self.kind, None).await.map_or(self.kind, |known| known.resource.kind.to_string());
        let namespace = self.namespace.filter(|name| !name.is_empty());
        let fields = format!("involvedObject.kind={kind},involvedObject.name={}", self.name);
        let selection = Selection { fields: Some(fields), ..Selection::of(namespace.as_deref()) };
        let mut events: Vec<_> = kubernetes
            .list_all(&resource::EVENTS, &selection, Form::Whole)
            .await?
            .items
            .iter()
            .map(Event::of)
            .collect();
        events.sort_by(|one, other| one.last_timestamp.cmp(&other.last_timestamp));
        let summary = format!("{} events of {kind} {}", events.len(), self.name);
        let facts = EventList {
            involved_object_kind: kind,
            involved_object_name: self.name,
            involved_object_namespace: namespace,
            count: events.len(),
            events,
        };
        Ok(Headed { summary, facts })
    }
}

#[derive(Serialize, JsonSchema)]
struct EventList {
    involved_object_kind: String,
    involved_object_name: String,
    involved_object_namespace: Option<String>,
    count: usize,
    events: Vec<Event>,
}

#[derive(Serialize, JsonSchema)]
struct Event {
    first_timestamp: Option<String>,
    last_timestamp: Option<String>,
    count: Option<u64>,
    message: Others,
    reason: Option<String>,
    reporting_component: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Event {
    /// Old and new ways of an event to say when, how often and by whom.
    fn of(event: &Value) -> Self {
        let text = |pointers: &[&str]| {
            let found =
                pointers.iter().find_map(|pointer| event.pointer(pointer)?.as_str().filter(|it| !it.is_empty()));
            found.map(str::to_owned)
        };
        let count = event["series"]["count"].as_u64().or_else(|| event["count"].as_u64());
        Self {
            first_timestamp: text(&["/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"]),
            last_timestamp: text(&[
                "/series/lastObservedTime",
                "/lastTimestamp",
                "/eventTime",
                "/metadata/creationTimestamp",
            ]),
            count,
            message: Others(text(&["/message"]).unwrap_or_default()),
            reason: text(&["/reason"]),
            reporting_component: text(&["/source/component", "/reportingComponent"]),
            kind: text(&["/type"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_no_empty_one_is_counted() {
        assert_eq!(newest("one\ntwo\n", 100), (vec!["one", "two"], 0));
        assert_eq!(newest("one\ntwo\nthree\n", 10), (vec!["two", "three"], 1));
        assert_eq!(newest("a very long line\n", 3), (vec!["a very long line"], 0));
        assert_eq!(newest("one\ntwo\n", 0).0.len(), 2);
        assert_eq!(newest("", 10), (vec![], 0));
    }

    #[test]
    fn events_of_either_form_have_times_and_a_reporter() {
        let new = Event::of(&json!({ "eventTime": "2026-11-20T10:00:00.000000Z", "reportingComponent": "scheduler",
            "series": { "count": 7, "lastObservedTime": "2026-11-20T11:00:00Z" }, "source": {}, "message": "m" }));
        assert_eq!((new.first_timestamp.as_deref(), new.count), (Some("2026-11-20T10:00:00.000000Z"), Some(7)));
        assert_eq!(new.last_timestamp.as_deref(), Some("2026-11-20T11:00:00Z"));
        assert_eq!(new.reporting_component.as_deref(), Some("scheduler"));
        let old = Event::of(
            &json!({ "firstTimestamp": "a", "lastTimestamp": "b", "count": 2, "source": { "component": "kubelet" } }),
        );
        assert_eq!((old.first_timestamp.as_deref(), old.reporting_component.as_deref()), (Some("a"), Some("kubelet")));
    }
}
