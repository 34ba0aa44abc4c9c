//! The closed set of questions, and their PromQL.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    dictionary::{Metric, Named, Role, Unit, find},
    selector::{canonical, selectors},
};
use crate::error::{DecodeError, Result};

/// No name in Kubernetes and no UUID is longer.
const LONGEST_VALUE: usize = 253;
/// The longest time that a function looks back, in seconds.
const LONGEST_LOOKBACK: i64 = 7 * 86_400;

/// What may be asked. Each reads the same whatever release of HAMi, or which exporter, answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Memory of each card, in bytes.
    CardMemoryTotal,
    /// Memory of each card that was promised, in bytes.
    CardMemoryAllocated,
    /// Memory of each card in use, in bytes.
    CardMemoryUsed,
    /// Computing of each card that was promised, in percent.
    CardCoresAllocated,
    /// Time in which each card computed, in percent.
    CardUtilization,
    /// Tasks on each card.
    CardSharers,
    /// Temperature of each card, in degrees Celsius.
    CardTemperature,
    /// Power of each card, in watts.
    CardPower,
    /// Number of the last XID error of each card.
    CardXidErrors,
    /// Memory of a card that each pod was promised, in bytes.
    PodMemoryAllocated,
    /// Memory of a card that each container uses, in bytes.
    PodMemoryUsed,
    /// Memory of a card that each container may use, in bytes.
    PodMemoryLimit,
    /// Computing of a card that each pod was promised, in percent.
    PodCoresAllocated,
    /// Time in which each container computed, in percent.
    PodUtilization,
    /// Time since each container last computed, in seconds.
    PodLastKernel,
    /// Time in which each MIG instance computed, in percent.
    MigUtilization,
    /// What each namespace uses of its quota.
    QuotaUsed,
    /// The limit of each quota.
    QuotaLimit,
    /// Time in which each Neuron core computed, in percent.
    NeuronUtilization,
    /// Memory of tensors on each Neuron core, in bytes.
    NeuronMemory,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::CardMemoryTotal,
        Self::CardMemoryAllocated,
        Self::CardMemoryUsed,
        Self::CardCoresAllocated,
        Self::CardUtilization,
        Self::CardSharers,
        Self::CardTemperature,
        Self::CardPower,
        Self::CardXidErrors,
        Self::PodMemoryAllocated,
        Self::PodMemoryUsed,
        Self::PodMemoryLimit,
        Self::PodCoresAllocated,
        Self::PodUtilization,
        Self::PodLastKernel,
        Self::MigUtilization,
        Self::QuotaUsed,
        Self::QuotaLimit,
        Self::NeuronUtilization,
        Self::NeuronMemory,
    ];

    /// The metrics that answer, the preferred one first, and the unit of the answer.
    pub fn sources(self) -> (&'static [&'static str], Unit) {
        match self {
            Self::CardMemoryTotal => (&["hami_gpu_memory_limit_bytes"], Unit::Bytes),
            Self::CardMemoryAllocated => (&["hami_gpu_memory_allocated_bytes"], Unit::Bytes),
            Self::CardMemoryUsed => (&["hami_host_gpu_memory_used_bytes", "DCGM_FI_DEV_FB_USED"], Unit::Bytes),
            Self::CardCoresAllocated => (&["hami_gpu_core_allocated_ratio"], Unit::Percent),
            Self::CardUtilization => (&["hami_host_gpu_utilization_ratio", "DCGM_FI_DEV_GPU_UTIL"], Unit::Percent),
            Self::CardSharers => (&["hami_gpu_shared_count"], Unit::Count),
            Self::CardTemperature => (&["DCGM_FI_DEV_GPU_TEMP"], Unit::Celsius),
            Self::CardPower => (&["DCGM_FI_DEV_POWER_USAGE"], Unit::Watts),
            Self::CardXidErrors => (&["DCGM_FI_DEV_XID_ERRORS"], Unit::Code),
            Self::PodMemoryAllocated => (&["hami_vgpu_memory_allocated_bytes"], Unit::Bytes),
            Self::PodMemoryUsed => (&["hami_vgpu_memory_used_bytes"], Unit::Bytes),
            Self::PodMemoryLimit => (&["hami_vgpu_memory_limit_bytes"], Unit::Bytes),
            Self::PodCoresAllocated => (&["hami_vgpu_core_allocated_ratio"], Unit::Percent),
            Self::PodUtilization => (&["hami_container_device_utilization_ratio"], Unit::Percent),
            Self::PodLastKernel => (&["hami_container_last_kernel_elapsed_seconds"], Unit::Seconds),
            Self::MigUtilization => (&["DCGM_FI_PROF_GR_ENGINE_ACTIVE"], Unit::Percent),
            Self::QuotaUsed => (&["hami_resource_quota_used"], Unit::QuotaUse),
            Self::QuotaLimit => (&["hami_resource_quota_limit"], Unit::QuotaLimit),
            Self::NeuronUtilization => (&["neuroncore_utilization_ratio"], Unit::Percent),
            Self::NeuronMemory => (&["neuroncore_memory_usage_tensors"], Unit::Bytes),
        }
    }
}

/// Whose series are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Filters {
    pub namespace: Option<String>,
    pub node: Option<String>,
    pub pod: Option<String>,
    pub device_uuid: Option<String>,
}

impl Filters {
    fn by_role(&self) -> Result<BTreeMap<Role, String>> {
        let all = [
            (Role::Namespace, &self.namespace),
            (Role::Node, &self.node),
            (Role::Pod, &self.pod),
            (Role::DeviceUuid, &self.device_uuid),
        ];
        let given: BTreeMap<_, _> = all.into_iter().filter_map(|(role, value)| Some((role, value.clone()?))).collect();
        match given.iter().find(|(_, value)| value.len() > LONGEST_VALUE || value.is_empty()) {
            Some((role, _)) => {
                let message = format!("`{}` must have 1 to {LONGEST_VALUE} bytes", role.canonical());
                Err(DecodeError::new(message))
            }
            None => Ok(given),
        }
    }
}

/// How series are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are PromQL's")]
pub enum Aggregation {
    Avg,
    Max,
    Min,
    Sum,
}

impl Aggregation {
    fn word(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Max => "max",
            Self::Min => "min",
            Self::Sum => "sum",
        }
    }
}

/// By what series are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum By {
    Node,
    Device,
    Pod,
    Namespace,
}

/// A question to Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Query {
    /// PromQL.
    pub text: String,
    /// Unit of the answer.
    pub unit: Unit,
    /// What was asked for but no label of the metrics can tell: these filters were not applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_filterable_by: Vec<&'static str>,
}

impl Query {
    /// One of the closed set of questions.
    pub fn ask(question: Question, filters: &Filters, over: Option<(Aggregation, i64)>) -> Result<Self> {
        let (names, unit) = question.sources();
        let metrics = names.iter().filter_map(|name| find(name)).map(|named| named.metric);
        Self::of(metrics.collect(), unit, filters, over)
    }

    /// A metric of the dictionary, under whichever of its names it is exported.
    pub fn metric(name: &str, filters: &Filters, over: Option<(Aggregation, i64)>) -> Result<Self> {
        let named = find(name).ok_or_else(|| DecodeError::new("no metric of this name is in the dictionary"))?;
        Self::of(vec![named.metric], named.metric.unit, filters, over)
    }

    fn of(
        metrics: Vec<&'static Metric>,
        unit: Unit,
        filters: &Filters,
        over: Option<(Aggregation, i64)>,
    ) -> Result<Self> {
        let filters = filters.by_role()?;
        if let Some((_, seconds)) = over.filter(|(_, seconds)| !(1..=LONGEST_LOOKBACK).contains(seconds)) {
            let message = format!("looking back {seconds} s; 1 s to {LONGEST_LOOKBACK} s (7 days) can be asked for");
            return Err(DecodeError::new(message));
        }
        let names: Vec<Named> = metrics.into_iter().flat_map(Metric::names).collect();
        // A name that cannot be filtered as asked would answer for everybody, so it is left out while another can.
        let missing = |named: &Named| {
            let has = |role: &Role| named.labels.iter().any(|label| label.role == *role);
            filters.keys().filter(|role| !has(role)).copied().collect::<BTreeSet<Role>>()
        };
        let least = names.iter().map(|named| missing(named).len()).min().unwrap_or(0);
        let chosen: Vec<_> = names.into_iter().filter(|named| missing(named).len() == least).collect();
        let not_filterable: BTreeSet<_> = chosen.iter().flat_map(&missing).collect();
        let parts: Vec<_> = chosen.iter().map(|named| expression(named, &filters, over, unit)).collect();
        let not_filterable_by = not_filterable.into_iter().map(Role::canonical).collect();
        Ok(Self { text: parts.join(" or "), unit, not_filterable_by })
    }

    /// The same, brought together.
    #[must_use]
    pub fn aggregated(self, aggregation: Aggregation, by: By) -> Self {
        let labels = match by {
            By::Node => "node",
            By::Device => "device_uuid",
            By::Pod => "namespace, pod",
            By::Namespace => "namespace",
        };
        Self { text: format!("{} by ({labels}) ({})", aggregation.word(), self.text), ..self }
    }
}

/// The series of one name, with labels and unit as everywhere.
fn expression(named: &Named, filters: &BTreeMap<Role, String>, over: Option<(Aggregation, i64)>, unit: Unit) -> String {
    let looked_back = |selector: String| match over {
        Some((function, seconds)) => format!("{}_over_time({selector}[{seconds}s])", function.word()),
        None => selector,
    };
    let parts: Vec<_> = selectors(named, filters).into_iter().map(looked_back).collect();
    let joined = if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" or ")) };
    let scaled = match (named.metric.unit, unit) {
        (Unit::Mebibytes, Unit::Bytes) => format!("{joined} * 1048576"),
        (Unit::Ratio, Unit::Percent) => format!("{joined} * 100"),
        _ => joined,
    };
    canonical(scaled, named.labels)
}
