//! Logs of clusters, by CloudWatch Logs Insights.

mod entries;
mod query;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trainyard_aws::{Aws, Engine, Operation, Scope};
use trainyard_contract::{Error, ErrorKind, Headed, Result, Reveals, Tool, ToolDef};

use self::entries::{Entry, Statistics};
use super::period::{MINUTES, Period, show};
use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<Logs>()];

/// Pauses between two looks at a query, and how long it may take in all.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(5);

/// Get logs of an EKS cluster from CloudWatch
///
/// Newest first. Searched by Logs Insights, which costs by data scanned: keep the time short.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Logs {
    /// pod, node, container, or cluster for all.
    resource_type: String,
    /// Name of the cluster.
    cluster_name: String,
    /// application, host, performance, dataplane, control-plane, or a log group's name.
    log_type: String,
    /// Pod, node or container that the lines name.
    resource_name: Option<String>,
    /// Minutes back, unless start_time is given.
    #[serde(default = "minutes")]
    #[schemars(range(min = 1, max = 655_200))]
    minutes: u32,
    /// ISO time.
    start_time: Option<String>,
    /// ISO time; now when absent.
    end_time: Option<String>,
    /// Most entries.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 10_000))]
    limit: u32,
    /// Words that lines contain, a /pattern/, or Logs Insights commands such as filter @message like /OOM/.
    filter_pattern: Option<String>,
    /// Fields with commas; @timestamp, @message when absent.
    fields: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

fn minutes() -> u32 {
    MINUTES
}

fn limit() -> u32 {
    50
}

impl Tool<App> for Logs {
    const NAME: &'static str = "get_cloudwatch_logs";
    const EXAMPLE: &'static str = r#"{"resource_type": "pod", "cluster_name": "train", "log_type": "application", "resource_name": "trainer-0", "filter_pattern": "NCCL"}"#;
    type Access = Reveals;
    type Output = Headed<LogAnswer>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Headed<LogAnswer>> {
        let text = query::text(&query::Wanted {
            fields: self.fields.as_deref(),
            resource_name: self.resource_name.as_deref().filter(|_| self.resource_type != "cluster"),
            filter_pattern: self.filter_pattern.as_deref(),
            limit: self.limit,
        })?;
        let log_group = group(&self.cluster_name, &self.log_type);
        let time = Period::of(self.minutes, self.start_time.as_deref(), self.end_time.as_deref())?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let running = Running::start(&aws, &log_group, time, &text).await?;
        let results = running.end(&cx, &aws).await?;
        let log_entries: Vec<_> = results.results.into_iter().map(Entry::from).collect();
        let summary =
            format!("{} entries of {log_group} from {} to {}", log_entries.len(), show(time.start), show(time.end));
        let facts = LogAnswer {
            resource_type: self.resource_type,
            resource_name: self.resource_name,
            cluster_name: self.cluster_name,
            log_type: self.log_type,
            log_group,
            start_time: show(time.start),
            end_time: show(time.end),
            log_entries,
            statistics: results.statistics,
        };
        Ok(Headed { summary, facts })
    }
}

/// Container Insights' and EKS's own groups by their short names; anything else is a group's name.
fn group(cluster: &str, log_type: &str) -> String {
    match log_type {
        "application" | "host" | "performance" | "dataplane" => format!("/aws/containerinsights/{cluster}/{log_type}"),
        "control-plane" => format!("/aws/eks/{cluster}/cluster"),
        other => other.to_owned(),
    }
}

/// A query under way. Ends with the call: who drops it has it stopped, so that nothing goes on being scanned.
struct Running {
    id: String,
    engine: Engine,
    scope: Scope,
    ended: bool,
}

impl Running {
    async fn start(aws: &Aws<Reveals>, group: &str, time: Period, text: &str) -> Result<Self> {
        let input = json!({
            "logGroupName": group,
            "startTime": time.start.unix_timestamp(),
            "endTime": time.end.unix_timestamp(),
            "queryString": text,
        });
        let reply = aws.call("logs", "StartQuery", input).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.hint(format!(
                "log group {group} is not there: Container Insights (add-on amazon-cloudwatch-observability) or the \
                 cluster's control plane logging may be off"
            )),
            _ => error,
        })?;
        let id = reply.output["queryId"].as_str().unwrap_or_default().to_owned();
        Ok(Self { id, engine: aws.engine().clone(), scope: aws.scope().clone(), ended: false })
    }

    async fn end(mut self, cx: &Cx<Reveals>, aws: &Aws<Reveals>) -> Result<QueryResults> {
        let mut pause = FIRST_PAUSE;
        let mut waited = Duration::ZERO;
        loop {
            let found = aws.send(&GetQueryResults { query_id: self.id.clone() }).await?;
            match found.status.as_deref() {
                Some("Complete") => {
                    self.ended = true;
                    return Ok(found);
                }
                Some(status @ ("Failed" | "Cancelled" | "Timeout")) => {
                    self.ended = true;
                    return Err(ended(status, &self.id));
                }
                _ if waited >= PATIENCE => return Err(ended("still running after five minutes", &self.id)),
                _ => {}
            }
            cx.progress().report(waited.as_secs(), Some(PATIENCE.as_secs()), "Logs Insights is searching");
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended || self.id.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (engine, scope, id) = (self.engine.clone(), self.scope.clone(), std::mem::take(&mut self.id));
        runtime.spawn(async move {
            // Best effort: without it the query runs to its own end.
            drop(engine.call("logs", "StopQuery", json!({ "queryId": id }), &scope).await);
        });
    }
}

fn ended(status: &str, id: &str) -> Error {
    let kind = match status {
        "Failed" => ErrorKind::Validation,
        "Cancelled" => ErrorKind::Cancelled,
        _ => ErrorKind::Timeout,
    };
    Error::new(kind, format!("query {id} did not complete: {status}"))
        .code(format!("Query{}", if kind == ErrorKind::Timeout { "Timeout" } else { status }))
        .hint("ask about a shorter time, or with a filter_pattern that finds less")
}

/// What was found.
#[derive(Serialize, JsonSchema)]
struct LogAnswer {
    resource_type: String,
    resource_name: Option<String>,
    cluster_name: String,
    log_type: String,
    log_group: String,
    start_time: String,
    end_time: String,
    log_entries: Vec<Entry>,
    /// What the search read and found.
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetQueryResults {
    query_id: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct QueryResults {
    #[serde(default)]
    results: Vec<Vec<Field>>,
    status: Option<String>,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Field {
    field: Option<String>,
    value: Option<String>,
}

impl Operation for GetQueryResults {
    const SERVICE: &'static str = "logs";
    const ACTION: &'static str = "GetQueryResults";
    type Needs = Reveals;
    type Reply = QueryResults;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetQueryResults>();
    }

    #[test]
    fn short_names_mean_the_groups_of_the_cluster() {
        assert_eq!(group("train", "dataplane"), "/aws/containerinsights/train/dataplane");
        assert_eq!(group("train", "control-plane"), "/aws/eks/train/cluster");
        assert_eq!(group("train", "/my/group"), "/my/group");
    }
}
