//! Metrics of AWS's monitor for Neuron devices. They know the instance and the core, and neither node nor pod.

use super::dictionary::{Label, Metric, Role::DeviceIndex, Source, Unit, label};

const CORE: &[Label] = &[label(DeviceIndex, "neuroncore")];
const RUNTIME: &[Label] = &[];

const fn gauge(name: &'static str, unit: Unit, help: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, source: Source::NeuronMonitor, unit, counter: false, help, labels, formerly: &[] }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { counter: true, ..gauge(name, Unit::Count, help, RUNTIME) }
}

pub(super) const METRICS: &[Metric] = &[
    gauge("neuroncore_utilization_ratio", Unit::Ratio, "time in which the core computed", CORE),
    gauge("neuroncore_memory_usage_tensors", Unit::Bytes, "memory of tensors", CORE),
    gauge("neuroncore_memory_usage_constants", Unit::Bytes, "memory of constants", CORE),
    gauge("neuroncore_memory_usage_model_code", Unit::Bytes, "memory of compiled models", CORE),
    gauge("neuroncore_memory_usage_model_shared_scratchpad", Unit::Bytes, "memory of scratchpads", CORE),
    gauge("neuroncore_memory_usage_runtime_memory", Unit::Bytes, "memory of the runtime", CORE),
    gauge("neuron_runtime_memory_used_bytes", Unit::Bytes, "memory of a runtime, on the device or the host", RUNTIME),
    counter("execution_errors_total", "failed executions by kind of error"),
    counter("execution_status_total", "executions by how they ended"),
];
