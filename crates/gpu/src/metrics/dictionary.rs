//! The words of the dictionary, and how to look one up.

use schemars::JsonSchema;
use serde::Serialize;

use super::{dcgm, monitor, neuron, scheduler};

/// A metric.
#[derive(Debug, Clone, Copy, JsonSchema, Serialize)]
pub struct Metric {
    /// Its name today.
    pub name: &'static str,
    /// Who exports it.
    pub source: Source,
    /// What one of it is.
    pub unit: Unit,
    /// It only grows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub counter: bool,
    /// What it says.
    pub help: &'static str,
    /// Its labels, by what they mean.
    pub labels: &'static [Label],
    /// Names that it had before; HAMi exports them beside the new one on request from 2.9, and alone before.
    #[serde(skip_serializing_if = "<[Former]>::is_empty")]
    pub formerly: &'static [Former],
}

/// A former name of a metric.
#[derive(Debug, Clone, Copy, JsonSchema, Serialize)]
pub struct Former {
    /// The name.
    pub name: &'static str,
    /// Its labels then.
    pub labels: &'static [Label],
}

/// A label and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Label {
    /// What it means.
    pub role: Role,
    /// Its name.
    pub name: &'static str,
}

/// What a label means, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Namespace,
    Pod,
    Container,
    Node,
    DeviceUuid,
    DeviceIndex,
    DeviceType,
    MigUuid,
    GpuInstance,
    Profile,
    Quota,
}

impl Role {
    /// The one name under which answers carry the label.
    pub fn canonical(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Node => "node",
            Self::DeviceUuid => "device_uuid",
            Self::DeviceIndex => "device_index",
            Self::DeviceType => "device_type",
            Self::MigUuid => "mig_uuid",
            Self::GpuInstance => "gpu_instance_id",
            Self::Profile => "profile",
            Self::Quota => "quota_name",
        }
    }

    /// Whether Prometheus itself puts a label of this meaning on what it scrapes, so that the metric's own may be
    /// called `exported_…`.
    pub fn clashes(self) -> bool {
        matches!(self, Self::Namespace | Self::Pod | Self::Container | Self::Node)
    }
}

/// Who exports a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// HAMi's scheduler: what was promised.
    HamiScheduler,
    /// HAMi's monitor on each node: what is used.
    HamiMonitor,
    /// NVIDIA's exporter.
    Dcgm,
    /// AWS's monitor for Neuron devices.
    NeuronMonitor,
}

/// What one of a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// MiB.
    Mebibytes,
    /// 0 to 100. HAMi calls some of these ratios all the same.
    Percent,
    /// 0 to 1.
    Ratio,
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
    /// Degrees.
    Celsius,
    /// Watts.
    Watts,
    /// Thousandths of a joule.
    Millijoules,
    /// MHz.
    Megahertz,
    /// A code that says which.
    Code,
    /// Always 1; the labels say it.
    Info,
    /// MiB for memory, units of computing for cores.
    QuotaUse,
    /// As a quota writes it.
    QuotaLimit,
}

/// A metric under one of its names.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The metric.
    pub metric: &'static Metric,
    /// The name that was looked for.
    pub name: &'static str,
    /// Labels under that name.
    pub labels: &'static [Label],
}

/// Every metric.
pub fn dictionary() -> impl Iterator<Item = &'static Metric> {
    [scheduler::METRICS, monitor::METRICS, dcgm::METRICS, neuron::METRICS].into_iter().flatten()
}

/// The metric of this name, today's or a former one.
pub fn find(name: &str) -> Option<Named> {
    dictionary().find_map(|metric| metric.names().find(|named| named.name == name))
}

impl Metric {
    /// The metric under each of its names, today's first.
    pub fn names(&'static self) -> impl Iterator<Item = Named> {
        let today = Named { metric: self, name: self.name, labels: self.labels };
        let former =
            self.formerly.iter().map(move |former| Named { metric: self, name: former.name, labels: former.labels });
        std::iter::once(today).chain(former)
    }
}

/// A label.
pub(super) const fn label(role: Role, name: &'static str) -> Label {
    Label { role, name }
}
