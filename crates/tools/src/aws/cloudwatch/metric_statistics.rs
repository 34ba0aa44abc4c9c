//! One metric over time.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use trainyard_aws::Operation;
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use super::period::{Period, show};
use crate::{App, Cx, common::At};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Get>().formerly(&["cloudwatch.get_metric_statistics"])];

/// Where no start is named.
const MINUTES: u32 = 60;
/// Points that are aimed at where no period is named. CloudWatch gives 1,440 at most, which nobody reads.
const POINTS: i64 = 120;
const DAY: i64 = 24 * 60 * 60;

/// Get statistics of a CloudWatch metric over time, oldest first
///
/// The last hour when no time is named; the period is chosen to give some hundred points.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Such as AWS/EC2 or ML/Training.
    namespace: String,
    /// Metric.
    metric_name: String,
    /// All of its dimensions.
    #[serde(default)]
    dimensions: Vec<Dimension>,
    /// ISO time; an hour before the end when absent.
    start_time: Option<String>,
    /// ISO time; now when absent.
    end_time: Option<String>,
    /// Seconds of one point.
    #[schemars(range(min = 1, max = 86_400))]
    period: Option<u32>,
    /// Average when absent.
    statistics: Option<Vec<Statistic>>,
    /// Percentiles, such as p99.
    extended_statistics: Option<Vec<String>>,
    /// Only points of this unit.
    unit: Option<String>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(flatten)]
    at: At,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Dimension {
    #[serde(rename(serialize = "Name"))]
    name: String,
    #[serde(rename(serialize = "Value"))]
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
}

impl Get {
    fn question(self, time: Period) -> GetMetricStatistics {
        let extended = self.extended_statistics.unwrap_or_default();
        let usual = if extended.is_empty() { vec![Statistic::Average] } else { Vec::new() };
        GetMetricStatistics {
            namespace: self.namespace,
            metric_name: self.metric_name,
            dimensions: self.dimensions,
            start_time: show(time.start),
            end_time: show(time.end),
            period: self.period.map_or_else(|| period(time, SystemTime::now().into()), i64::from),
            statistics: self.statistics.unwrap_or(usual),
            extended_statistics: extended,
            unit: self.unit,
        }
    }
}

/// Seconds of a point. CloudWatch keeps minutes for 15 days, then five minutes for 63, then hours.
fn period(time: Period, now: OffsetDateTime) -> i64 {
    let age = (now - time.start).whole_seconds();
    let kept = if age > 63 * DAY {
        3600
    } else if age > 15 * DAY {
        300
    } else {
        60
    };
    let wanted = (time.end - time.start).whole_seconds().div_euclid(POINTS);
    (wanted.div_euclid(kept) + i64::from(wanted.rem_euclid(kept) > 0)).max(1) * kept
}

impl Tool<App> for Get {
    const NAME: &'static str = "cloudwatch_get_metric_statistics";
    const EXAMPLE: &'static str = r#"{"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "dimensions": [{"name": "InstanceId", "value": "i-0123456789abcdef0"}], "statistics": ["Average", "Maximum"]}"#;
    type Access = Reads;
    type Output = Listing<Point>;

    async fn run(mut self, cx: Cx<Reads>) -> Result<Listing<Point>> {
        let fields = self.fields.take().unwrap_or_default();
        let time = Period::of(MINUTES, self.start_time.as_deref(), self.end_time.as_deref())?;
        let aws = cx.at(&self.at);
        let question = self.question(time);
        let (mut found, region) = aws.send_whole(&question).await?;
        found.datapoints.sort_by(|one, other| one.timestamp.cmp(&other.timestamp));
        let listing = Listing::whole(found.datapoints.into_iter().map(Point::from).collect())
            .about("region", region)
            .about("from", question.start_time)
            .about("until", question.end_time)
            .about("period", question.period)
            .fields(&fields);
        Ok(match found.label {
            Some(label) => listing.about("label", label),
            None => listing,
        })
    }
}

/// One point.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Point {
    /// Its beginning.
    time: String,
    average: Option<f64>,
    sum: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    sample_count: Option<f64>,
    /// Percentiles by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    extended: serde_json::Map<String, serde_json::Value>,
    unit: Option<String>,
}

impl From<Datapoint> for Point {
    fn from(point: Datapoint) -> Self {
        Self {
            time: point.timestamp,
            average: point.average,
            sum: point.sum,
            minimum: point.minimum,
            maximum: point.maximum,
            sample_count: point.sample_count,
            extended: point.extended_statistics,
            unit: point.unit.filter(|unit| unit != "None"),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct GetMetricStatistics {
    namespace: String,
    metric_name: String,
    #[cfg_attr(test, schemars(with = "Vec<SentDimension>"))]
    dimensions: Vec<Dimension>,
    start_time: String,
    end_time: String,
    period: i64,
    statistics: Vec<Statistic>,
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

/// As it is written, for the comparison with the catalogue.
#[cfg(test)]
#[derive(JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "its names are compared")]
struct SentDimension {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Statistics {
    label: Option<String>,
    #[serde(default)]
    datapoints: Vec<Datapoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Datapoint {
    #[serde(default)]
    timestamp: String,
    average: Option<f64>,
    sum: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    sample_count: Option<f64>,
    #[serde(default)]
    extended_statistics: serde_json::Map<String, serde_json::Value>,
    unit: Option<String>,
}

impl Operation for GetMetricStatistics {
    const SERVICE: &'static str = "cloudwatch";
    const ACTION: &'static str = "GetMetricStatistics";
    type Needs = Reads;
    type Reply = Statistics;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetMetricStatistics>();
    }

    #[test]
    fn the_period_is_one_that_cloudwatch_still_has_and_gives_a_hundred_points() {
        let now = OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap();
        let of = |ago: i64, long: i64| {
            let start = now - time::Duration::seconds(ago);
            period(Period { start, end: start + time::Duration::seconds(long) }, now)
        };
        assert_eq!(of(3600, 3600), 60);
        assert_eq!(of(DAY, DAY), 720, "120 points");
        assert_eq!(of(DAY, DAY + 1), 720);
        assert_eq!(of(20 * DAY, 3600), 300);
        assert_eq!(of(70 * DAY, 3600), 3600);
        for days in 1..500 {
            let seconds = of(days * DAY, days * DAY);
            assert!(days * DAY / seconds <= POINTS + 1, "{days} days: {seconds}");
        }
    }
}
