//! What the metrics say of accelerators: a closed set of questions, and every metric of the dictionary.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use trainyard_contract::{Error, Listing, Pictured, Reads, Result, Tool, ToolDef, nearest};
use trainyard_gpu::metrics::{Aggregation, By, Filters, Query, Question, Span, dictionary, parse_duration};
use trainyard_k8s::prometheus::{Moment, Stretch};

use super::{
    cluster::InCluster,
    prometheus::{Row, Show, prometheus, shown},
};
use crate::{App, Cx, common::Limit};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Get>().formerly(&["gpu_get_metrics"])];

/// Points that a series has unless a step says otherwise.
pub(super) const POINTS: i64 = 120;
/// Most points of one series.
pub(super) const MOST_POINTS: i64 = 2_000;

/// Get metrics of accelerators from Prometheus: HAMi's of every release, DCGM's, Neuron's
///
/// metric is a question such as card_utilization or pod_memory_used, or a metric's name; gpu_list_metrics has them.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Get {
    /// Question or metric name.
    metric: String,
    /// Only of this node.
    node: Option<String>,
    /// Only of this namespace.
    namespace: Option<String>,
    /// Only of this pod.
    pod: Option<String>,
    /// Only of this device.
    device_uuid: Option<String>,
    /// So far back until now, e.g. 5m, 1h; one moment when absent.
    range: Option<String>,
    /// From point to point, e.g. 30s.
    step: Option<String>,
    /// How series are brought together.
    agg: Option<Aggregation>,
    /// By what.
    by: Option<By>,
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

impl Tool<App> for Get {
    const NAME: &'static str = "get_gpu_metrics";
    const EXAMPLE: &'static str = r#"{"metric": "card_utilization", "range": "1h"}"#;
    type Access = Reads;
    type Output = Pictured<Listing<Row>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Pictured<Listing<Row>>> {
        let query = self.query()?;
        let span = span(self.range.as_deref(), self.step.as_deref())?;
        if self.picture && span.is_none() {
            return Err(Error::validation("a picture shows a course over time").hint("say range, e.g. 1h"));
        }
        let api = prometheus(&cx, &self.at.of(&cx)).await?;
        let most = self.limit.0 as usize;
        let answer = match span {
            Some(span) => api.query_range(&query.text, span, most).await?,
            None => api.query(&query.text, Moment::Now, most).await?,
        };
        let unit = json!(query.unit);
        let title = format!("{} in {}", self.metric, unit.as_str().unwrap_or_default());
        let show =
            Show { over_time: span.is_some(), points: self.include_points, picture: self.picture, title: &title };
        let mut shown = shown(&answer, &api, &show)?;
        let mut list = shown.facts.about("unit", unit).about("query", query.text);
        if !query.not_filterable_by.is_empty() {
            list = list.about("not_filterable_by", json!(query.not_filterable_by));
        }
        shown.facts = list;
        Ok(shown)
    }
}

impl Get {
    fn query(&self) -> Result<Query> {
        let filters = Filters {
            namespace: self.namespace.clone(),
            node: self.node.clone(),
            pod: self.pod.clone(),
            device_uuid: self.device_uuid.clone(),
        };
        let wrong = |error: trainyard_gpu::DecodeError| Error::validation(error.to_string());
        let query = match question(&self.metric) {
            Some(question) => Query::ask(question, &filters, None).map_err(wrong)?,
            None if trainyard_gpu::metrics::find(&self.metric).is_some() => {
                Query::metric(&self.metric, &filters, None).map_err(wrong)?
            }
            None => return Err(unknown(&self.metric)),
        };
        match (self.agg, self.by) {
            (Some(aggregation), Some(by)) => Ok(query.aggregated(aggregation, by)),
            (None, None) => Ok(query),
            _ => Err(Error::validation("agg and by belong together").hint("for example agg = avg, by = node")),
        }
    }
}

/// A question by the name that it has in arguments.
fn question(name: &str) -> Option<Question> {
    serde_json::from_value(Value::from(name)).ok()
}

/// Every question with its name.
pub(super) fn questions() -> impl Iterator<Item = (String, Question)> {
    Question::ALL.into_iter().filter_map(|question| Some((json!(question).as_str()?.to_owned(), question)))
}

fn unknown(name: &str) -> Error {
    let names: Vec<String> =
        questions().map(|(name, _)| name).chain(dictionary().map(|metric| metric.name.to_owned())).collect();
    let error = Error::validation(format!("no metric {name:?}"));
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near:?}? gpu_list_metrics has all")),
        None => error.hint("gpu_list_metrics has all; gpu_get_promql takes any PromQL"),
    }
}

/// The stretch of time until now that a call asks about.
pub(super) fn span(range: Option<&str>, step: Option<&str>) -> Result<Option<Stretch>> {
    let wrong = |error: trainyard_gpu::DecodeError| Error::validation(error.to_string());
    let Some(range) = range else {
        return match step {
            None => Ok(None),
            Some(_) => Err(Error::validation("step takes range")),
        };
    };
    let range = parse_duration(range).map_err(wrong)?;
    let step = step.map(parse_duration).transpose().map_err(wrong)?;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let points = if step.is_some() { MOST_POINTS } else { POINTS };
    let Span { start, end, step } = Span::last(range, now, step, points).map_err(wrong)?;
    Ok(Some(Stretch { start, end, step }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_name_is_answered_with_the_nearest_one() {
        let error = unknown("card_utilisation");
        assert!(error.hint_str().unwrap().contains("card_utilization"), "{error:?}");
    }

    #[test]
    fn a_range_has_a_bounded_number_of_points() {
        let stretch = span(Some("7d"), None).unwrap().unwrap();
        assert!((stretch.end - stretch.start) / stretch.step < POINTS);
        assert!(span(Some("7d"), Some("1s")).is_err());
        assert!(span(None, Some("1s")).is_err());
        assert!(span(Some("yesterday"), None).is_err());
        assert!(span(None, None).unwrap().is_none());
    }
}
