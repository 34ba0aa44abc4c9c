//! Why a pod waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Error, Json, Others, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{
    Note,
    pending::{NodeEvent, PodAsk, Surroundings, WhyPending, parse_event},
};
use trainyard_k8s::resource::PODS;

use super::cluster::{InCluster, Wanted, quotas, scheduling_events, survey};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Why>().formerly(&["explain_gpu_pending"])];

/// Events of the pod that an answer shows.
const MOST_EVENTS: usize = 5;

/// Explain why a pod that asks for accelerators waits, and the smallest change that would let it run
///
/// Tries it on every node and card in the scheduler's order: quota, memory, card type, topology, locks, taints, webhook.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Why {
    /// Namespace of the pod.
    namespace: String,
    /// Name of the pod.
    pod: String,
    #[serde(flatten)]
    at: InCluster,
}

/// What keeps the pod.
#[derive(Serialize, JsonSchema)]
struct Answer {
    #[serde(flatten)]
    why: WhyPending,
    /// What schedulers themselves said, latest first.
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

#[derive(Serialize, JsonSchema)]
struct Event {
    /// When, as the cluster writes it.
    at: String,
    reason: String,
    message: Others,
    /// What the message says of nodes and cards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<NodeEvent>,
}

impl Tool<App> for Why {
    const NAME: &'static str = "gpu_why_pending";
    const EXAMPLE: &'static str = r#"{"namespace": "team-a", "pod": "train-0"}"#;
    type Access = Reads;
    type Output = Json<Answer>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Answer>> {
        let kubernetes = self.at.of(&cx);
        let pod = kubernetes.find(&PODS, Some(&self.namespace), &self.pod).await?;
        let pod = pod.ok_or_else(|| {
            Error::not_found("pod", &format!("{}/{}", self.namespace, self.pod))
                .hint("list_gpu_pods with phase = Pending shows the pods that wait")
        })?;
        let survey = survey(&cx, &kubernetes, &Wanted::default()).await?;
        let mut notes = survey.notes();
        let ask = PodAsk::from_json(&pod, &survey.fleet.backends)
            .map_err(|error| Error::validation(format!("the pod cannot be understood: {error}")))?;
        let mut unread = |what: &str, error: &Error| notes.push(Note::new(what, format!("not readable: {error}")));
        let quotas = match quotas(&kubernetes, Some(&self.namespace)).await {
            Ok(quotas) => quotas,
            Err(error) => {
                unread("quotas", &error);
                Vec::new()
            }
        };
        let events = match scheduling_events(&kubernetes, Some(&self.namespace), Some(&self.pod)).await {
            Ok(events) => said(&events),
            Err(error) => {
                unread("events", &error);
                Vec::new()
            }
        };
        let surroundings = Surroundings { quotas, scheduler_names: survey.schedulers.clone(), now: survey.now };
        Ok(Json(Answer { why: survey.fleet.why_pending(&ask, &surroundings), events, notes }))
    }
}

/// What schedulers said, latest first.
fn said(events: &[Value]) -> Vec<Event> {
    const REASONS: [&str; 4] = ["FilteringFailed", "BindingFailed", "FailedScheduling", "NotTriggerScaleUp"];
    let text = |event: &Value, path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut said: Vec<Event> = events
        .iter()
        .filter(|event| REASONS.contains(&event["reason"].as_str().unwrap_or_default()))
        .map(|event| {
            let message = text(event, "/message");
            let at = ["/lastTimestamp", "/eventTime", "/firstTimestamp"].map(|path| text(event, path));
            Event {
                at: at.into_iter().find(|at| !at.is_empty()).unwrap_or_default(),
                reason: text(event, "/reason"),
                nodes: parse_event(&message),
                message: Others(message),
            }
        })
        .collect();
    said.sort_by(|one, other| other.at.cmp(&one.at));
    said.truncate(MOST_EVENTS);
    said
}
