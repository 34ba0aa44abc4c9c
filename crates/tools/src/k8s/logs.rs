//! Logs of one pod, or of all that a selector finds.

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Json, Others, Result, Reveals, Tool, ToolDef};
use trainyard_k8s::{Form, Kubernetes, LogQuestion, Selection, resource::PODS};

use super::{
    In,
    fold::fold,
    object::{list, name},
    place,
};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<Logs>()];

/// Containers that are read in one call, and at once.
const MOST: usize = 40;
const AT_ONCE: usize = 8;
/// Lines of each container that are looked through where there is a filter.
const LOOKED_THROUGH: u32 = 5_000;
/// Bytes of each container that are read.
const BYTES: u64 = 4 << 20;

/// Get logs of Kubernetes pods: one, or all that a selector finds, all containers
///
/// Lines that only differ in numbers are folded into the last of them with a count; raw keeps each.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Logs {
    /// One pod; or label_selector.
    pod: Option<String>,
    /// Pods with these labels.
    label_selector: Option<String>,
    /// Namespace; that of the context when absent.
    namespace: Option<String>,
    /// Only this container; init containers as well.
    container: Option<String>,
    /// Only lines that hold this text, in any case.
    contains: Option<String>,
    /// Only of the last so many seconds.
    since_seconds: Option<u64>,
    /// Last lines of each container; 100 when absent.
    tail: Option<u32>,
    /// Of the containers before their last restart.
    previous: Option<bool>,
    /// Each line with its time.
    timestamps: Option<bool>,
    /// Every line as it is.
    raw: Option<bool>,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for Logs {
    const NAME: &'static str = "k8s_get_logs";
    const EXAMPLE: &'static str = r#"{"label_selector": "app=web", "namespace": "team-a", "contains": "error"}"#;
    type Access = Reveals;
    type Output = Json<Found>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Found>> {
        let kubernetes = self.place.of(&cx);
        let namespace = place::namespace(&kubernetes, &PODS, self.namespace.as_deref()).await?.unwrap_or_default();
        let pods = self.pods(&kubernetes, &namespace).await?;
        let mut sources: Vec<(String, String)> = Vec::new();
        for pod in &pods {
            sources.extend(self.containers(pod)?.into_iter().map(|container| (name(pod).to_owned(), container)));
        }
        let all = sources.len();
        sources.truncate(MOST);
        let read = stream::iter(sources)
            .map(|(pod, container)| self.read(&kubernetes, &namespace, pod, container))
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        let logs = read.await.into_iter().collect::<Result<Vec<_>>>()?;
        let left_out = (all > logs.len()).then(|| all - logs.len());
        Ok(Json(Found { namespace, logs, containers_left_out: left_out }))
    }
}

impl Logs {
    async fn pods(&self, kubernetes: &Kubernetes<Reveals>, namespace: &str) -> Result<Vec<Value>> {
        match (&self.pod, &self.label_selector) {
            (Some(pod), None) => Ok(vec![kubernetes.get(&PODS, Some(namespace), pod).await?]),
            (None, Some(labels)) => {
                let selection = Selection { labels: Some(labels.clone()), ..Selection::of(Some(namespace)) };
                let pods = kubernetes.list_all(&PODS, &selection, Form::Whole).await?.items;
                if pods.is_empty() {
                    return Err(Error::not_found("pod with labels", labels).hint("k8s_list_objects shows the pods"));
                }
                Ok(pods)
            }
            _ => Err(Error::validation("one of `pod` and `label_selector` is wanted")),
        }
    }

    fn containers(&self, pod: &Value) -> Result<Vec<String>> {
        let names = |pointer: &str| list(pod, pointer).iter().map(name_of).collect::<Vec<_>>();
        let usual = names("/spec/containers");
        let Some(wanted) = &self.container else { return Ok(usual) };
        let all = [usual, names("/spec/initContainers"), names("/spec/ephemeralContainers")].concat();
        match all.contains(wanted) {
            true => Ok(vec![wanted.clone()]),
            // Of several pods some may have no such container.
            false if self.pod.is_none() => Ok(Vec::new()),
            false => Err(Error::not_found("container", wanted).hint(format!("containers: {}", all.join(", ")))),
        }
    }

    async fn read(
        &self,
        kubernetes: &Kubernetes<Reveals>,
        namespace: &str,
        pod: String,
        container: String,
    ) -> Result<Log> {
        let tail = self.tail.unwrap_or(100);
        let question = LogQuestion {
            container: Some(container.clone()),
            previous: self.previous.unwrap_or_default(),
            since_seconds: self.since_seconds,
            // A filter looks through more than it shows.
            tail: Some(if self.contains.is_some() { tail.max(LOOKED_THROUGH) } else { tail }),
            limit_bytes: Some(BYTES),
            timestamps: self.timestamps.unwrap_or_default(),
            since_time: None,
        };
        let log = Log { pod: pod.clone(), container, lines: 0, error: None, text: Others::default() };
        match kubernetes.logs(namespace, &pod, &question).await {
            Ok(text) => Ok(self.shown(log, &text, tail as usize)),
            // A container that has not started has no log, which says nothing against the others.
            Err(error) if matches!(error.kind(), ErrorKind::Validation | ErrorKind::NotFound) => {
                Ok(Log { error: Some(error.message().to_owned()), ..log })
            }
            Err(error) => Err(error),
        }
    }

    fn shown(&self, log: Log, text: &str, tail: usize) -> Log {
        let wanted = self.contains.as_ref().map(|text| text.to_lowercase());
        let fits = |line: &&str| wanted.as_ref().is_none_or(|wanted| line.to_lowercase().contains(wanted));
        let lines: Vec<&str> = text.lines().filter(fits).collect();
        let kept = &lines[lines.len().saturating_sub(tail)..];
        let told: Vec<String> = if self.raw.unwrap_or_default() {
            kept.iter().map(|line| (*line).to_owned()).collect()
        } else {
            let fold = fold(kept.iter().copied()).into_iter();
            fold.map(|folded| match folded.count {
                1 => folded.line,
                count => format!("{} (×{count})", folded.line),
            })
            .collect()
        };
        Log { lines: kept.len(), text: Others(told.join("\n")), ..log }
    }
}

fn name_of(container: &Value) -> String {
    container["name"].as_str().unwrap_or_default().to_owned()
}

#[derive(Serialize, JsonSchema)]
struct Found {
    namespace: String,
    logs: Vec<Log>,
    /// Containers that were not read because there are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    containers_left_out: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
struct Log {
    pod: String,
    container: String,
    /// Lines before folding.
    lines: usize,
    /// Why there is no log.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    text: Others,
}
