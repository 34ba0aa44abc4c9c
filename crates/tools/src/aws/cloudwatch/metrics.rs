//! Metrics of clusters: one series, its newest points first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Error, Headed, Reads, Result, Tool, ToolDef};

use super::period::{MINUTES, Period, show};
use crate::{
    App, Cx,
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Metrics>()];

/// Pages that are followed: 100,000 points each at most.
const PAGES: usize = 5;
/// Sets of dimensions that are named where a series has no points.
const KNOWN: usize = 20;

/// Get a CloudWatch metric of an EKS cluster
///
/// get_eks_metrics_guidance names the metrics and dimensions. Without points, the answer says which dimensions there are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Metrics {
    /// Name of the cluster.
    cluster_name: String,
    /// Such as pod_gpu_utilization.
    metric_name: String,
    /// ContainerInsights, AWS/EC2, AWS/EKS.
    namespace: String,
    /// Names and values of one set of dimensions.
    dimensions: BTreeMap<String, String>,
    /// Minutes back, unless start_time is given.
    #[serde(default = "minutes")]
    #[schemars(range(min = 1, max = 655_200))]
    minutes: u32,
    /// ISO time.
    start_time: Option<String>,
    /// ISO time; now when absent.
    end_time: Option<String>,
    /// Most points.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 1440))]
    limit: u32,
    /// Seconds of one point.
    #[serde(default = "period")]
    #[schemars(range(min = 1, max = 86_400))]
    period: u32,
    /// Average, Sum, Minimum, Maximum, SampleCount or a percentile such as p99.
    #[serde(default = "stat")]
    stat: String,
    region: Option<Region>,
    profile: Option<Profile>,
}

fn minutes() -> u32 {
    MINUTES
}

fn limit() -> u32 {
    50
}

fn period() -> u32 {
    60
}

fn stat() -> String {
    "Average".to_owned()
}

impl Tool<App> for Metrics {
    const NAME: &'static str = "get_cloudwatch_metrics";
    const EXAMPLE: &'static str = r#"{"cluster_name": "train", "metric_name": "node_gpu_utilization", "namespace": "ContainerInsights", "dimensions": {"ClusterName": "train"}}"#;
    type Access = Reads;
    type Output = Headed<Points>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Points>> {
        self.check()?;
        let time = Period::of(self.minutes, self.start_time.as_deref(), self.end_time.as_deref())?;
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let data_points = self.points(&aws, time).await?;
        let known_dimensions = if data_points.is_empty() { self.known(&aws).await } else { Vec::new() };
        let summary = format!(
            "{} points of {} ({}) from {} to {}",
            data_points.len(),
            self.metric_name,
            self.stat,
            show(time.start),
            show(time.end)
        );
        let facts = Points {
            cluster_name: self.cluster_name,
            metric_name: self.metric_name,
            namespace: self.namespace,
            start_time: show(time.start),
            end_time: show(time.end),
            data_points,
            known_dimensions,
        };
        Ok(Headed { summary, facts })
    }
}

impl Metrics {
    fn check(&self) -> Result<()> {
        let named = self.dimensions.get("ClusterName");
        if let Some(other) = named.filter(|name| **name != self.cluster_name) {
            return Err(Error::validation(format!(
                "dimensions name cluster {other:?} and cluster_name is {:?}",
                self.cluster_name
            )));
        }
        let plain = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "IQM"].contains(&self.stat.as_str());
        let shaped = ["p", "tm", "wm", "tc", "ts", "TM", "WM", "TC", "TS", "PR"].iter().any(|kind| {
            let rest = self.stat.strip_prefix(kind).unwrap_or_default();
            rest.starts_with(|first: char| first.is_ascii_digit() || first == '(')
        });
        if plain || shaped {
            return Ok(());
        }
        Err(Error::validation(format!("{:?} is not a statistic", self.stat))
            .hint("Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p99"))
    }

    fn dimensions(&self) -> Vec<Dimension> {
        let dimension = |(name, value): (&String, &String)| Dimension { name: name.clone(), value: value.clone() };
        self.dimensions.iter().map(dimension).collect()
    }

    /// The newest points first, over as many pages as it takes.
    async fn points(&self, aws: &Aws<Reads>, time: Period) -> Result<Vec<Point>> {
        let mut points = Vec::new();
        let mut next_token = None;
        for _ in 0..PAGES {
            let metric = Metric {
                namespace: self.namespace.clone(),
                metric_name: self.metric_name.clone(),
                dimensions: self.dimensions(),
            };
            let query = Query {
                id: "m1",
                metric_stat: MetricStat { metric, period: self.period, stat: self.stat.clone() },
                return_data: true,
            };
            let page = aws
                .send(&GetMetricData {
                    metric_data_queries: vec![query],
                    start_time: show(time.start),
                    end_time: show(time.end),
                    scan_by: "TimestampDescending",
                    max_datapoints: self.limit,
                    next_token,
                })
                .await?;
            for result in page.metric_data_results {
                let pairs = result.timestamps.into_iter().zip(result.values);
                points.extend(pairs.map(|(timestamp, value)| Point { timestamp, value }));
            }
            next_token = page.next_token;
            if next_token.is_none() || points.len() >= self.limit as usize {
                break;
            }
        }
        points.truncate(self.limit as usize);
        Ok(points)
    }

    /// Dimensions under which the metric is there: worth having, not worth failing for.
    async fn known(&self, aws: &Aws<Reads>) -> Vec<String> {
        let question = ListMetrics {
            namespace: self.namespace.clone(),
            metric_name: self.metric_name.clone(),
            dimensions: self.dimensions().into_iter().filter(|one| one.name == "ClusterName").collect(),
        };
        let Ok(found) = aws.send(&question).await else { return Vec::new() };
        let words = |known: KnownMetric| {
            let pairs: Vec<_> = known.dimensions.iter().map(|one| format!("{}={}", one.name, one.value)).collect();
            pairs.join(",")
        };
        found.metrics.into_iter().take(KNOWN).map(words).collect()
    }
}

#[derive(Serialize, JsonSchema)]
struct Points {
    cluster_name: String,
    metric_name: String,
    namespace: String,
    start_time: String,
    end_time: String,
    data_points: Vec<Point>,
    /// Dimensions under which the metric has been reported, where these gave no points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known_dimensions: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Point {
    timestamp: String,
    value: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetMetricData {
    metric_data_queries: Vec<Query>,
    start_time: String,
    end_time: String,
    scan_by: &'static str,
    max_datapoints: u32,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Query {
    id: &'static str,
    metric_stat: MetricStat,
    return_data: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct MetricStat {
    metric: Metric,
    period: u32,
    stat: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Metric {
    namespace: String,
    metric_name: String,
    dimensions: Vec<Dimension>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct MetricData {
    #[serde(default)]
    metric_data_results: Vec<MetricDataResult>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct MetricDataResult {
    #[serde(default)]
    timestamps: Vec<String>,
    #[serde(default)]
    values: Vec<f64>,
}

impl Operation for GetMetricData {
    const SERVICE: &'static str = "cloudwatch";
    const ACTION: &'static str = "GetMetricData";
    type Needs = Reads;
    type Reply = MetricData;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListMetrics {
    namespace: String,
    metric_name: String,
    dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct KnownMetrics {
    #[serde(default)]
    metrics: Vec<KnownMetric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct KnownMetric {
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

impl Operation for ListMetrics {
    const SERVICE: &'static str = "cloudwatch";
    const ACTION: &'static str = "ListMetrics";
    type Needs = Reads;
    type Reply = KnownMetrics;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetMetricData>();
        check::<ListMetrics>();
    }

    #[test]
    fn only_statistics_are_sent() {
        let with = |stat: &str| Metrics { stat: stat.into(), ..serde_json::from_str(Metrics::EXAMPLE).unwrap() };
        for good in ["Average", "p99", "p99.9", "tm90", "TM(10%:90%)", "PR(:300)", "IQM"] {
            assert!(with(good).check().is_ok(), "{good}");
        }
        for bad in ["", "average", "pp", "Sum; drop"] {
            assert!(with(bad).check().is_err(), "{bad}");
        }
    }
}
