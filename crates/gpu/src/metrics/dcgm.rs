//! Metrics of NVIDIA's exporter, on port 9400. Joined with HAMi's by the card's UUID, MIG instances by UUID and instance.

use super::dictionary::{
    Label, Metric,
    Role::{Container, DeviceIndex, DeviceType, DeviceUuid, GpuInstance, Namespace, Node, Pod, Profile},
    Source, Unit, label,
};

const LABELS: &[Label] = &[
    label(DeviceUuid, "UUID"),
    label(DeviceIndex, "gpu"),
    label(DeviceType, "modelName"),
    label(Node, "Hostname"),
    label(GpuInstance, "GPU_I_ID"),
    label(Profile, "GPU_I_PROFILE"),
    label(Namespace, "namespace"),
    label(Pod, "pod"),
    label(Container, "container"),
];

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, source: Source::Dcgm, unit, counter: false, help, labels: LABELS, formerly: &[] }
}

const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { counter: true, ..gauge(name, unit, help) }
}

pub(super) const METRICS: &[Metric] = &[
    gauge("DCGM_FI_DEV_GPU_UTIL", Unit::Percent, "time in which the card computed; empty for MIG instances"),
    gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", Unit::Ratio, "time in which the card or the MIG instance computed"),
    gauge("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", Unit::Ratio, "time in which tensor cores computed"),
    gauge("DCGM_FI_PROF_DRAM_ACTIVE", Unit::Ratio, "time in which memory was read or written"),
    gauge("DCGM_FI_PROF_PCIE_TX_BYTES", Unit::Bytes, "bytes a second sent over PCIe"),
    gauge("DCGM_FI_PROF_PCIE_RX_BYTES", Unit::Bytes, "bytes a second received over PCIe"),
    gauge("DCGM_FI_DEV_MEM_COPY_UTIL", Unit::Percent, "time in which memory was read or written"),
    gauge("DCGM_FI_DEV_ENC_UTIL", Unit::Percent, "time in which the encoder worked"),
    gauge("DCGM_FI_DEV_DEC_UTIL", Unit::Percent, "time in which the decoder worked"),
    gauge("DCGM_FI_DEV_FB_USED", Unit::Mebibytes, "memory in use"),
    gauge("DCGM_FI_DEV_FB_FREE", Unit::Mebibytes, "memory not in use"),
    gauge("DCGM_FI_DEV_FB_RESERVED", Unit::Mebibytes, "memory that the driver keeps"),
    gauge("DCGM_FI_DEV_GPU_TEMP", Unit::Celsius, "temperature of the card"),
    gauge("DCGM_FI_DEV_MEMORY_TEMP", Unit::Celsius, "temperature of the memory"),
    gauge("DCGM_FI_DEV_POWER_USAGE", Unit::Watts, "power drawn"),
    counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Unit::Millijoules, "energy since the driver was loaded"),
    gauge("DCGM_FI_DEV_SM_CLOCK", Unit::Megahertz, "clock of the processors"),
    gauge("DCGM_FI_DEV_MEM_CLOCK", Unit::Megahertz, "clock of the memory"),
    gauge("DCGM_FI_DEV_XID_ERRORS", Unit::Code, "number of the last XID error"),
    counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", Unit::Count, "repeated transfers over PCIe"),
    counter("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", Unit::Count, "transfers over NVLink, in the unit of the driver"),
    gauge("DCGM_FI_DEV_VGPU_LICENSE_STATUS", Unit::Code, "state of the vGPU licence"),
    counter("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", Unit::Count, "rows replaced after errors beyond correction"),
    counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", Unit::Count, "rows replaced after corrected errors"),
    gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", Unit::Code, "1 when rows could not be replaced: the card has to go"),
    counter("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", Unit::Count, "corrected memory errors since the last boot"),
    counter("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", Unit::Count, "memory errors beyond correction since the last boot"),
    counter("DCGM_FI_DEV_POWER_VIOLATION", Unit::Count, "time throttled for power, in the unit of the driver"),
    counter("DCGM_FI_DEV_THERMAL_VIOLATION", Unit::Count, "time throttled for heat, in the unit of the driver"),
];
