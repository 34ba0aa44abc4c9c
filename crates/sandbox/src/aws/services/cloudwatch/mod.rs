//! CloudWatch: series of the account's machines, which are computed, and of what its functions did, which was counted.

mod functions;
mod machines;

use serde_json::{Value, json};
use time::OffsetDateTime;

use self::machines::Measure;
use super::Operations;
use crate::{
    aws::{account::Cx, wire::Refusal},
    kubernetes::clock,
};

pub(in crate::aws) use self::machines::gpu_use;

pub(super) const OPERATIONS: Operations = &[
    ("cloudwatch", "GetMetricData", data),
    ("cloudwatch", "GetMetricStatistics", statistics),
    ("cloudwatch", "ListMetrics", list),
];

/// Seconds between two samples of machines.
const SAMPLE: i64 = 60;
/// Points of one answer.
const POINTS: usize = 100_800;
const STATISTICS_POINTS: i64 = 1_440;

/// One series, with where its samples come from.
struct Series<'c> {
    namespace: &'static str,
    name: &'static str,
    unit: &'static str,
    dimensions: Vec<(&'static str, String)>,
    source: Source<'c>,
}

enum Source<'c> {
    /// What these machines have in every minute.
    Machines(&'static Measure, Vec<&'c Value>),
    /// What was measured, and in which second.
    Events(Vec<(i64, f64)>),
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

/// The series of a namespace and a name, or of all.
fn series<'c>(cx: &'c Cx<'_>, namespace: Option<&str>, name: Option<&str>) -> Vec<Series<'c>> {
    let is_meant = |one: &str, other: &str| {
        namespace.is_none_or(|namespace| namespace == one) && name.is_none_or(|name| name == other)
    };
    let mut found = machines::series(cx, is_meant);
    found.extend(functions::series(cx, is_meant));
    found
}

/// The samples of a series in one period.
fn samples(cx: &Cx<'_>, series: &Series<'_>, start: i64, end: i64) -> Vec<f64> {
    match &series.source {
        Source::Machines(..) => machines::samples(cx, series, start, end),
        Source::Events(events) => {
            events.iter().filter(|(second, _)| (start..end).contains(second)).map(|(_, value)| *value).collect()
        }
    }
}

/// A statistic of samples; none of a name that there is not.
fn statistic(name: &str, values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "samples of one period")]
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    match name {
        "Average" => Some(sum / count),
        "Sum" => Some(sum),
        "SampleCount" => Some(count),
        "Minimum" => values.iter().copied().reduce(f64::min),
        "Maximum" => values.iter().copied().reduce(f64::max),
        other => {
            let percent: f64 =
                other.strip_prefix('p')?.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))?;
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the list, as a percentage of it"
            )]
            let place = (percent / 100.0 * (count - 1.0)).round() as usize;
            sorted.get(place).copied()
        }
    }
}

fn known_statistic(name: &str) -> Result<(), Refusal> {
    let refusal =
        || invalid("InvalidParameterValue", format!("The value {name} for parameter Statistic is not supported."));
    statistic(name, &[0.0]).map(drop).ok_or_else(refusal)
}

fn invalid(code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

/// Start and end in seconds since 1970, up to now.
fn span(cx: &Cx<'_>) -> Result<(i64, i64), Refusal> {
    let moment = |member: &str| cx.text(member).and_then(clock::parse).map(OffsetDateTime::unix_timestamp);
    let (Some(start), Some(end)) = (moment("StartTime"), moment("EndTime")) else {
        return Err(invalid("InvalidParameterValue", "StartTime and EndTime are moments"));
    };
    if start >= end {
        return Err(invalid(
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    Ok((start, end))
}

fn period(value: &Value) -> Result<i64, Refusal> {
    match value.as_i64() {
        Some(period) if matches!(period, 1 | 5 | 10 | 30) || period > 0 && period % 60 == 0 => Ok(period.max(SAMPLE)),
        _ => Err(invalid("InvalidParameterValue", "The parameter Period must be a multiple of 60, or 1, 5, 10 or 30.")),
    }
}

/// The series with exactly these dimensions.
fn meant<'c>(cx: &'c Cx<'_>, namespace: &str, name: &str, dimensions: &Value) -> Option<Series<'c>> {
    let wanted: Vec<(&str, &str)> = dimensions
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["Name"].as_str()?, one["Value"].as_str()?)))
        .collect();
    let is = |series: &Series<'_>| {
        series.dimensions.len() == wanted.len()
            && series.dimensions.iter().all(|(name, value)| wanted.contains(&(*name, value.as_str())))
    };
    series(cx, Some(namespace), Some(name)).into_iter().find(is)
}

/// Periods that have begun by now, oldest first, with their samples.
fn periods(cx: &Cx<'_>, series: &Series<'_>, (start, end): (i64, i64), period: i64) -> Vec<(i64, Vec<f64>)> {
    let now = cx.account.clock.now().unix_timestamp();
    let first = start - start.rem_euclid(period);
    let steps = (0..).map(|step| first + step * period).take_while(|moment| *moment < end.min(now));
    let filled = steps.map(|moment| (moment, samples(cx, series, moment, (moment + period).min(now))));
    filled.filter(|(_, values)| !values.is_empty()).collect()
}

fn stamp(second: i64) -> String {
    OffsetDateTime::from_unix_timestamp(second).map(clock::stamp).unwrap_or_default()
}

fn statistics(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let span = span(cx)?;
    let period = period(&cx.input["Period"])?;
    if (span.1 - span.0) / period > STATISTICS_POINTS {
        let message = format!(
            "You have requested up to {} datapoints, which exceeds the limit of {STATISTICS_POINTS}. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range.",
            (span.1 - span.0) / period
        );
        return Err(invalid("InvalidParameterCombination", message));
    }
    let (plain, extended) = (cx.texts("Statistics"), cx.texts("ExtendedStatistics"));
    if plain.is_empty() && extended.is_empty() {
        return Err(invalid("MissingParameter", "Must specify either Statistics or ExtendedStatistics"));
    }
    plain.iter().chain(&extended).try_for_each(|name| known_statistic(name))?;
    let (namespace, name) = (cx.name("Namespace"), cx.name("MetricName"));
    let mut points = Vec::new();
    if let Some(series) = meant(cx, &namespace, &name, &cx.input["Dimensions"]) {
        for (moment, values) in periods(cx, &series, span, period) {
            let mut point = json!({ "Timestamp": stamp(moment), "Unit": series.unit });
            for name in &plain {
                point[name.as_str()] = json!(statistic(name, &values));
            }
            for name in &extended {
                point["ExtendedStatistics"][name.as_str()] = json!(statistic(name, &values));
            }
            points.push(point);
        }
    }
    Ok(json!({ "Label": name, "Datapoints": points }))
}

fn data(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let span = span(cx)?;
    let mut results = Vec::new();
    for query in cx.input["MetricDataQueries"].as_array().into_iter().flatten() {
        let wanted = &query["MetricStat"];
        if wanted.is_null() {
            let message = "Expressions of metrics are not in the sandbox: ask for each metric with MetricStat";
            return Err(invalid("ValidationError", message));
        }
        let (name, period) = (text(wanted, "Stat"), period(&wanted["Period"])?);
        known_statistic(name)?;
        let metric = &wanted["Metric"];
        let found = meant(cx, text(metric, "Namespace"), text(metric, "MetricName"), &metric["Dimensions"]);
        let periods = found.map(|series| periods(cx, &series, span, period)).unwrap_or_default();
        let mut points: Vec<(String, f64)> = periods
            .into_iter()
            .filter_map(|(moment, values)| Some((stamp(moment), statistic(name, &values)?)))
            .collect();
        if cx.text("ScanBy") != Some("TimestampAscending") {
            points.reverse();
        }
        let most = cx.input["MaxDatapoints"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(POINTS);
        points.truncate(most.min(POINTS));
        if query["ReturnData"] == false {
            continue;
        }
        let (timestamps, values): (Vec<String>, Vec<f64>) = points.into_iter().unzip();
        let label = query["Label"].as_str().unwrap_or_else(|| text(metric, "MetricName"));
        results.push(json!({
            "Id": query["Id"], "Label": label, "Timestamps": timestamps, "Values": values, "StatusCode": "Complete",
        }));
    }
    Ok(json!({ "MetricDataResults": results, "Messages": [] }))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (namespace, name) = (cx.text("Namespace"), cx.text("MetricName"));
    let wanted = cx.input["Dimensions"].as_array().cloned().unwrap_or_default();
    let fits = |series: &Series<'_>| {
        wanted.iter().all(|wanted| {
            let is = |(name, value): &(&str, String)| {
                wanted["Name"] == *name && (wanted["Value"].is_null() || wanted["Value"] == *value)
            };
            series.dimensions.iter().any(is)
        })
    };
    let found: Vec<Series<'_>> = series(cx, namespace, name).into_iter().filter(fits).collect();
    let shown = |series: &Series<'_>| {
        let dimensions: Vec<Value> =
            series.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        json!({ "Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions })
    };
    // Pages have 500 metrics and no size of the caller's.
    let start: usize = match cx.text("NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("sandbox-")
            .and_then(|text| text.parse().ok())
            .filter(|start| *start < found.len())
            .ok_or_else(|| invalid("InvalidParameterValue", "Invalid nextToken"))?,
    };
    let end = (start + 500).min(found.len());
    let mut output = json!({ "Metrics": found[start..end].iter().map(shown).collect::<Vec<_>>() });
    if end < found.len() {
        output["NextToken"] = json!(format!("sandbox-{end}"));
    }
    Ok(output)
}
