//! Events: sorted by when they last happened, alike ones folded.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use trainyard_contract::{Access, Covers, Listing, Others, Reads, Result, Tool, ToolDef};
use trainyard_k8s::{Form, Kubernetes, Selection, resource::EVENTS};

use super::{
    In,
    object::{age, moment, name, namespace},
};
use crate::{App, Cx, common::Limit};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>()];

/// List Kubernetes events, newest first, alike ones folded into one row with a count
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct List {
    /// All namespaces when absent.
    namespace: Option<String>,
    /// Only about this kind: Pod, Node.
    kind: Option<String>,
    /// Only about the object of this name.
    name: Option<String>,
    /// Only warnings.
    warnings: Option<bool>,
    /// Only of the last so many minutes.
    minutes: Option<u32>,
    #[serde(default)]
    limit: Limit,
    #[serde(flatten)]
    place: In,
}

impl Tool<App> for List {
    const NAME: &'static str = "k8s_list_events";
    const EXAMPLE: &'static str = r#"{"namespace": "team-a", "warnings": true}"#;
    type Access = Reads;
    type Output = Listing<Event>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Event>> {
        let kubernetes = self.place.of(&cx);
        let mut fields = Vec::new();
        if let Some(kind) = &self.kind {
            fields.push(format!("involvedObject.kind={}", kubernetes.kind(kind, None).await?.resource.kind));
        }
        fields.extend(self.name.as_ref().map(|name| format!("involvedObject.name={name}")));
        fields.extend(self.warnings.unwrap_or_default().then(|| "type=Warning".to_owned()));
        let selection = Selection { fields: Some(fields.join(",")), ..Selection::of(self.namespace.as_deref()) };
        let (events, all) = read(&kubernetes, &selection, self.minutes).await?;
        let folded = events.len();
        let rows: Vec<Event> = events.into_iter().take(self.limit.0 as usize).collect();
        let shown = rows.len();
        let listing = Listing::whole(rows).about("events", all);
        Ok(if shown < folded { listing.about("rows_left_out", folded - shown) } else { listing })
    }
}

/// What happened, as often as it did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Event {
    /// How long ago it last happened.
    last: String,
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    /// kind/name, the first of several.
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Other objects that it happened to alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<usize>,
    count: u64,
    message: Others,
}

/// Events about one object.
pub(crate) async fn about<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    object: &Value,
    most: usize,
) -> Result<Vec<Event>> {
    let mut fields = format!("involvedObject.name={}", name(object));
    if let Some(uid) = object["metadata"]["uid"].as_str().filter(|_| object["kind"] != "Node") {
        // Events about nodes bear the node's name as UID.
        fields = format!("{fields},involvedObject.uid={uid}");
    }
    // Events about what is in no namespace lie in the default one.
    let selection = Selection { fields: Some(fields), ..Selection::of(namespace(object).or(Some("default"))) };
    let (mut events, _) = read(kubernetes, &selection, None).await?;
    events.truncate(most);
    Ok(events)
}

/// Reads events page by page and keeps one of each sort.
async fn read<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    selection: &Selection,
    minutes: Option<u32>,
) -> Result<(Vec<Event>, usize)> {
    let mut folding = Folding::default();
    kubernetes
        .each_page(&EVENTS, selection, Form::Whole, |page| {
            let now = page.server_time.unwrap_or_else(OffsetDateTime::now_utc);
            folding.now = Some(now);
            let oldest = minutes.map(|minutes| now - time::Duration::minutes(i64::from(minutes)));
            for event in &page.items {
                folding.take(event, oldest);
            }
        })
        .await?;
    let all = folding.all;
    Ok((folding.rows(), all))
}

#[derive(Default)]
struct Folding {
    now: Option<OffsetDateTime>,
    all: usize,
    kept: HashMap<(String, String, String, Option<String>), Kept>,
}

struct Kept {
    last: Option<OffsetDateTime>,
    objects: Vec<String>,
    count: u64,
    kind: String,
    message: String,
}

impl Folding {
    fn take(&mut self, event: &Value, oldest: Option<OffsetDateTime>) {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        // Newer events have their times and counts elsewhere.
        let last = [
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/eventTime",
            "/firstTimestamp",
            "/metadata/creationTimestamp",
        ]
        .iter()
        .find_map(|pointer| moment(event.pointer(pointer)?));
        if oldest.is_some_and(|oldest| last.is_some_and(|last| last < oldest)) {
            return;
        }
        self.all += 1;
        let count = event.pointer("/series/count").or(event.get("count")).and_then(Value::as_u64).unwrap_or(1).max(1);
        let (about, message) = (text("/involvedObject/name"), text("/message"));
        let object = format!("{}/{about}", text("/involvedObject/kind"));
        // The same about another object of its sort: what differs is the object's own name.
        let sort = message.replace(&about, "…");
        let key = (text("/reason"), text("/involvedObject/kind"), sort, namespace(event).map(str::to_owned));
        let kept = self.kept.entry(key).or_insert_with(|| Kept {
            last,
            objects: Vec::new(),
            count: 0,
            kind: text("/type"),
            message,
        });
        kept.count += count;
        if !kept.objects.contains(&object) {
            kept.objects.push(object);
        }
        kept.last = kept.last.max(last);
    }

    fn rows(self) -> Vec<Event> {
        let now = self.now.unwrap_or_else(OffsetDateTime::now_utc);
        let mut kept: Vec<_> = self.kept.into_iter().collect();
        kept.sort_by(|(one, a), (other, b)| b.last.cmp(&a.last).then_with(|| one.cmp(other)));
        let row = |((reason, _, _, namespace), kept): ((String, String, String, Option<String>), Kept)| Event {
            last: kept.last.map_or_else(|| "unknown".to_owned(), |last| age(last, now)),
            kind: kept.kind,
            reason,
            others: (kept.objects.len() > 1).then(|| kept.objects.len() - 1),
            object: kept.objects.into_iter().next().unwrap_or_default(),
            namespace,
            count: kept.count,
            message: Others(kept.message),
        };
        kept.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn alike_events_become_one_row_the_newest_first() {
        let event = |pod: &str, at: &str, message: &str| {
            json!({"reason": "BackOff", "type": "Warning", "message": message, "count": 3, "lastTimestamp": at,
                "metadata": {"namespace": "a"}, "involvedObject": {"kind": "Pod", "name": pod}})
        };
        let mut folding = Folding { now: moment(&json!("2026-01-01T01:00:00Z")), ..Folding::default() };
        folding.take(&event("web-1", "2026-01-01T00:58:00Z", "restarting web-1"), None);
        folding.take(&event("web-2", "2026-01-01T00:59:00Z", "restarting web-2"), None);
        let new = json!({"reason": "Scheduled", "type": "Normal", "message": "ok", "eventTime": "2026-01-01T00:59:59.000000Z",
            "involvedObject": {"kind": "Pod", "name": "x"}, "series": {"count": 2}, "metadata": {}});
        folding.take(&new, None);
        let rows = folding.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].reason.as_str(), rows[0].count, rows[0].last.as_str()), ("Scheduled", 2, "1s"));
        assert_eq!((rows[1].count, rows[1].others, rows[1].last.as_str()), (6, Some(1), "60s"));
    }
}
