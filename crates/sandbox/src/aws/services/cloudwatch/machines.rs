//! What is measured of machines: computed from what they are, the moment and the seed of their ids, so that the same moment of
//! the same machine has the same value whoever asks, and whenever.

use serde_json::Value;
use time::OffsetDateTime;

use super::{SAMPLE, Series, Source, text};
use crate::{
    aws::{
        account::{Account, Cx},
        services::ec2::accelerator,
        setting::tag,
        table::Table,
    },
    kubernetes::{clock, random::digest},
};

/// What is measured: namespace, name, unit, what it is measured on, lowest and highest of its usual values.
pub(super) struct Measure(&'static str, &'static str, &'static str, On, f64, f64);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum On {
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

/// The series of the measures that are meant, by namespace and name.
pub(super) fn series<'c>(cx: &'c Cx<'_>, is_meant: impl Fn(&str, &str) -> bool) -> Vec<Series<'c>> {
    MEASURES.iter().filter(|measure| is_meant(measure.0, measure.1)).flat_map(|measure| of(cx, measure)).collect()
}

/// The series of a measure; only those of machines that run are reported.
fn of<'c>(cx: &'c Cx<'_>, measure: &'static Measure) -> Vec<Series<'c>> {
    let series = |dimensions, machines| Series {
        namespace: measure.0,
        name: measure.1,
        unit: measure.2,
        dimensions,
        source: Source::Machines(measure, machines),
    };
    let runs = |row: &&Value| row["State"]["Name"] == "running";
    let has_gpu = |row: &&Value| accelerator(text(row, "InstanceType")).is_some_and(|maker| maker == "NVIDIA");
    let machines = cx.rows(Table::Instances).filter(runs);
    let by_instance = |row: &'c Value, dimensions| series(dimensions, vec![row]);
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
            let whole = nodes.first().map(|row| series(vec![cluster(row)], nodes.clone()));
            whole.into_iter().chain(each).collect()
        }
    }
}

/// The value of a machine's series in a minute: where it usually is, a day's wave, some noise, or what a setting says.
fn sample(
    account: &Account,
    measure: &Measure,
    dimensions: &[(&'static str, String)],
    machine: &Value,
    second: i64,
) -> f64 {
    let Measure(_, name, _, on, low, high) = *measure;
    let id = text(machine, "InstanceId");
    let node = tag(machine, "Name").unwrap_or_default();
    let has = |(key, value): (&String, &String)| match key.as_str() {
        "InstanceId" => id == value,
        "NodeName" => node == value,
        key => dimensions.iter().any(|dimension| dimension.0 == key && dimension.1 == *value),
    };
    let told = account.standing.metrics.iter().rev().find(|(series, since, until)| {
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
pub(super) fn samples(cx: &Cx<'_>, series: &Series<'_>, start: i64, end: i64) -> Vec<f64> {
    let Source::Machines(measure, machines) = &series.source else { return Vec::new() };
    // A machine reports from its launch on.
    let launched =
        |row: &Value| row["LaunchTime"].as_str().and_then(clock::parse).map_or(0, OffsetDateTime::unix_timestamp);
    let first = start + (SAMPLE - start.rem_euclid(SAMPLE)) % SAMPLE;
    let mut values = Vec::new();
    for second in (first..end).step_by(60) {
        let up = machines.iter().filter(|row| launched(row) <= second);
        values.extend(up.map(|row| sample(cx.account, measure, &series.dimensions, row, second)));
    }
    values
}

/// How busy the GPUs of an instance are in a minute, in percent.
pub(in crate::aws) fn gpu_use(account: &Account, region: &str, instance: &str, second: i64) -> Option<f64> {
    let measure = MEASURES.iter().find(|measure| measure.1 == "nvidia_smi_utilization_gpu")?;
    let row = account.row(region, Table::Instances, instance)?;
    Some(sample(account, measure, &[("InstanceId", instance.to_owned())], row, second))
}
