//! Wait until something has become of an object.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use trainyard_contract::{Error, Json, Reads, Result, Tool, ToolDef};
use trainyard_k8s::{Selection, WatchEvent};

use super::{
    At,
    diff::diff,
    object::{Condition, conditions},
};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Watch>()];

/// Longest wait of one call, in seconds.
const LONGEST: u64 = 38;

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Until {
    /// Anything but its status's bookkeeping has changed.
    Changed,
    /// It is gone.
    Deleted,
    /// It is there.
    Exists,
    /// A condition is met.
    Condition,
}

/// Watch a Kubernetes object until it changes, is gone, is there, or meets a condition
///
/// Waits up to 38 seconds; reached says whether it came to that. Call again to wait on.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Watch {
    #[serde(flatten)]
    at: At,
    until: Until,
    /// For condition: Ready, Available=True, Complete.
    condition: Option<String>,
    /// Seconds to wait, 38 at most and when absent.
    seconds: Option<u64>,
}

impl Tool<App> for Watch {
    const NAME: &'static str = "k8s_watch_object";
    const EXAMPLE: &'static str =
        r#"{"kind": "Job", "name": "train", "namespace": "team-a", "until": "condition", "condition": "Complete"}"#;
    type Access = Reads;
    type Output = Json<Seen>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Seen>> {
        let goal = self.goal()?;
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let end = Instant::now() + Duration::from_secs(self.seconds.unwrap_or(LONGEST).clamp(1, LONGEST));
        let selection = Selection {
            fields: Some(format!("metadata.name={}", named.name)),
            ..Selection::of(named.namespace.as_deref())
        };
        let first = kubernetes.list(&named.resource, &selection, trainyard_k8s::Form::Whole).await?;
        let before = first.items.into_iter().next();
        let mut now = before.clone();
        let mut version = first.resource_version;
        if goal.is_met(before.as_ref(), now.as_ref()) {
            return Ok(Json(Seen::new(true, before.as_ref(), now.as_ref())));
        }
        while Instant::now() < end {
            let left = end - Instant::now();
            let mut watch = kubernetes.watch(&named.resource, &selection, &version, left).await?;
            while let Ok(event) = tokio::time::timeout_at(end, watch.next()).await {
                now = match event? {
                    Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Some(object),
                    Some(WatchEvent::Deleted(_)) => None,
                    None => break,
                };
                if goal.is_met(before.as_ref(), now.as_ref()) {
                    return Ok(Json(Seen::new(true, before.as_ref(), now.as_ref())));
                }
            }
            if let Some(seen) = now.as_ref().and_then(|object| object["metadata"]["resourceVersion"].as_str()) {
                seen.clone_into(&mut version);
            }
            // A server that ends each watch at once is not to be asked without a breath.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(Json(Seen::new(false, before.as_ref(), now.as_ref())))
    }
}

enum Goal {
    Changed,
    Deleted,
    Exists,
    Condition { kind: String, status: String },
}

impl Watch {
    fn goal(&self) -> Result<Goal> {
        Ok(match (&self.until, &self.condition) {
            (Until::Condition, Some(text)) => {
                let (kind, status) = text.split_once('=').unwrap_or((text, "True"));
                Goal::Condition { kind: kind.to_owned(), status: status.to_owned() }
            }
            (Until::Condition, None) => return Err(Error::validation("`condition` is missing: which one?")),
            (_, Some(_)) => return Err(Error::validation("`condition` goes with until condition")),
            (Until::Changed, None) => Goal::Changed,
            (Until::Deleted, None) => Goal::Deleted,
            (Until::Exists, None) => Goal::Exists,
        })
    }
}

impl Goal {
    fn is_met(&self, before: Option<&Value>, now: Option<&Value>) -> bool {
        match self {
            Self::Changed => changes(before, now) != Vec::<String>::new(),
            Self::Deleted => now.is_none(),
            Self::Exists => now.is_some(),
            Self::Condition { kind, status } => now.is_some_and(|object| {
                let is =
                    |one: &Condition| one.kind.eq_ignore_ascii_case(kind) && one.status.eq_ignore_ascii_case(status);
                conditions(object).iter().any(is)
            }),
        }
    }
}

/// Fields that have changed, those of the status as well.
fn changes(before: Option<&Value>, now: Option<&Value>) -> Vec<Value> {
    match (before, now) {
        (Some(before), Some(now)) => {
            let status = |object: &Value| serde_json::json!({ "state": object["status"] });
            [diff(before, now), diff(&status(before), &status(now))].concat()
        }
        (None, None) => Vec::new(),
        (None, Some(_)) => vec!["it is there now".into()],
        (Some(_), None) => vec!["it is gone".into()],
    }
}

#[derive(Serialize, JsonSchema)]
struct Seen {
    /// It came to what was waited for.
    reached: bool,
    /// It is there.
    exists: bool,
    /// What has changed since the call began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
}

impl Seen {
    fn new(reached: bool, before: Option<&Value>, now: Option<&Value>) -> Self {
        Self {
            reached,
            exists: now.is_some(),
            changes: changes(before, now),
            conditions: now.map(conditions).unwrap_or_default(),
            phase: now.and_then(|object| object["status"]["phase"].as_str()).map(str::to_owned),
        }
    }
}
