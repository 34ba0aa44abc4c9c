//! Metrics of HAMi's scheduler, on port 9395: what was promised to whom.

use super::dictionary::{
    Former, Label, Metric,
    Role::{DeviceIndex, DeviceType, DeviceUuid, GpuInstance, MigUuid, Namespace, Node, Pod, Profile, Quota},
    Source, Unit, label,
};

const CARD: &[Label] = &[
    label(Node, "node"),
    label(DeviceUuid, "device_uuid"),
    label(DeviceIndex, "device_index"),
    label(DeviceType, "device_type"),
];
const OLD_CARD: &[Label] = &[
    label(Node, "nodeid"),
    label(DeviceUuid, "deviceuuid"),
    label(DeviceIndex, "deviceidx"),
    label(DeviceType, "devicetype"),
];
const SHARE: &[Label] =
    &[label(Namespace, "namespace"), label(Node, "node"), label(Pod, "pod"), label(DeviceUuid, "device_uuid")];
const OLD_SHARE: &[Label] = &[
    label(Namespace, "podnamespace"),
    label(Node, "nodename"),
    label(Pod, "podname"),
    label(DeviceUuid, "deviceuuid"),
];
const QUOTA: &[Label] = &[label(Namespace, "namespace"), label(Quota, "quota_name")];
const OLD_QUOTA: &[Label] = &[label(Namespace, "quotanamespace"), label(Quota, "quotaName")];
const MIG: &[Label] = &[
    label(Node, "node"),
    label(DeviceUuid, "device_uuid"),
    label(DeviceIndex, "device_index"),
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
    Metric { name, source: Source::HamiScheduler, unit, counter: false, help, labels, formerly }
}

const fn former(name: &'static str, labels: &'static [Label]) -> Former {
    Former { name, labels }
}

pub(super) const METRICS: &[Metric] = &[
    gauge(
        "hami_gpu_memory_limit_bytes",
        Unit::Bytes,
        "memory of the card",
        CARD,
        &[former("GPUDeviceMemoryLimit", OLD_CARD)],
    ),
    gauge(
        "hami_gpu_core_limit_ratio",
        Unit::Percent,
        "computing of the card, 100 for a card",
        CARD,
        &[former("GPUDeviceCoreLimit", OLD_CARD)],
    ),
    gauge(
        "hami_gpu_memory_allocated_bytes",
        Unit::Bytes,
        "memory of the card that was promised to pods",
        CARD,
        &[former("GPUDeviceMemoryAllocated", OLD_CARD)],
    ),
    gauge(
        "hami_gpu_core_allocated_ratio",
        Unit::Percent,
        "computing of the card that was promised to pods",
        CARD,
        &[former("GPUDeviceCoreAllocated", OLD_CARD)],
    ),
    gauge("hami_gpu_shared_count", Unit::Count, "tasks on the card", CARD, &[former("GPUDeviceSharedNum", OLD_CARD)]),
    gauge(
        "hami_node_gpu_overview",
        Unit::Bytes,
        "memory of the card that was promised to pods, with the card's facts as labels",
        CARD,
        &[former("nodeGPUOverview", OLD_CARD)],
    ),
    gauge(
        "hami_node_gpu_memory_allocated_ratio",
        Unit::Ratio,
        "share of the card's memory that was promised to pods",
        CARD,
        &[former("nodeGPUMemoryPercentage", OLD_CARD)],
    ),
    gauge(
        "hami_node_gpu_mig_instance_info",
        Unit::Info,
        "a MIG instance of the card",
        MIG,
        &[former("nodeGPUMigInstance", OLD_CARD)],
    ),
    gauge(
        "hami_vgpu_memory_allocated_bytes",
        Unit::Bytes,
        "memory of a card that was promised to a pod",
        SHARE,
        &[former("vGPUMemoryAllocated", OLD_SHARE), former("vGPUPodsDeviceAllocated", OLD_SHARE)],
    ),
    gauge(
        "hami_vgpu_core_allocated_ratio",
        Unit::Percent,
        "computing of a card that was promised to a pod",
        SHARE,
        &[former("vGPUCoreAllocated", OLD_SHARE)],
    ),
    // These ended with HAMi 2.7; nothing today says the same.
    gauge("vGPUMemoryPercentage", Unit::Ratio, "share of a card's memory that was promised to a pod", OLD_SHARE, &[]),
    gauge("vGPUCorePercentage", Unit::Ratio, "share of a card's computing that was promised to a pod", OLD_SHARE, &[]),
    gauge(
        "hami_resource_quota_used",
        Unit::QuotaUse,
        "what pods of the namespace were promised of a resource with a quota",
        QUOTA,
        &[former("QuotaUsed", OLD_QUOTA)],
    ),
    gauge("hami_resource_quota_limit", Unit::QuotaLimit, "limit of a quota; from HAMi 2.10", QUOTA, &[]),
    gauge(
        "hami_build_info",
        Unit::Info,
        "version of the scheduler or the monitor that exports it",
        // Only `version`, `revision` and the like; whose it is, the labels of the scrape say.
        &[],
        &[],
    ),
];
