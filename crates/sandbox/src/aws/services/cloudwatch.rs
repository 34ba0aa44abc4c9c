//! CloudWatch: series of the account's machines, computed from what they are, the moment and the seed of their ids, so that
//! the same moment of the same machine has the same value whoever asks, and whenever.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Operations;
use crate::{
    aws::{account::Cx, services::ec2::accelerator, setting::tag, table::Table, wire::Refusal},
    kubernetes::{clock, random::digest},
};

pub(super) const OPERATIONS: Operations = &[
    ("cloudwatch", "GetMetricData", data),
    ("cloudwatch", "GetMetricStatistics", statistics),
    ("cloudwatch", "ListMetrics", list),
];

/// Seconds between two samples, as EC2 takes them without detailed monitoring.
const SAMPLE: i64 = 60;
/// Points of one answer.
const POINTS: usize = 100_800;
const STATISTICS_POINTS: i64 = 1_440;

/// What is measured: namespace, name, unit, what it is measured on, lowest and highest of its usual values.
struct Measure(&'static str, &'static str, &'static str, On, f64, f64);

#[derive(Clone, Copy, PartialEq)]
enum On {
    Instance,
    /// Instances with GPUs.
    Gpu,
    /// Nodes of the EKS cluster, and the cluster as a whole.
    Node,
    /// Those with GPUs.
    GpuNode,
    /// 1 while `_status` of the instance is `impaired`.
    Fault,
}

const MEASURES: &[Measure] = &[
    Measure("AWS/EC2", "CPUUtilization", "Percent", On::Instance, 4.0, 62.0),
    Measure("AWS/EC2", "NetworkIn", "Bytes", On::Instance, 2e6, 9e8),
    Measure("AWS/EC2", "NetworkOut", "Bytes", On::Instance, 1e6, 7e8),
    Measure("AWS/EC2", "StatusCheckFailed", "Count", On::Fault, 0.0, 1.0),
    Measure("AWS/EC2", "StatusCheckFailed_System", "Count", On::Fault, 0.0, 1.0),
    Measure("CWAgent", "nvidia_smi_utilization_gpu", "Percent", On::Gpu, 40.0, 98.0),
    Measure("CWAgent", "nvidia_smi_utilization_memory", "Percent", On::Gpu, 25.0, 70.0),
    Measure("CWAgent", "nvidia_smi_temperature_gpu", "None", On::Gpu, 44.0, 71.0),
    Measure("CWAgent", "nvidia_smi_power_draw", "None", On::Gpu, 210.0, 660.0),
    Measure("ContainerInsights", "node_cpu_utilization", "Percent", On::Node, 8.0, 55.0),
    Measure("ContainerInsights", "node_memory_utilization", "Percent", On::Node, 20.0, 70.0),
    Measure("ContainerInsights", "node_gpu_utilization", "Percent", On::GpuNode, 40.0, 98.0),
    Measure("ContainerInsights", "node_gpu_memory_utilization", "Percent", On::GpuNode, 30.0, 92.0),
    Measure("ContainerInsights", "node_gpu_temperature", "None", On::GpuNode, 44.0, 71.0),
    Measure("ContainerInsights", "node_gpu_power_draw", "None", On::GpuNode, 210.0, 660.0),
];

/// One series: what it measures, its dimensions, and the machines behind it.
struct Series<'c> {
    measure: &'static Measure,
    dimensions: Vec<(&'static str, String)>,
    machines: Vec<&'c Value>,
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

/// The series of a measure; only those of machines that run are reported.
fn series<'c>(cx: &'c Cx<'_>, measure: &'static Measure) -> Vec<Series<'c>> {
    let runs = |row: &&Value| row["State"]["Name"] == "running";
    let has_gpu = |row: &&Value| accelerator(text(row, "InstanceType")).is_some_and(|maker| maker == "NVIDIA");
    let machines = cx.rows(Table::Instances).filter(runs);
    let by_instance =
        |row: &'c Value, dimensions: Vec<(&'static str, String)>| Series { measure, dimensions, machines: vec![row] };
    let id = |row: &Value| ("InstanceId", text(row, "InstanceId").to_owned());
    match measure.3 {
        On::Instance | On::Fault => machines.map(|row| by_instance(row, vec![id(row)])).collect(),
        On::Gpu => machines.filter(has_gpu).map(|row| by_instance(row, vec![id(row)])).collect(),
        On::Node | On::GpuNode => {
            let meant =
                |row: &&Value| tag(row, "eks:cluster-name").is_some() && (measure.3 == On::Node || has_gpu(row));
            let nodes: Vec<&Value> = machines.filter(meant).collect();
            let cluster = |row: &Value| ("ClusterName", tag(row, "eks:cluster-name").unwrap_or_default().to_owned());
            let name = |row: &Value| ("NodeName", tag(row, "Name").unwrap_or_default().to_owned());
            let each = nodes.iter().map(|row| by_instance(row, vec![cluster(row), id(row), name(row)]));
            let whole =
                nodes.first().map(|row| Series { measure, dimensions: vec![cluster(row)], machines: nodes.clone() });
            whole.into_iter().chain(each).collect()
        }
    }
}

/// The value of a machine's series in a minute: where it usually is, a day's wave, some noise, or what a setting says.
fn sample(cx: &Cx<'_>, series: &Series<'_>, machine: &Value, second: i64) -> f64 {
    let Measure(_, name, _, on, low, high) = *series.measure;
    let id = text(machine, "InstanceId");
    let node = tag(machine, "Name").unwrap_or_default();
    let has = |(key, value): (&String, &String)| match key.as_str() {
        "InstanceId" => id == value,
        "NodeName" => node == value,
        key => series.dimensions.iter().any(|dimension| dimension.0 == key && dimension.1 == *value),
    };
    let told = cx.account.standing.metrics.iter().rev().find(|(series, since, until)| {
        series.metric == name && (*since..*until).contains(&second) && series.dimensions.iter().all(has)
    });
    if let Some((series, _, _)) = told {
        return series.value;
    }
    if on == On::Fault {
        return if machine["_status"] == "impaired" { 1.0 } else { 0.0 };
    }
    let share = |words: &[&str]| f64::from(u32::try_from(digest(words) % 10_000).unwrap_or(0)) / 10_000.0;
    let hour = f64::from(u32::try_from(second.rem_euclid(86_400)).unwrap_or(0)) / 86_400.0;
    let wave = (std::f64::consts::TAU * (hour + share(&[id]))).sin();
    let noise = share(&[id, name, &second.to_string()]) - 0.5;
    let place = 0.25 + 0.5 * share(&[id, name]) + 0.12 * wave + 0.16 * noise;
    let value = low + (high - low) * place.clamp(0.0, 1.0);
    (value * 100.0).round() / 100.0
}

/// The samples of a series in one period, of all its machines.
fn samples(cx: &Cx<'_>, series: &Series<'_>, start: i64, end: i64) -> Vec<f64> {
    // A machine reports from its launch on.
    let launched =
        |row: &Value| row["LaunchTime"].as_str().and_then(clock::parse).map_or(0, OffsetDateTime::unix_timestamp);
    let first = start + (SAMPLE - start.rem_euclid(SAMPLE)) % SAMPLE;
    let mut values = Vec::new();
    for second in (first..end).step_by(60) {
        let up = series.machines.iter().filter(|row| launched(row) <= second);
        values.extend(up.map(|row| sample(cx, series, row, second)));
    }
    values
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
    let measure = MEASURES.iter().find(|measure| measure.0 == namespace && measure.1 == name)?;
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
    series(cx, measure).into_iter().find(is)
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
            let mut point = json!({ "Timestamp": stamp(moment), "Unit": series.measure.2 });
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
    let measures = MEASURES.iter().filter(|measure| {
        namespace.is_none_or(|namespace| measure.0 == namespace) && name.is_none_or(|name| measure.1 == name)
    });
    let found: Vec<Series<'_>> = measures.flat_map(|measure| series(cx, measure)).filter(fits).collect();
    let shown = |series: &Series<'_>| {
        let dimensions: Vec<Value> =
            series.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        json!({ "Namespace": series.measure.0, "MetricName": series.measure.1, "Dimensions": dimensions })
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
