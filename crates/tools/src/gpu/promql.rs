//! Any question in PromQL. Behind the gate of sensitive data: Prometheus knows more than accelerators.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Error, Listing, Pictured, Result, Reveals, Tool, ToolDef};
use trainyard_k8s::prometheus::Moment;

use super::{
    cluster::InCluster,
    metrics::span,
    prometheus::{Row, Show, prometheus, shown},
};
use crate::{App, Cx, common::Limit};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<Promql>().formerly(&["prometheus_query"])];

/// Get the answer to any PromQL query, at one moment or over time
///
/// For what get_gpu_metrics does not ask. Bounded in time, series and points.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Promql {
    /// PromQL.
    query: String,
    /// So far back until now, e.g. 5m, 1h; one moment when absent.
    range: Option<String>,
    /// From point to point, e.g. 30s.
    step: Option<String>,
    /// The moment, in seconds since 1970; now when absent.
    time: Option<i64>,
    /// All points, not only their course.
    #[serde(default)]
    include_points: bool,
    /// A picture (PNG) of the series, too.
    #[serde(default)]
    picture: bool,
    #[serde(default)]
    limit: Limit,
    #[serde(flatten)]
    at: InCluster,
}

impl Tool<App> for Promql {
    const NAME: &'static str = "gpu_get_promql";
    const EXAMPLE: &'static str = r#"{"query": "sum by (node) (hami_gpu_memory_allocated_bytes)"}"#;
    type Access = Reveals;
    type Output = Pictured<Listing<Row>>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Pictured<Listing<Row>>> {
        let stretch = span(self.range.as_deref(), self.step.as_deref())?;
        if stretch.is_some() && self.time.is_some() {
            return Err(Error::validation("either range or time"));
        }
        if self.picture && stretch.is_none() {
            return Err(Error::validation("a picture shows a course over time").hint("say range, e.g. 1h"));
        }
        let api = prometheus(&cx, &self.at.of(&cx)).await?;
        let most = self.limit.0 as usize;
        let answer = match (stretch, self.time) {
            (Some(stretch), _) => api.query_range(&self.query, stretch, most).await?,
            (None, time) => api.query(&self.query, time.map_or(Moment::Now, Moment::At), most).await?,
        };
        let show = Show {
            over_time: stretch.is_some(),
            points: self.include_points,
            picture: self.picture,
            title: "the result of the query",
        };
        shown(&answer, &api, &show)
    }
}
