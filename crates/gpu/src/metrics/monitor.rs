//! Metrics of HAMi's monitor, on port 9394 of nodes with NVIDIA cards: what is used.

use super::dictionary::{
    Former, Label, Metric,
    Role::{Container, DeviceIndex, DeviceType, DeviceUuid, GpuInstance, MigUuid, Namespace, Node, Pod, Profile},
    Source, Unit, label,
};

const CARD: &[Label] = &[
    label(Node, "node"),
    label(DeviceUuid, "device_uuid"),
    label(DeviceIndex, "device_index"),
    label(DeviceType, "device_type"),
];
const CARD_WITHOUT_NODE: &[Label] =
    &[label(DeviceUuid, "device_uuid"), label(DeviceIndex, "device_index"), label(DeviceType, "device_type")];
const OLD_CARD: &[Label] = &[
    label(Node, "nodeid"),
    label(DeviceUuid, "deviceuuid"),
    label(DeviceIndex, "deviceidx"),
    label(DeviceType, "devicetype"),
];
const SHARE: &[Label] = &[
    label(Namespace, "namespace"),
    label(Pod, "pod"),
    label(Container, "container"),
    label(DeviceUuid, "device_uuid"),
];
const OLD_SHARE: &[Label] = &[
    label(Namespace, "podnamespace"),
    label(Pod, "podname"),
    label(Container, "ctrname"),
    label(DeviceUuid, "deviceuuid"),
];
const MIG: &[Label] = &[
    label(Namespace, "namespace"),
    label(Pod, "pod"),
    label(Container, "container"),
    label(DeviceUuid, "device_uuid"),
    label(MigUuid, "mig_uuid"),
    label(Profile, "profile"),
    label(GpuInstance, "gpu_instance_id"),
];

const fn gauge(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    labels: &'static [Label],
    formerly: &'static [Former],
) -> Metric {
    Metric { name, source: Source::HamiMonitor, unit, counter: false, help, labels, formerly }
}

const fn former(name: &'static str, labels: &'static [Label]) -> Former {
    Former { name, labels }
}

pub(super) const METRICS: &[Metric] = &[
    gauge(
        "hami_host_gpu_memory_used_bytes",
        Unit::Bytes,
        "memory in use on the whole card",
        CARD,
        &[former("HostGPUMemoryUsage", OLD_CARD)],
    ),
    gauge(
        "hami_host_gpu_utilization_ratio",
        Unit::Percent,
        "time in which the card computed",
        CARD,
        &[former("HostCoreUtilization", OLD_CARD)],
    ),
    gauge(
        "hami_host_gpu_memory_controller_utilization_ratio",
        Unit::Percent,
        "time in which the card's memory was read or written; from HAMi 2.10",
        CARD_WITHOUT_NODE,
        &[],
    ),
    gauge(
        "hami_vgpu_memory_used_bytes",
        Unit::Bytes,
        "memory that a container uses of a card",
        SHARE,
        &[former("vGPU_device_memory_usage_in_bytes", OLD_SHARE)],
    ),
    gauge(
        "hami_vgpu_memory_limit_bytes",
        Unit::Bytes,
        "memory that a container may use of a card",
        SHARE,
        &[former("vGPU_device_memory_limit_in_bytes", OLD_SHARE)],
    ),
    gauge(
        "hami_container_device_memory_bytes",
        Unit::Bytes,
        "memory that a container uses of a card",
        SHARE,
        &[former("Device_memory_desc_of_container", OLD_SHARE)],
    ),
    gauge(
        "hami_container_device_utilization_ratio",
        Unit::Percent,
        "time in which a container computed on a card",
        SHARE,
        &[former("Device_utilization_desc_of_container", OLD_SHARE)],
    ),
    gauge(
        "hami_container_last_kernel_elapsed_seconds",
        Unit::Seconds,
        "time since a container last computed on a card",
        SHARE,
        &[former("Device_last_kernel_of_container", OLD_SHARE)],
    ),
    gauge("hami_vgpu_memory_context_bytes", Unit::Bytes, "memory of a container's contexts", SHARE, &[]),
    gauge("hami_vgpu_memory_module_bytes", Unit::Bytes, "memory of a container's modules", SHARE, &[]),
    gauge("hami_vgpu_memory_buffer_bytes", Unit::Bytes, "memory of a container's buffers", SHARE, &[]),
    gauge("hami_mig_device_info", Unit::Info, "the MIG instance of a container", MIG, &[former("MigInfo", OLD_SHARE)]),
];
